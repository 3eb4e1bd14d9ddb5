"""Challenger and champion on the same trips: the pairs, the difference, and its interval."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from compare import compare, interval
from fixtures.workflow import REPOSITORY
from monthwise.models.errors import Segment

ROWS = 3_000


def trips(noise: float = 0.0, seed: int = 0, day_effect: float = 0.0):
    random = np.random.default_rng(seed)
    days = np.repeat(np.arange(30), ROWS // 30)
    target = random.normal(15, 5, ROWS)
    champion = target + random.normal(0, 3, ROWS)
    challenger = target + random.normal(0, 3, ROWS) * (1 + noise) + random.normal(0, 1, 30)[days] * day_effect
    return days, challenger, champion, target


def test_the_difference_is_that_of_the_root_mean_square_errors():
    days, challenger, champion, target = trips(0.2)
    comparison = compare(days, challenger, champion, target, {})
    assert comparison["difference"] == pytest.approx(
        1 - comparison["challenger"]["rmse_min"] / comparison["champion"]["rmse_min"]
    )
    assert comparison["interval"][0] < comparison["difference"] < comparison["interval"][1]
    assert (comparison["rows"], comparison["days"]) == (ROWS, 30)


def test_the_interval_covers_no_difference_about_as_often_as_it_says():
    covered = sum(low <= 0 <= high for seed in range(100) for low, high in [compare(*trips(seed=seed), {})["interval"]])
    assert 85 <= covered <= 100


def test_what_one_day_does_to_all_its_trips_makes_the_interval_wider():
    narrow, wide = (compare(*trips(day_effect=effect), {})["interval"] for effect in (0, 2))
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_the_same_predictions_are_no_better_and_the_same_seed_gives_the_same_interval():
    days, challenger, _, target = trips()
    comparison = compare(days, challenger, challenger, target, {})
    assert (comparison["difference"], comparison["interval"]) == (0.0, [0.0, 0.0])
    assert compare(*trips(0.1), {}) == compare(*trips(0.1), {})


def test_one_day_says_nothing():
    assert interval(np.array([1.0]), np.array([2.0])) == [-1.0, 1.0]


def test_segments_share_out_the_trips():
    days, challenger, champion, target = trips()
    comparison = compare(
        days, challenger, champion, target, {"half": Segment(np.arange(ROWS) % 2, ["even", "odd", "none"])}
    )
    assert set(comparison["by"]["half"]) == {"even", "odd"}
    assert sum(part["rows"] for part in comparison["by"]["half"].values()) == ROWS
    even = np.sqrt(np.mean((challenger - target)[::2] ** 2))
    assert comparison["by"]["half"]["even"]["challenger_rmse_min"] == pytest.approx(even)


def called(folder, ours: range, theirs: range) -> tuple[subprocess.CompletedProcess, dict]:
    known = {
        "trip": pa.array(range(100), pa.int64()),
        "day": pa.array([18_000 + n // 10 for n in range(100)], pa.int32()),
    }
    known |= {"hour": pa.array([n % 24 for n in range(100)], pa.int8()), "distance_mi": pa.array([1.5, None] * 50)}
    known["pickup_zone"] = pa.array([4] * 100, pa.int64())
    pq.write_table(pa.table(known), folder / "features")
    for name, rows, error in (("challenger", ours, 1.0), ("champion", theirs, 2.0)):
        minutes = pa.array([10.0] * len(rows))
        columns = {"trip": pa.array(rows, pa.int64()), "prediction_min": pa.array([10.0 + error] * len(rows))}
        pq.write_table(pa.table(columns | {"duration_min": minutes}), folder / name)
    (folder / "previous").write_text(json.dumps({"champion": {"month": "2021-02"}}))
    settings = {"service": "green", "month": "2021-04", "validation_month": "2021-03"}
    paths = [f"--{name}={folder / name}" for name in ("challenger", "champion", "previous", "features", "comparison")]
    command = [sys.executable, "scripts/compare.py", *paths, "--settings", json.dumps(settings)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    return ended, json.loads((folder / "comparison").read_text()) if ended.returncode == 0 else {}


def test_trips_are_paired_by_their_key_and_what_is_alone_is_counted(tmp_path):
    ended, comparison = called(tmp_path, range(80), range(10, 100))
    assert ended.returncode == 0, ended.stdout
    assert (comparison["rows"], comparison["unpaired"]) == (70, {"challenger": 10, "champion": 20})
    assert comparison["difference"] == pytest.approx(0.5)
    assert comparison["champion_month"] == "2021-02"
    assert "missing" in comparison["by"]["distance_mi"]


def test_nothing_in_common_is_one_line(tmp_path):
    ended, _ = called(tmp_path, range(10), range(50, 60))
    assert ended.returncode == 65
    assert "green 2021-04: challenger and champion have no trip of 2021-03 in common" in ended.stdout.splitlines()[-1]
