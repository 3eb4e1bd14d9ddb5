"""Drift: features whose distance exceeds the noise of the training window, ranked."""

import json

import numpy as np
import pytest
from drift import DRIFTED, drift

ROWS = 6_000


def month(seed: int, slower: float = 1.0, zone: int | None = None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    days = np.repeat(np.arange(30), ROWS // 30)
    rush = random.normal(1, 0.03, 30)[days]  # a day that is slower is slower for all its trips
    zones = random.integers(1, 15, ROWS).astype(float)
    return days, {
        "duration_min": random.gamma(4, 4, ROWS) * rush * slower,
        "distance_mi": np.where(random.random(ROWS) < 0.05, np.nan, random.gamma(2, 2, ROWS)),
        "pickup_zone": np.where(zones == zone, 1.0, zones),
        "weekday": (days % 7).astype(float),
    }


def paired(then: dict[str, np.ndarray], now: dict[str, np.ndarray]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    return [(name, then[name], now[name]) for name in then]


def drifted(window: int, other: int, **changed) -> list[str]:
    days, then = month(window)
    return [feature["name"] for feature in drift(days, paired(then, month(other, **changed)[1])) if feature["drifted"]]


def test_one_month_against_the_next_of_the_same_kind_hardly_ever_drifts():
    names = [name for seed in range(10) for name in drifted(2 * seed, 2 * seed + 1)]
    assert len(names) <= 2  # of 40 features


def test_what_changed_comes_first():
    days, then = month(1)
    ranked = drift(days, paired(then, month(2, slower=1.3)[1]))
    assert ranked[0]["name"] == "duration_min"
    assert ranked[0]["is_target"]
    assert ranked[0]["ratio"] > DRIFTED
    assert [feature["name"] for feature in ranked if feature["drifted"]] == ["duration_min"]
    assert [feature["ratio"] for feature in ranked] == sorted((feature["ratio"] for feature in ranked), reverse=True)


def test_a_zone_that_closed_and_distances_that_went_missing_are_seen():
    assert drifted(1, 2, zone=7) == ["pickup_zone"]
    days, then = month(1)
    now = month(2)[1]
    now["distance_mi"][: ROWS // 2] = np.nan
    assert [feature["name"] for feature in drift(days, paired(then, now)) if feature["drifted"]] == ["distance_mi"]


@pytest.mark.parametrize("value", [3.0, np.nan])
def test_a_feature_that_never_varies_does_not_drift_and_gives_json(value):
    days = np.repeat(np.arange(5), 10)
    features = drift(days, [("distance_mi", np.full(50, value), np.full(20, value))])
    assert (features[0]["distance"], features[0]["drifted"]) == (0.0, False)
    json.dumps(features, allow_nan=False)


def test_a_window_of_one_day_has_the_least_noise_and_no_error():
    assert drift(np.zeros(10, int), [("weekday", np.zeros(10), np.ones(3))])[0]["distance"] == 1.0
