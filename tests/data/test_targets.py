"""Targets: numbers, durations and classes, which rows lack one, and what quality.json says about them."""

import pyarrow as pa
import pytest
from fixtures.months_made import clean_table, of_dataset

NUMBERS = [-1.0, 0.0, 15.0, 15.5, 100.0, None, float("nan"), float("inf")]
WORDS = ["yes", " yes", "no", "maybe", "", None, "maybe"]


@pytest.fixture
def targets(tmp_path):
    """Return a function that cleans rows with these values in the column `y`: their targets and quality.json."""

    def run(values, target: dict, task: str = "regression", table: dict | None = None):
        job = of_dataset(
            "clean", file="sales_{month}.parquet", time="date", target=target, task=task, features={"store": "category"}
        )
        columns = {"date": ["2021-01-05"] * len(values), "store": ["x"] * len(values), "y": values}
        rows, quality = clean_table(tmp_path, pa.table(columns | (table or {})), job)
        return rows.column("target").to_pylist(), quality

    return run


def drops(quality: dict) -> dict[str, int]:
    return {name: count for name, count in quality["drops"].items() if count}


@pytest.mark.parametrize(("unit", "length"), [("s", 90 * 60), ("min", 90), ("h", 1.5), ("days", 1 / 16)])
def test_a_duration_has_the_unit_of_config(targets, unit, length):
    ends = ["2021-01-05 01:30", "2021-01-04 22:30", None, "2021-01-05 00:00"]
    values, quality = targets(ends, {"until": ["y"], "unit": unit, "min": 0})
    assert values == [length, 0]
    assert drops(quality) == {"target_below_min": 1, "target_missing": 1}
    assert quality["target"] == {"min": 0, "max": length, "other_values": {}}


def test_a_number_is_missing_where_it_is_not_finite_and_dropped_beyond_its_bounds(targets):
    values, quality = targets(NUMBERS, {"columns": ["y"], "min": 0, "max": 20})
    assert values == [0, 15, 15.5]
    assert drops(quality) == {"target_missing": 3, "target_below_min": 1, "target_above_max": 1}
    assert quality["target"] == {"min": 0, "max": 15.5, "other_values": {}}
    assert targets(NUMBERS, {"columns": ["y"]})[0] == NUMBERS[:5]


def test_above_a_number_is_a_class(targets):
    values, quality = targets(NUMBERS, {"columns": ["y"], "above": 15, "min": 0}, "binary")
    assert values == [0, 0, 1, 1]
    assert drops(quality) == {"target_missing": 3, "target_below_min": 1}
    assert quality["distributions"]["target"] == {"first": 0, "width": 1, "counts": [2, 2]}


@pytest.mark.parametrize(
    ("column", "positive", "others"),
    [
        (WORDS, "yes", {"maybe": 2, "no": 1}),
        (pa.array(WORDS).dictionary_encode(), "yes", {"maybe": 2, "no": 1}),
        ([True, True, False, False, None, None, False], "true", {"false": 3}),
        ([1, 1, 0, 2, None, None, 0], "1", {"0": 2, "2": 1}),
        ([1.0, 1.0, 0.0, 0.5, float("nan"), None, 0.0], "1", {"0": 2, "0.5": 1}),
    ],
)
def test_one_value_is_positive_and_all_others_are_not(targets, column, positive, others):
    values, quality = targets(column, {"columns": ["y"], "positive": positive}, "binary")
    assert values == [1, 1, 0, 0, 0]
    assert drops(quality) == {"target_missing": 2}
    assert quality["target"] == {"min": 0, "max": 1, "other_values": others}


def test_classes_have_their_position_and_other_values_are_dropped_and_named(targets):
    column = ["c", "a", "b", "d", "", None, "a ", *"efghiiddd"]
    values, quality = targets(column, {"columns": ["y"], "classes": ["a", "b", "c"]}, "multiclass")
    assert values == [2, 0, 1, 0]
    assert drops(quality) == {"target_missing": 2, "target_no_class": 10}
    assert list(quality["target"]["other_values"].items())[:2] == [("d", 4), ("i", 2)]
    assert len(quality["target"]["other_values"]) == 5
    assert quality["distributions"]["target"]["counts"] == [2, 1, 1]


def test_a_class_that_is_missing_in_every_row_has_no_target(targets):
    for column in (pa.nulls(3), pa.nulls(3, pa.string()), ["", " ", None]):
        values, quality = targets(column, {"columns": ["y"], "positive": "yes"}, "binary")
        assert (values, drops(quality)) == ([], {"target_missing": 3})
        assert quality["target"] == {"min": None, "max": None, "other_values": {}}


def test_bins_follow_the_bounds_of_config_or_the_values_of_the_month(targets):
    numbers = [float(number) for number in range(1001)] + [1e9]
    of_bounds = targets(numbers, {"columns": ["y"], "min": 0, "max": 2000})[1]["distributions"]["target"]
    assert (of_bounds["first"], of_bounds["width"], len(of_bounds["counts"])) == (0, 100, 20)
    of_values = targets(numbers, {"columns": ["y"]})[1]["distributions"]["target"]
    assert (of_values["first"], of_values["width"]) == (0, 50)
    assert sum(of_values["counts"]) == len(numbers)
    assert len(of_values["counts"]) <= 30


def test_only_kept_rows_make_a_target_that_varies(targets):
    other_month = {"date": ["2021-01-05"] * 150 + ["2020-12-31"]}
    _, quality = targets([3.0] * 150 + [4.0], {"columns": ["y"]}, table=other_month)
    assert quality["target"] == {"min": 3, "max": 3, "other_values": {}}
    assert quality["rule"]["name"] == "target_values_below"


@pytest.mark.parametrize(
    ("values", "target", "task"),
    [
        ([1.0, 2.0, 1.0], {"columns": ["y"]}, "regression"),
        (["2021-01-06", "2021-01-07", "2021-01-06"], {"until": ["y"], "unit": "h"}, "regression"),
        (["no", "maybe", "no"], {"columns": ["y"], "positive": "yes"}, "binary"),
    ],
)
def test_rows_with_another_published_target_are_no_duplicates(targets, values, target, task):
    assert targets(values, target, task)[1]["duplicates"] == 1
