"""Evaluation: the errors, trip by trip and by segment, and what cannot be evaluated."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import skops.io
from fixtures.model_programs import run_evaluate, run_train, table
from fixtures.workflow import REPOSITORY
from monthwise.base import exits, rounding
from monthwise.data import bins, zones
from monthwise.models import evaluation, model_files
from monthwise.models.baseline import PairMean
from monthwise.models.errors import Segment, errors, errors_by, segments
from sklearn.dummy import DummyRegressor


def test_errors_are_the_textbook_ones():
    measured = errors(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0.0, 3.0, 8.0]))
    assert measured["rmse_min"] == pytest.approx(np.sqrt((0 + 4 + 0 + 16) / 4))
    assert measured["mae_min"] == pytest.approx(1.5)
    assert measured["bias_min"] == pytest.approx(-0.5)
    assert measured["p90_abs_min"] == pytest.approx(np.quantile([0, 2, 0, 4], 0.9))
    assert measured["rows"] == 4


def names_of(segment: Segment) -> list[str]:
    return [segment.names[code] for code in segment.codes]


def test_segments_share_out_all_trips_and_their_squared_errors():
    features = table(2000).to_pandas()
    features.loc[:10, "distance_mi"] = np.nan
    features["pickup_zone"] = 265
    features.loc[:99, "pickup_zone"] = 4
    target = features["duration_min"].to_numpy()
    prediction = target + np.random.default_rng(0).normal(size=len(target))
    columns = (features[name].to_numpy() for name in ("hour", "distance_mi", "pickup_zone"))
    by_kind = segments(*columns, zones.read(REPOSITORY / "config/zones/new-york.csv"))
    for segment in by_kind.values():
        errors_by_part = errors_by(segment, prediction, target)
        assert sum(part["rows"] for part in errors_by_part.values()) == 2000
        squares = sum(part["rows"] * part["rmse_min"] ** 2 for part in errors_by_part.values())
        assert squares == pytest.approx(2000 * errors(prediction, target)["rmse_min"] ** 2)
    assert {name: names_of(by_kind["borough"]).count(name) for name in ("Unknown", "Manhattan")} == {
        "Unknown": 1900,
        "Manhattan": 100,
    }
    assert names_of(by_kind["distance_mi"]).count("missing") == 11


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


def test_bins_have_round_edges_and_take_everything():
    assert bins.cover(1, 60, 30) == bins.Bins(0, 2, 30)
    assert bins.cover(0.0, 0.0, 30).count == 1
    assert [rounding.round_up(number) for number in (0.011, 0.02, 3, 7, 10)] == [0.02, 0.02, 5, 10, 10]
    assert bins.Bins(0, 2, 3).counts(np.array([-5, 0, 1.9, 2, 5.9, 6, 99])).tolist() == [3, 1, 3]


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


def test_bands_take_every_distance():
    distances = np.array([0.0, 1.0, 1.5, 16.0, 16.1, np.nan])
    bands = segments(np.ones(6, int), distances, np.ones(6, int), None)["distance_mi"]
    assert names_of(bands) == ["0-1", "0-1", "1-2", "8-16", "16-", "missing"]
