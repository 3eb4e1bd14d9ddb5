"""Errors of predictions, over all trips and by segment."""

import numpy as np
import pytest
from fixtures.model_programs import table
from fixtures.workflow import REPOSITORY
from monthwise.data import zones
from monthwise.models.errors import Segment, errors, errors_by, segments


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


def test_bands_take_every_distance():
    distances = np.array([0.0, 1.0, 1.5, 16.0, 16.1, np.nan])
    bands = segments(np.ones(6, int), distances, np.ones(6, int), None)["distance_mi"]
    assert names_of(bands) == ["0-1", "0-1", "1-2", "8-16", "16-", "missing"]
