"""Evaluation: the files of `evaluate`, and what it refuses."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import skops.io
from fixtures.model_programs import of_job, run_evaluate, run_train, table
from fixtures.shop import TASKS, shop
from monthwise.base import exits
from monthwise.models import evaluation, frames, metrics, model_files
from monthwise.models.baseline import GroupMean
from sklearn.dummy import DummyRegressor

PAIRS = ["pair", "pickup_zone"]
SETTINGS = of_job("evaluate")


def test_unseen_rows_are_counted():
    trained, validated = table(50, seed=1).to_pandas(), table(50, seed=2).to_pandas()
    validated["pair"] = [7, *[int(trained["pair"][0])] * 49]
    target = trained["target"]
    model = DummyRegressor().fit(trained[["hour"]], target)
    baseline = GroupMean(PAIRS).fit(trained, target)
    predicted, measured = evaluation.evaluate(
        model, baseline, [validated[:20], validated[20:]], ["hour"], SETTINGS | {"places": None}
    )
    assert measured["unseen_rows"] == 1
    assert predicted.table().column_names == ["row", "prediction", "target"]
    assert set(measured["by"]) == {"hour", "distance_mi", "borough"}
    assert measured["places"] == {}


def test_predicted_against_actual_and_errors_by_place_add_up():
    features = table(500).to_pandas()
    features["pickup_zone"] = [4] * 300 + [7] * 150 + [-1] * 50
    target = features["target"]
    model, baseline = DummyRegressor().fit(features[["hour"]], target), GroupMean(PAIRS).fit(features, target)
    predicted, measured = evaluation.evaluate(model, baseline, [features[:280], features[280:]], ["hour"], SETTINGS)
    histogram, residual = measured["predicted_actual"], predicted.prediction - predicted.target
    counts = np.array(histogram["counts"])
    assert counts.sum() == 500
    assert counts[int(target.mean() / histogram["width"])].sum() == 500  # all predictions are the mean
    actual_bins = (target // histogram["width"]).astype(int).clip(upper=len(counts) - 1)
    assert counts.sum(0).tolist() == np.bincount(actual_bins, minlength=len(counts)).tolist()
    assert {place: measured["places"][place]["rows"] for place in measured["places"]} == {"4": 300, "7": 150}
    assert measured["places"]["4"]["error"] == pytest.approx(np.sqrt((residual[:300] ** 2).mean()))


def test_batches_with_other_texts_give_what_one_batch_gives():
    settings = of_job("evaluate", "shop-binary")
    whole = shop("binary")
    features = frames.frame(whole)
    baseline = GroupMean(["store"], 2).fit(features, features["target"])
    parts = [frames.frame(part) for part in (whole.slice(0, 3), whole.slice(3, 300), whole.slice(303))]
    (predicted, measured), (in_parts, measured_in_parts) = (
        evaluation.evaluate(baseline, baseline, batches, [], settings) for batches in ([features], parts)
    )
    assert measured == measured_in_parts
    assert predicted.table().equals(in_parts.table())
    assert set(measured["by"]["store"]) == {*(f"store {number}" for number in range(8)), "missing"}


def test_the_program_writes_the_same_bytes_twice_and_the_metrics_follow_from_the_rows(tmp_path):
    assert run_train(tmp_path, table()).returncode == 0
    written = []
    for _ in range(2):
        ended = run_evaluate(tmp_path)
        assert ended.returncode == 0, ended.stdout
        written.append([(tmp_path / name).read_bytes() for name in ("validation.parquet", "metrics.json")])
    assert written[0] == written[1]
    predicted = pq.read_table(tmp_path / "validation.parquet").to_pandas()
    measured = json.loads((tmp_path / "metrics.json").read_text())
    residual = predicted["prediction"] - predicted["target"]
    assert measured["rmse"] == pytest.approx(np.sqrt((residual**2).mean()), rel=1e-12)
    assert (measured["metric"], measured["unit"], measured["train_rows"]) == ("rmse", "min", 400)
    assert f"RMSE {measured['rmse']:.3f} min on 400 rows of 2021-02" in ended.stdout
    assert f"(naive baseline {measured['baseline']['rmse']:.3f})" in ended.stdout


@pytest.mark.parametrize("task", TASKS)
def test_the_metrics_of_each_task_follow_from_its_predictions(task, tmp_path):
    dataset = f"shop-{task}"
    assert run_train(tmp_path, shop(task), dataset).returncode == 0
    ended = run_evaluate(tmp_path, dataset=dataset)
    assert ended.returncode == 0, ended.stdout
    predicted = pq.read_table(tmp_path / "validation.parquet")
    measured = json.loads((tmp_path / "metrics.json").read_text())
    names = [name for name in predicted.column_names if name.startswith("prediction")]
    columns = np.column_stack([predicted[name].to_numpy() for name in names])
    prediction = columns if task == "multiclass" else columns[:, 0]
    expected = metrics.errors(prediction, predicted["target"].to_numpy(), task)
    assert {name: measured[name] for name in expected} == pytest.approx(expected)
    assert measured[measured["metric"]] < measured["baseline"][measured["metric"]]
    if task == "regression":
        assert "confusion" not in measured
        assert "predicted_actual" in measured
        return
    classes = {"binary": ["not yes", "yes"], "multiclass": ["small", "large", "huge"]}[task]
    assert measured["classes"] == classes
    assert len(names) == {"binary": 1, "multiclass": 3}[task]
    assert np.array(measured["confusion"]).sum() == sum(part["rows"] for part in measured["calibration"]) == 600
    assert sum(part["rows"] for part in measured["by"]["price"].values()) == 600
    assert "predicted_actual" not in measured


def test_a_model_file_with_a_type_that_is_not_trusted_is_refused_by_name(tmp_path):
    assert run_train(tmp_path, table()).returncode == 0
    skops.io.dump(GroupMean(), tmp_path / "planted")
    ended = run_evaluate(tmp_path, model="planted")
    assert ended.returncode == 65
    assert "monthwise.baseline.GroupMean" in ended.stdout.splitlines()[-1]


def test_a_damaged_model_file_is_one_line(tmp_path):
    (tmp_path / "model").write_bytes(b"no model")
    with pytest.raises(exits.BadData, match="train the month again"):
        model_files.load(tmp_path / "model", "linear")


def test_a_month_without_rows_is_one_line(tmp_path):
    assert run_train(tmp_path, table()).returncode == 0
    pq.write_table(table(0), tmp_path / "features.parquet")
    ended = run_evaluate(tmp_path)
    assert ended.returncode == 65
    assert ended.stdout.splitlines()[-1].startswith("exit 65: green 2021-03: no row in 2021-02 to measure on")
