"""Challenger and champion on the same rows: the pairs, the difference, and its interval."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from compare import ENOUGH_DAYS, MOST_UNITS, compare, interval, units
from fixtures.model_programs import of_job
from fixtures.shop import TASKS, shop
from fixtures.workflow import REPOSITORY
from monthwise.models.metrics import Segment

ROWS = 3_000
SETTINGS = of_job("compare")


def predicted(noise: float = 0.0, seed: int = 0, day_effect: float = 0.0):
    random = np.random.default_rng(seed)
    days = np.repeat(np.arange(30), ROWS // 30)
    target = random.normal(15, 5, ROWS)
    champion = target + random.normal(0, 3, ROWS)
    challenger = target + random.normal(0, 3, ROWS) * (1 + noise) + random.normal(0, 1, 30)[days] * day_effect
    return days, challenger, champion, target


def compared(*rows: np.ndarray, by: dict | None = None, groups: np.ndarray | None = None, **changed) -> dict:
    return compare(*rows, by or {}, SETTINGS | changed, groups)


def test_the_difference_is_that_of_the_root_mean_square_errors():
    comparison = compared(*predicted(0.2))
    assert comparison["difference"] == pytest.approx(
        1 - comparison["challenger"]["rmse"] / comparison["champion"]["rmse"]
    )
    assert comparison["interval"][0] < comparison["difference"] < comparison["interval"][1]
    assert (comparison["rows"], comparison["redrawn"], comparison["units"]) == (ROWS, "days", 30)
    assert (comparison["metric"], comparison["unit"]) == ("rmse", "min")


@pytest.mark.parametrize(
    ("task", "metric"), [("regression", "mae"), ("binary", "log_loss"), ("binary", "brier"), ("multiclass", "log_loss")]
)
def test_the_difference_is_that_of_the_error_that_decides(task, metric):
    days, challenger, champion, target = predicted(0.2)
    if task != "regression":
        challenger, champion = (1 / (1 + np.exp(-values / 10)) for values in (challenger, champion))
        target = (target > 15).astype(float)
    if task == "multiclass":
        challenger, champion = (
            np.column_stack([1 - values, values * 0.9, values * 0.1]) for values in (challenger, champion)
        )
    comparison = compared(days, challenger, champion, target, task=task, metric=metric)
    ratio = comparison["challenger"][metric] / comparison["champion"][metric]
    assert comparison["difference"] == pytest.approx(1 - ratio)
    assert comparison["interval"][0] < comparison["difference"] < comparison["interval"][1]
    assert comparison["metric"] == metric


def test_the_interval_covers_no_difference_about_as_often_as_it_says():
    intervals = (compared(*predicted(seed=seed))["interval"] for seed in range(100))
    assert 85 <= sum(low <= 0 <= high for low, high in intervals) <= 100


def test_what_one_day_does_to_all_its_rows_makes_the_interval_wider():
    narrow, wide = (compared(*predicted(day_effect=effect))["interval"] for effect in (0, 2))
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_what_a_group_does_to_all_its_rows_makes_the_interval_wider_too():
    _, challenger, champion, target = predicted()
    days, groups = np.zeros(ROWS), np.arange(ROWS) % 60
    challenger = challenger + np.random.default_rng(1).normal(0, 3, 60)[groups]
    narrow, wide = (compared(days, challenger, champion, target, groups=column) for column in (None, groups))
    assert (narrow["redrawn"], wide["redrawn"], wide["units"]) == ("rows", "groups", 60)
    assert np.ptp(wide["interval"]) > 1.5 * np.ptp(narrow["interval"])


def test_the_same_predictions_are_no_better_and_the_same_seed_gives_the_same_interval():
    days, challenger, _, target = predicted()
    comparison = compared(days, challenger, challenger, target)
    assert (comparison["difference"], comparison["interval"]) == (0.0, [0.0, 0.0])
    assert compared(*predicted(0.1)) == compared(*predicted(0.1))
    one_day = [np.zeros(ROWS), *predicted(0.1)[1:]]
    assert compared(*one_day) == compared(*one_day)


def test_two_models_without_an_error_are_equal():
    target = np.arange(30.0)
    comparison = compared(np.arange(30), target, target, target)
    assert (comparison["difference"], comparison["interval"]) == (0.0, [0.0, 0.0])


def test_one_unit_says_nothing():
    assert interval(np.array([1.0]), np.array([2.0])) == [-1.0, 1.0]


def test_days_are_redrawn_if_there_are_enough_of_them():
    days = np.repeat([18_003, 18_000, 18_001], [2, 3, 1])
    many = np.concatenate([days, 18_010 + np.arange(ENOUGH_DAYS - 3)])
    index, by = units(many, None)
    assert by == "days"
    assert index.tolist() == [2, 2, 0, 0, 0, 1, *range(3, ENOUGH_DAYS)]


def test_rows_are_redrawn_if_days_are_few():
    days = np.repeat(np.arange(ENOUGH_DAYS - 1), 3)
    index, by = units(days, None)
    assert by == "rows"
    assert index.tolist() == list(range(len(days)))


def test_groups_are_redrawn_if_config_names_them_however_many_days_there_are():
    index, by = units(np.arange(40), np.array([7, 9, 7, 8] * 10, np.uint64))
    assert by == "groups"
    assert index.tolist() == [0, 2, 0, 1] * 10


def test_very_many_rows_or_groups_are_packed_into_equal_packets_at_random():
    rows = 5 * MOST_UNITS
    index, by = units(np.zeros(rows), None)
    assert by == "rows"
    assert np.bincount(index).tolist() == [5] * MOST_UNITS
    assert not np.array_equal(index, np.sort(index))
    assert np.array_equal(index, units(np.zeros(rows), None)[0])
    groups = np.repeat(np.arange(2 * MOST_UNITS), 3)
    packets, by = units(np.zeros(len(groups)), groups)
    assert by == "groups"
    assert np.bincount(packets).tolist() == [6] * MOST_UNITS
    assert (packets.reshape(-1, 3) == packets[::3, None]).all()  # a group stays whole


def test_many_days_stay_days():
    index, by = units(np.arange(2 * MOST_UNITS), None)
    assert (by, index.max() + 1) == ("days", 2 * MOST_UNITS)


def test_segments_share_out_the_rows():
    days, challenger, champion, target = predicted()
    halves = {"half": Segment(np.arange(ROWS) % 2, ["even", "odd", "none"])}
    comparison = compared(days, challenger, champion, target, by=halves)
    assert set(comparison["by"]["half"]) == {"even", "odd"}
    assert sum(part["rows"] for part in comparison["by"]["half"].values()) == ROWS
    even = np.sqrt(np.mean((challenger - target)[::2] ** 2))
    assert comparison["by"]["half"]["even"]["challenger_error"] == pytest.approx(even)


def called(folder, features: pa.Table, challenger: pa.Table, champion: pa.Table, dataset: str = "green", **changed):
    """Run `compare` as a process; return how it ended, and the content of comparison.json."""
    contents = {"features": features, "challenger": challenger, "champion": champion}
    for name, table in contents.items():
        pq.write_table(table, folder / name)
    (folder / "previous").write_text(json.dumps({"champion": {"month": "2021-02"}}))
    settings = of_job("compare", dataset, "2021-04") | changed
    paths = [f"--{name}={folder / name}" for name in ("challenger", "champion", "previous", "features", "comparison")]
    command = [sys.executable, "scripts/compare.py", *paths, "--settings", json.dumps(settings)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    return ended, json.loads((folder / "comparison").read_text()) if ended.returncode == 0 else {}


def predictions(rows: range, error: float) -> pa.Table:
    columns = {"row": pa.array(rows, pa.int64()), "prediction": pa.array([10.0 + error] * len(rows))}
    return pa.table(columns | {"target": pa.array([10.0] * len(rows))})


def trips() -> pa.Table:
    known = {
        "row": pa.array(range(100), pa.int64()),
        "epoch_day": pa.array([18_000 + n // 10 for n in range(100)], pa.int32()),
        "hour": pa.array([n % 24 for n in range(100)], pa.int8()),
        "distance_mi": pa.array([1.5, None] * 50),
        "borough": pa.array(["Queens"] * 100),
    }
    return pa.table(known)


def test_rows_are_paired_by_their_key_and_what_is_alone_is_counted(tmp_path):
    ended, comparison = called(tmp_path, trips(), predictions(range(80), 1.0), predictions(range(10, 100), 2.0))
    assert ended.returncode == 0, ended.stdout
    assert (comparison["rows"], comparison["unpaired"]) == (70, {"challenger": 10, "champion": 20})
    assert comparison["difference"] == pytest.approx(0.5)
    assert comparison["champion_month"] == "2021-02"
    assert comparison["by"]["distance_mi"]["missing"]["rows"] == 35
    assert comparison["by"]["borough"] == {"Queens": {"rows": 70, "challenger_error": 1.0, "champion_error": 2.0}}


def test_nothing_in_common_is_one_line(tmp_path):
    ended, _ = called(tmp_path, trips(), predictions(range(10), 1.0), predictions(range(50, 60), 2.0))
    assert ended.returncode == 65
    assert "green 2021-04: challenger and champion have no row of 2021-03 in common" in ended.stdout.splitlines()[-1]


def test_features_that_lack_predicted_rows_are_one_line(tmp_path):
    ended, _ = called(tmp_path, trips().slice(0, 50), predictions(range(80), 1.0), predictions(range(80), 2.0))
    assert ended.returncode == 65
    assert "green 2021-04: features of 2021-03 lack rows that were predicted" in ended.stdout.splitlines()[-1]


@pytest.mark.parametrize("task", TASKS)
def test_each_task_is_compared_by_groups_and_text_segments(task, tmp_path):
    features = shop(task, 300)
    features = features.append_column("group", pa.array(np.arange(300) % 40, pa.uint64()))
    target = features["target"].to_numpy()
    tables = []
    for sureness in (0.9, 0.7):
        if task == "multiclass":
            shares = np.full((300, 3), (1 - sureness) / 2)
            shares[np.arange(300), target.astype(int)] = sureness
            columns = {f"prediction_{code}": shares[:, code] for code in range(3)}
        else:
            by_task = {"binary": np.where(target == 1, sureness, 1 - sureness), "regression": target + 1 / sureness}
            columns = {"prediction": by_task[task]}
        tables.append(pa.table({"row": features["row"]} | columns | {"target": target}))
    ended, comparison = called(tmp_path, features, *tables, dataset=f"shop-{task}", group=True)
    assert ended.returncode == 0, ended.stdout
    expected = {"regression": 1 - 0.7 / 0.9}.get(task, 1 - np.log(0.9) / np.log(0.7))
    assert comparison["difference"] == pytest.approx(expected)
    assert (comparison["redrawn"], comparison["units"]) == ("groups", 40)
    assert comparison["by"]["store"]["missing"]["rows"] == features["store"].null_count > 0
    assert sum(part["rows"] for part in comparison["by"]["store"].values()) == 300
