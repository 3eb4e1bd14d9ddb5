"""Tracking: one complete run for each month and content, whatever was killed, repeated or concurrent."""

import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from fixtures.model_programs import of_job
from fixtures.shop import TASKS, shop
from fixtures.small_run import COLUMNS, REPOSITORY, features
from fixtures.tracked_months import (
    models_in_store,
    restored_process,
    runs_in_store,
    shop_month,
    track_month,
    track_table,
    trained_month,
)
from monthwise.job import provenance
from monthwise.models import model_files, recipes
from monthwise.tracking import mlflow_store

os.environ.update(mlflow_store.SILENCE)  # mlflow reads it while it is imported

import mlflow
import mlflow.sklearn
from monthwise.tracking import runs


@pytest.fixture(scope="module", autouse=True)
def _undo():
    with restored_process():
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A folder with one store for all tests that ask for months of their own datasets: making tables takes a second."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(autouse=True)
def _in_the_folder(store, monkeypatch):
    monkeypatch.chdir(store)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # mlflow.set_tracking_uri sets it


@pytest.fixture(scope="module")
def green(store):
    before = Path.cwd()
    os.chdir(store)
    options, job = trained_month(store, "green")
    yield options, job, track_month(options, job)
    os.chdir(before)


def test_a_run_shows_month_parameters_errors_data_and_code(green):
    _, _, written = green
    run = mlflow.get_run(written["run_id"])
    assert run.info.run_name == "green 2021-05"
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "recipe": "boosted",
        "recipe.max_iter": "5",
        "recipe.early.stopping": "False",
        "seed": "1",
        "window": "1",
        "training_months": "2021-03",
        "validation_month": "2021-04",
    }
    assert run.data.metrics == {
        "challenger_validation_rmse": 4.25,
        "challenger_validation_mae": 3.5,
        "baseline_validation_rmse": 6.5,
        "baseline_validation_mae": 5.25,
        "validation_rows": 300,
        "train_rows": 300,
        "rows_available": 300,
        "unseen_rows": 7,
    }
    assert set(run.data.tags["monthwise.clean"].split()) <= {"true", "false", "unknown"}
    assert run.data.tags["monthwise.commit"] == provenance.code_commit(REPOSITORY)[0]
    artifacts = {artifact.path for artifact in mlflow.MlflowClient().list_artifacts(written["run_id"])}
    assert artifacts >= {"metrics.json", "training.json"}


def test_data_months_are_inputs_with_their_fingerprints(green):
    options, _, written = green
    inputs = {
        (entry.dataset.name, entry.tags[0].value, entry.dataset.digest)
        for entry in mlflow.get_run(written["run_id"]).inputs.dataset_inputs
    }
    assert inputs == {
        ("green 2021-03", "training", runs.files.sha256(options["features"][0])[:12]),
        ("green 2021-04", "validation", runs.files.sha256(options["validation_features"])[:12]),
    }


@pytest.mark.parametrize("recipe", ["boosted", "linear"])
def test_the_logged_model_predicts_the_same(recipe, store):
    from monthwise.models.model_files import load

    options, job = trained_month(store, f"predict-{recipe}", recipe)
    written = track_month(options, job)
    rows = features("2021-04")[COLUMNS]
    expected = load(options["model"], recipe).predict(rows)
    assert (mlflow.sklearn.load_model(written["model_uri"]).predict(rows) == expected).all()
    served = mlflow.pyfunc.load_model(written["model_uri"])
    assert (served.predict(rows) == expected).all()
    assert served.metadata.signature.inputs.input_names() == COLUMNS
    assert served.metadata.load_input_example(None) is not None


@pytest.mark.parametrize("recipe", recipes.names())
@pytest.mark.parametrize("task", TASKS)
def test_a_logged_model_of_each_task_takes_texts_and_predicts_what_the_file_does(task, recipe, store):
    options, job = shop_month(store, task, recipe)
    written = track_month(options, job)
    columns = of_job("train", f"shop-{task}")["columns"]
    rows = shop(task, seed=2, stores=20).to_pandas()[columns]  # with stores that training has not seen
    model = model_files.load(options["model"], recipe)
    expected = model.predict(rows) if task == "regression" else model.predict_proba(rows)
    served = mlflow.pyfunc.load_model(written["model_uri"])
    assert np.array_equal(served.predict(rows), expected)
    assert expected.shape == {"regression": (600,), "binary": (600, 2), "multiclass": (600, 3)}[task]
    signature = served.metadata.signature
    assert signature.inputs.input_names() == columns
    assert all(column.required for column in signature.inputs.inputs)
    assert served.predict(served.metadata.load_input_example(None)).shape[0] == runs.EXAMPLE_ROWS
    logged = mlflow.get_run(written["run_id"]).data.metrics
    metric = "rmse" if task == "regression" else "log_loss"
    assert logged[f"challenger_validation_{metric}"] < logged[f"baseline_validation_{metric}"]


