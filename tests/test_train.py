"""Training: the sample, the fit, and the messages of a broken recipe."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import train
from fixtures.model_programs import run_train, table
from monthwise.models import model_files, recipes


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
    assert everything["trip"].to_pylist() == [*range(600), *range(400)]
    positions = np.sort(np.random.default_rng(1).choice(1000, 100, replace=False))
    assert first.equals(everything.take(pa.array(positions)))


def test_the_program_writes_a_model_that_predicts_and_says_what_it_was_trained_on(tmp_path):
    ended = run_train(tmp_path, table(), max_rows=300)
    assert ended.returncode == 0, ended.stdout
    training = json.loads((tmp_path / "training").read_text())
    assert (training["rows_available"], training["train_rows"], training["months"]) == (400, 300, ["2021-01"])
    model = model_files.load(tmp_path / "model", "linear")
    features = table(seed=3).to_pandas()
    assert np.abs(model.predict(features[training["columns"]]) - features["duration_min"]).max() < 0.1


@pytest.mark.parametrize("recipe", recipes.names())
@pytest.mark.parametrize("missing", ["distance_mi", "vendor", "straight_mi"])
def test_every_recipe_can_do_without_an_optional_column(recipe, missing, tmp_path):
    features = table().to_pandas()
    features[missing] = np.nan
    known = {"zones": "codes"} if "zones" in recipes.parameters(recipe) else {}
    for parameters in ({}, known):
        pipeline, _ = train.fit(features, recipe, parameters)
        model_files.dump(pipeline, tmp_path / "model")
        loaded = model_files.load(tmp_path / "model", recipe)
        assert np.array_equal(pipeline.predict(features), loaded.predict(features))


def test_boosting_gives_the_same_bits_on_one_thread_and_on_two():
    from threadpoolctl import threadpool_limits

    features = table(3000).to_pandas()
    predictions = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="openmp"):
            predictions.append(train.fit(features, "boosted", {})[0].predict(features))
    assert np.array_equal(*predictions)


def test_a_window_without_trips_is_one_line(tmp_path):
    ended = run_train(tmp_path, table(0))
    assert ended.returncode == 65
    assert ended.stdout.splitlines()[-1].startswith("exit 65: green 2021-03: no trip in 2021-01")


def test_parameters_that_scikit_learn_refuses_are_one_line(tmp_path):
    ended = run_train(tmp_path, table(), parameters={"solver": "lasso", "alpha": -1.0})
    assert ended.returncode == 65
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "look at train.parameters" in ended.stdout.splitlines()[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.parquet"]
