"""Segments: every row is in one of each kind, whatever its value is."""

import numpy as np
import pandas as pd
import pytest
from fixtures.model_programs import of_job, table
from fixtures.shop import TASKS, shop
from monthwise.models import frames
from monthwise.models.metrics import (
    MOST_SEGMENTS,
    OTHERS,
    Segment,
    by_band,
    by_value,
    error_of,
    errors,
    errors_by,
    losses,
    segments_of,
)


def names_of(segment: Segment) -> list[str]:
    return [segment.names[code] for code in segment.codes]


def test_segments_share_out_all_rows_and_their_squared_errors():
    features = table(2000).to_pandas()
    features.loc[:10, "distance_mi"] = np.nan
    features.loc[:99, "borough"] = "Nowhere"
    target = features["target"].to_numpy()
    prediction = target + np.random.default_rng(0).normal(size=len(target))
    by_kind = segments_of(features, of_job("evaluate")["segments"])
    assert set(by_kind) == {"hour", "distance_mi", "borough"}
    for segment in by_kind.values():
        errors_by_part = errors_by(segment, prediction, target, "regression")
        assert sum(part["rows"] for part in errors_by_part.values()) == 2000
        squares = sum(part["rows"] * part["rmse"] ** 2 for part in errors_by_part.values())
        assert squares == pytest.approx(2000 * errors(prediction, target, "regression")["rmse"] ** 2)
    assert names_of(by_kind["borough"]).count("Nowhere") == 100
    assert names_of(by_kind["distance_mi"]).count("missing") == 11
    assert set(names_of(by_kind["hour"])) == {"00", "01", "02", "03", "04"}


@pytest.mark.parametrize(("task", "metric"), [(TASKS[0], "mae"), (TASKS[1], "log_loss"), (TASKS[2], "brier")])
def test_the_losses_of_each_task_are_shared_out_too(task, metric):
    features = frames.frame(shop(task))
    target = features["target"].to_numpy()
    random = np.random.default_rng(0)
    shares = random.dirichlet([1, 1, 1], len(target))
    prediction = {"regression": target + random.normal(size=len(target)), "binary": shares[:, 0], "multiclass": shares}
    loss = losses(metric, prediction[task], target)
    for segment in segments_of(features, of_job("evaluate", f"shop-{task}")["segments"]).values():
        parts = errors_by(segment, prediction[task], target, task).values()
        total = sum(part["rows"] * part[metric] for part in parts)
        assert total / len(target) == pytest.approx(error_of(metric, loss.mean()))


def test_bands_take_every_number():
    distances = np.array([0.0, 1.0, 1.5, 16.0, 16.1, np.nan, -3.0])
    bands = by_band(distances, [0, 1, 2, 4, 8, 16])
    assert names_of(bands) == ["0-1", "0-1", "1-2", "8-16", "16-", "missing", "0-1"]
    assert names_of(by_band(np.array([0.4, 0.6]), [0.25, 0.5])) == ["0.25-0.5", "0.5-"]


def test_values_are_in_order_and_missing_ones_are_last():
    codes = by_value(pd.Series([10, 2, -1, 10]))
    assert codes.names == ["2", "10", "missing"]
    assert names_of(codes) == ["10", "2", "missing", "10"]
    assert by_value(pd.Series([3, 14], dtype="int8"), is_hour=True).names == ["03", "14"]
    assert by_value(pd.Series(["b", None, "a"])).names == ["a", "b", "missing"]
    texts = pd.Series(["b", None, "a"]).astype("category").cat.add_categories(["never"])
    assert names_of(by_value(texts)) == ["b", "missing", "a"]


def test_minus_1_is_a_number_like_any_other_if_missing_ones_are_nan():
    assert by_value(pd.Series([-1.0, np.nan, 0.5])).names == ["-1", "0.5", "missing"]


def test_a_text_that_reads_missing_or_others_shares_the_segment_of_that_name():
    assert names_of(by_value(pd.Series(["missing", None, "a"]))) == ["missing", "missing", "a"]
    assert names_of(by_value(pd.Series(["others", "a"]))) == ["others", "a"]
    many = by_value(pd.Series([*(f"v{number:03}" for number in range(100)), *["others"] * 5]))
    assert many.names.count("others") == 1
    assert sum(len(rows) for rows in many.rows().values()) == 105


def test_of_many_values_the_most_frequent_ones_have_segments():
    rows = [value for value in range(120) for _ in range(value + 1)]
    segment = by_value(pd.Series(rows))
    assert segment.names == [*(str(value) for value in range(120 - MOST_SEGMENTS, 120)), OTHERS]
    parts = segment.rows()
    assert len(parts["119"]) == 120
    assert len(parts[OTHERS]) == sum(value + 1 for value in range(120 - MOST_SEGMENTS))
    assert sum(len(part) for part in parts.values()) == len(rows)


def test_a_segment_without_rows_is_left_out():
    segment = Segment(np.array([0, 2, 0], np.int32), ["a", "b", "c"])
    assert {name: rows.tolist() for name, rows in segment.rows().items()} == {"a": [0, 2], "c": [1]}