def test_missing_values_of_the_first_rows_make_no_column_optional(store):
    import pyarrow.parquet as pq

    options, job = trained_month(store, "missing")
    table = features("2021-03")
    table.loc[:3, "distance_mi"] = None
    pq.write_table(track_table(table), options["features"][0])
    signature = mlflow.models.get_model_info(track_month(options, job)["model_uri"]).signature
    assert all(column.required for column in signature.inputs.inputs)


def test_missing_texts_of_the_first_rows_make_no_column_optional(store):
    import pyarrow.parquet as pq

    options, job = shop_month(store, "binary", "linear")
    table = shop("binary", 300).to_pandas()
    table.loc[:9, "store"] = None
    pq.write_table(track_table(table), options["features"][0])
    signature = mlflow.models.get_model_info(track_month(options, job)["model_uri"]).signature
    assert all(column.required for column in signature.inputs.inputs)
    assert signature.inputs.input_types()[0] == mlflow.types.DataType.string


def test_everything_lies_in_the_working_directory(green, store):
    _, _, written = green
    assert (store / "mlflow.db").is_file()
    assert list(store.glob(f"mlruns/*/models/{written['model_id']}/artifacts/model.skops"))
    assert written["uri"] == "sqlite:///mlflow.db"


def test_models_lie_where_config_says_and_move_with_it(store):
    options, job = trained_month(store, "placed")
    places = [store / "models", store / "elsewhere"]
    written = [track_month(options, job | {"artifacts": f"file://{place}"}) for place in (places[0], *places)]
    assert written[1]["run_id"] == written[0]["run_id"] != written[2]["run_id"]
    for place in places:
        assert list(place.glob("monthwise-placed/models/*/artifacts/model.skops"))
    assert [run.info.run_id for run in runs_in_store("placed")] == [written[2]["run_id"]]


def test_asked_again_it_finds_its_run_and_writes_nothing(green, store):
    options, job, written = green

    def state():
        with sqlite3.connect("mlflow.db") as database:
            return list(database.iterdump()), sorted(map(str, store.glob("mlruns/**/*")))

    before = state()
    assert track_month(options, job) == written
    assert state() == before


def test_another_model_file_of_the_same_model_is_the_same_run(green):
    import skops.io
    from monthwise.models.model_files import load

    options, job, written = green
    before = Path(options["model"]).read_bytes()
    skops.io.dump(load(options["model"], "boosted"), options["model"])
    assert Path(options["model"]).read_bytes() != before
    assert track_month(options, job) == written


@pytest.mark.parametrize("what", ["metrics", "features", "parameters"])
def test_another_content_is_another_run_and_the_older_stays(what, store):
    dataset = f"restated-{what}"
    options, job = trained_month(store, dataset)
    first = track_month(options, job)
    if what == "features":
        import pyarrow.parquet as pq

        pq.write_table(track_table(features("2021-03", rows=299)), options["features"][0])
    else:
        path = Path(options["training" if what == "parameters" else "metrics"])
        path.write_text(path.read_text().replace('"max_iter": 5', '"max_iter": 6').replace("4.25", "4.5"))
    second = track_month(options, job)
    assert second["run_id"] != first["run_id"]
    assert {run.info.run_id for run in runs_in_store(dataset)} == {first["run_id"], second["run_id"]}


@pytest.mark.parametrize("step", ["log_inputs", "log_artifact", "log_model"])
def test_a_run_that_failed_half_way_is_replaced(step, store, monkeypatch):
    dataset = f"failed-{step}"
    options, job = trained_month(store, dataset)
    owner = mlflow.sklearn if step == "log_model" else mlflow.MlflowClient
    with monkeypatch.context() as planted:
        planted.setattr(owner, step, lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            track_month(options, job)
    assert len(runs_in_store(dataset)) == 1
    written = track_month(options, job)
    assert [run.info.run_id for run in runs_in_store(dataset)] == [written["run_id"]]
    assert [model.model_id for model in models_in_store(dataset)] == [written["model_id"]]


def test_a_deleted_experiment_is_restored(store):
    options, job = trained_month(store, "deleted")
    written = track_month(options, job)
    mlflow.MlflowClient().delete_experiment(written["experiment_id"])
    assert track_month(options, job)["experiment_id"] == written["experiment_id"]
    assert len(runs_in_store("deleted")) == 1


def test_own_classes_travel_with_the_model():
    assert runs.code_paths_of(["sklearn.tree.X"]) is None
    assert runs.code_paths_of(["monthwise.baseline.GroupMean"]) == [str(REPOSITORY / "scripts/monthwise")]
