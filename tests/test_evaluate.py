"""Evaluation: the files of `evaluate`, and what it refuses."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import skops.io
from fixtures.model_programs import run_evaluate, run_train, table
from fixtures.workflow import REPOSITORY
from monthwise.base import exits
from monthwise.data import zones
from monthwise.models import evaluation, model_files
from monthwise.models.baseline import PairMean
from sklearn.dummy import DummyRegressor


def test_unseen_pairs_are_counted():
    trained, validated = table(50, seed=1).to_pandas(), table(50, seed=2).to_pandas()
    validated["pair"] = [7, *[int(trained["pair"][0])] * 49]
    target = trained["duration_min"]
    model = DummyRegressor().fit(trained[["hour"]], target)
    trips, metrics = evaluation.evaluate(
        model, PairMean().fit(trained, target), [validated[:20], validated[20:]], ["hour"], None
    )
    assert metrics["unseen_pairs"] == 1
    assert list(trips.columns) == ["trip", "prediction_min", "duration_min"]
    assert "borough" not in metrics["by"]


def test_predicted_against_real_and_errors_by_zone_add_up():
    features = table(500).to_pandas()
    features["pickup_zone"] = [4] * 300 + [7] * 150 + [100_000] * 50
    target = features["duration_min"]
    model, baseline = DummyRegressor().fit(features[["hour"]], target), PairMean().fit(features, target)
    places = zones.read(REPOSITORY / "config/zones/new-york.csv")
    trips, metrics = evaluation.evaluate(model, baseline, [features[:280], features[280:]], ["hour"], places)
    histogram, errors_min = metrics["predicted_real"], trips["prediction_min"] - trips["duration_min"]
    counts = np.array(histogram["counts"])
    assert counts.sum() == 500
    assert counts[int(target.mean() / histogram["width_min"])].sum() == 500  # all predictions are the mean
    of_real = np.bincount(
        (target // histogram["width_min"]).astype(int).clip(upper=len(counts) - 1), minlength=len(counts)
    )
    assert counts.sum(0).tolist() == of_real.tolist()
    assert {zone: zone_errors["rows"] for zone, zone_errors in metrics["zones"].items()} == {"4": 300, "7": 150}
    assert metrics["zones"]["4"]["rmse_min"] == pytest.approx(np.sqrt((errors_min[:300] ** 2).mean()))


def test_the_program_writes_the_same_bytes_twice_and_the_metrics_follow_from_the_trips(tmp_path):
    assert run_train(tmp_path, table()).returncode == 0
    written = []
    for _ in range(2):
        ended = run_evaluate(tmp_path)
        assert ended.returncode == 0, ended.stdout
        written.append([(tmp_path / name).read_bytes() for name in ("validation.parquet", "metrics.json")])
    assert written[0] == written[1]
    trips = pq.read_table(tmp_path / "validation.parquet").to_pandas()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    errors_min = trips["prediction_min"] - trips["duration_min"]
    assert metrics["rmse_min"] == pytest.approx(np.sqrt((errors_min**2).mean()), rel=1e-12)
    assert metrics["train_rows"] == 400


def test_a_model_file_with_a_type_that_is_not_trusted_is_refused_by_name(tmp_path):
    assert run_train(tmp_path, table()).returncode == 0
    skops.io.dump(PairMean(), tmp_path / "planted")
    ended = run_evaluate(tmp_path, model="planted")
    assert ended.returncode == 65
    assert "monthwise.baseline.PairMean" in ended.stdout.splitlines()[-1]


def test_a_damaged_model_file_is_one_line(tmp_path):
    (tmp_path / "model").write_bytes(b"no model")
    with pytest.raises(exits.BadData, match="train the month again"):
        model_files.load(tmp_path / "model", "linear")
