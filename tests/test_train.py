"""Training: the sample, the fit, and the messages of a broken recipe."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import train
from fixtures.model_programs import LINEAR, of_job, run_train, table
from fixtures.shop import TASKS, shop
from monthwise.models import evaluation, frames, model_files, recipes


def test_a_sample_is_seeded_keeps_the_order_and_is_no_larger_than_asked(tmp_path, monkeypatch):
    for name, rows in (("a", 600), ("b", 400)):
        pq.write_table(table(rows), tmp_path / name)
    paths = [tmp_path / "a", tmp_path / "b"]
    monkeypatch.setattr(train, "BATCH_ROWS", 64)
    (first, rows), (repeated, _), (other, _) = (train.sample(paths, 100, seed) for seed in (1, 1, 2))
    assert (first.num_rows, rows) == (100, 1000)
    assert first.equals(repeated)
    assert not first.equals(other)
    everything, _ = train.sample(paths, 1000, 1)
    assert everything["row"].to_pylist() == [*range(600), *range(400)]
    positions = np.sort(np.random.default_rng(1).choice(1000, 100, replace=False))
    assert first.equals(everything.take(pa.array(positions)))


def test_the_program_writes_a_model_that_predicts_and_says_what_it_was_trained_on(tmp_path):
    ended = run_train(tmp_path, table(), max_rows=300)
    assert ended.returncode == 0, ended.stdout
    training = json.loads((tmp_path / "training").read_text())
    assert (training["rows_available"], training["train_rows"], training["months"]) == (400, 300, ["2021-01"])
    assert training["columns"] == of_job("train")["columns"]
    model = model_files.load(tmp_path / "model", "linear")
    features = table(seed=3).to_pandas()
    assert np.abs(model.predict(features[training["columns"]]) - features["target"]).max() < 0.1


def test_values_of_watched_features_are_counted_and_others_are_not(tmp_path):
    features = shop("binary")
    assert run_train(tmp_path, features, "shop-binary", recipe="boosted", parameters={}).returncode == 0
    counts = json.loads((tmp_path / "training").read_text())["categories"]
    assert set(counts) == {"store", "open", "weekday"}
    assert counts["store"]["missing"] == features["store"].null_count
    assert counts["store"]["store 3"] == pc.sum(pc.equal(features["store"], "store 3")).as_py()
    assert sum(counts["store"].values()) == sum(counts["open"].values()) == features.num_rows


def test_a_feature_that_gives_the_target_away_is_a_leak_in_training_json(tmp_path):
    features = shop()
    leaking = features.set_column(features.schema.get_field_index("price"), "price", features["target"])
    assert run_train(tmp_path, leaking, "shop-regression").returncode == 0
    assert [leak["feature"] for leak in json.loads((tmp_path / "training").read_text())["leaks"]] == ["price"]
    assert run_train(tmp_path, features, "shop-regression").returncode == 0
    assert json.loads((tmp_path / "training").read_text())["leaks"] == []


FEW_TREES = {"boosted": {"max_iter": 5}, "linear": {}}


NUMBERS = ("price", "open", "weekday")  # all of a shop


def fit_settings(recipe: str, dataset: str = "green") -> dict:
    return of_job("train", dataset) | {"recipe": recipe, "parameters": FEW_TREES[recipe]}


def assert_same_predictions(pipeline, recipe: str, settings: dict, features, path) -> None:
    model_files.dump(pipeline, path)
    loaded = model_files.load(path, recipe)
    both = [evaluation.predict(model, features, settings["columns"], settings["task"]) for model in (pipeline, loaded)]
    assert np.isfinite(both[0]).all()
    assert np.array_equal(*both)


@pytest.mark.parametrize("recipe", recipes.names())
@pytest.mark.parametrize("missing", [["distance_mi"], ["vendor"], ["straight_mi"], of_job("train")["numbers"][1:]])
def test_every_recipe_can_do_without_an_optional_column(recipe, missing, tmp_path):
    features = table().to_pandas()
    features[missing] = np.nan
    settings = fit_settings(recipe)
    assert_same_predictions(train.fit(features, settings)[0], recipe, settings, features, tmp_path / "model")


@pytest.mark.parametrize("recipe", recipes.names())
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "missing", [[], ["store"], ["price"], ["price", "open", "weekday"], ["store", "price", "open"]]
)
def test_every_recipe_can_do_without_a_category_or_without_all_numbers(recipe, task, missing, tmp_path):
    features = shop(task)
    for name in missing:
        field = features.schema.field(name)
        empty = pa.nulls(features.num_rows, field.type) if name != "weekday" else pa.array([1] * 600, field.type)
        features = features.set_column(features.schema.get_field_index(name), field, empty)
    settings = fit_settings(recipe, f"shop-{task}")
    pipeline, _ = train.fit(frames.frame(features), settings)
    assert_same_predictions(pipeline, recipe, settings, frames.frame(shop(task, seed=1)), tmp_path / "model")


def test_boosting_gives_the_same_bits_on_one_thread_and_on_two():
    from threadpoolctl import threadpool_limits

    features = table(3000).to_pandas()
    settings = fit_settings("boosted")
    predictions = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="openmp"):
            predictions.append(train.fit(features, settings)[0].predict(features))
    assert np.array_equal(*predictions)


@pytest.mark.parametrize("task", TASKS)
def test_boosting_with_categories_gives_the_same_bits_on_one_thread_and_on_two(task):
    from threadpoolctl import threadpool_limits

    features = frames.frame(shop(task, 3000))
    settings = fit_settings("boosted", f"shop-{task}")
    predictions = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="openmp"):
            pipeline, _ = train.fit(features, settings)
            predictions.append(evaluation.predict(pipeline, features, settings["columns"], task))
    assert np.array_equal(*predictions)


def test_a_window_without_rows_is_one_line(tmp_path):
    ended = run_train(tmp_path, table(0))
    assert ended.returncode == 65
    assert ended.stdout.splitlines()[-1].startswith("exit 65: green 2021-03: no row in 2021-01")


def test_a_class_that_never_occurs_is_one_line_with_its_name(tmp_path):
    features = shop("multiclass")
    without = features.filter(pc.not_equal(features["target"], 2))
    ended = run_train(tmp_path, without, "shop-multiclass")
    assert ended.returncode == 65
    message = "exit 65: shop-multiclass 2021-03: no row of 2021-01 has the class 'huge'; give a longer window"
    assert ended.stdout.splitlines()[-1].startswith(message)
    ended = run_train(tmp_path, shop("binary").slice(0, 1), "shop-binary")
    assert ended.returncode == 65
    assert "has the class 'yes'" in ended.stdout or "has the class 'not yes'" in ended.stdout


def test_parameters_that_scikit_learn_refuses_are_one_line(tmp_path):
    ended = run_train(tmp_path, table(), parameters=LINEAR["parameters"] | {"alpha": -1.0})
    assert ended.returncode == 65
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "look at train.parameters" in ended.stdout.splitlines()[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.parquet"]
