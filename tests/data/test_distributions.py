"""Warnings of `evaluate`: rows that are unlike those that the model was trained on."""

import json

import numpy as np
import pyarrow as pa
import pytest
from fixtures.model_programs import run_evaluate, run_train, table
from fixtures.months_made import ZONES, of_job
from monthwise import prepare
from monthwise.data import cleaning, distributions, tables
from monthwise.data.features import Features
from monthwise.prepare import taxi
from monthwise.prepare.taxi import demo

HOUR = 3_600_000_000  # microseconds


def counts(table: pa.Table) -> dict:
    """Return the counts of the columns that are watched in any dataset of taxis."""
    names = [name for name in of_job("train")["watched"] if name in table.column_names]
    return {name: counted for name in names if (counted := distributions.count(table.column(name)))}


def features_of(raw, dataset: str, month: str, later_by: int = 0) -> pa.Table:
    """Return the features of a published month, its hours shifted."""
    job = of_job("clean", dataset) | {"month": month}
    cleaned = cleaning.Month(str(raw), job | {"quality": job["quality"] | {"time_in_month": False}})
    module = prepare.Module(taxi, "taxi", {"zones": str(ZONES)})
    features = Features(of_job("featurize", dataset), cleaned.cleaner.schema, lambda rows: module.derive(rows, dataset))
    batches = []
    for batch in cleaned.rows():
        moment = tables.values(batch.column("time"), "int64") + later_by * HOUR
        index = batch.schema.get_field_index("time")
        batch = batch.set_column(index, batch.schema.field(index), tables.array(moment, pa.timestamp("us")))
        batches.append(features.of(batch))
    return pa.Table.from_batches(batches)


def warned(then: pa.Table, now: pa.Table) -> list[tuple[str, str]]:
    warnings = distributions.warnings(counts(then), counts(now), "2021-01", "2021-02")
    return [(warning["feature"], warning["kind"]) for warning in warnings]


def month(rows: int, seed: int, **changed) -> pa.Table:
    """Return the categories of rows that are drawn from one distribution of hours and one of zones."""
    random = np.random.default_rng(seed)
    by_hour, by_zone = np.r_[1:13, 12:0:-1] / 156, np.arange(1, 266) / (265 * 133)
    columns = {
        "hour": random.choice(24, rows, p=by_hour),
        "pickup_zone": random.choice(265, rows, p=by_zone) + 1,
        "dropoff_zone": random.choice(265, rows, p=by_zone) + 1,
        "vendor": random.integers(1, 3, rows) * 1.0,
        "borough": pa.nulls(rows, pa.string()),
    }
    return pa.table(columns | changed)


@pytest.mark.parametrize("rows", [100, 1000, 100_000])
def test_two_draws_of_one_distribution_are_alike_however_small(rows):
    then, now = month(max(rows, 1000), 1), month(rows, 2)
    assert warned(then, now) == []


@pytest.mark.parametrize("rows", [1000, 5000, 20_000])
def test_two_draws_of_a_category_with_few_rows_of_each_value_are_alike(rows):
    random, shares = np.random.default_rng(3), np.arange(1, 9001) ** -0.7
    shares /= shares.sum()
    then, now, reversed_ = (pa.table({"pair": random.choice(9000, rows, p=p)}) for p in (shares, shares, shares[::-1]))
    assert warned(then, now) == []
    assert warned(then, reversed_)


def test_shifted_hours_are_unlike_and_the_line_says_where():
    then, now = month(3000, 1), month(3000, 2)
    shifted = now.set_column(0, "hour", pa.array((now.column("hour").to_numpy() + 5) % 24))
    warning = distributions.warnings(counts(then), counts(shifted), "2021-01", "2021-02")[0]
    assert (warning["feature"], warning["kind"]) == ("hour", "unlike")
    assert warning["number"] > warning["bound"]
    assert warning["text"].startswith("hour: its distribution in 2021-02 is unlike that in 2021-01 (distance 0.")


def test_values_that_no_row_of_the_window_has_are_counted():
    then = month(20_000, 1)
    zones = then.column("pickup_zone").to_numpy().copy()
    zones[:900], zones[900:1000] = 48_385_028, 1000
    warnings = distributions.warnings(
        counts(then), counts(then.set_column(1, "pickup_zone", pa.array(zones))), "2021-01", "2021-02"
    )
    assert [warning["text"] for warning in warnings] == [
        "pickup_zone: 5.0% of the rows of 2021-02 have values that no row of 2021-01 has (48385028, 1000)"
    ]


def test_a_category_that_goes_missing_is_unlike_and_not_new():
    then = month(3000, 1)
    without_zone = then.set_column(1, "pickup_zone", pa.array(np.full(3000, -1)))
    without_zone = without_zone.set_column(3, "vendor", pa.nulls(3000, pa.float64()))
    assert warned(then, without_zone) == [("vendor", "unlike"), ("pickup_zone", "unlike")]


def test_a_column_with_too_many_values_is_no_category():
    assert distributions.count(pa.chunked_array([np.arange(20_000.0)])) is None


def test_distance_is_that_of_jensen_and_shannon():
    from scipy.spatial.distance import jensenshannon

    then, now = {"a": 700_000, "b": 200_000, "c": 100_000}, {"a": 300_000, "b": 300_000, "d": 400_000}
    expected = jensenshannon([0.7, 0.2, 0.1, 0], [0.3, 0.3, 0, 0.4], base=2)
    assert distributions.distance(then, now) == pytest.approx(expected, abs=1e-4)
    assert distributions.distance(then, {"d": 1_000_000}) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("dataset", ["green", "yellow", "fhv", "fhvhv"])
def test_months_of_the_demo_are_alike(tmp_path, dataset):
    feature_tables = []
    for data_month in ("2023-12", "2024-01"):
        demo.write_month(tmp_path / data_month, dataset, data_month, 20_000, 1)
        feature_tables.append(features_of(tmp_path / data_month, dataset, data_month))
    assert warned(*feature_tables) == []
    assert ("hour", "unlike") in warned(
        feature_tables[0], features_of(tmp_path / "2024-01", dataset, "2024-01", later_by=5)
    )


def test_real_months_are_alike_and_times_in_utc_are_not(tlc):
    for window, validation in (
        ("2021-01", "2021-02"),
        ("2021-02", "2021-03"),
        ("2022-01", "2022-02"),
        ("2022-02", "2022-03"),
        ("2023-01", "2023-02"),
    ):
        then = features_of(tlc / f"green_tripdata_{window}.parquet", "green", window)
        raw = tlc / f"green_tripdata_{validation}.parquet"
        assert warned(then, features_of(raw, "green", validation)) == []
        assert ("hour", "unlike") in warned(then, features_of(raw, "green", validation, later_by=5))


def test_train_and_evaluate_pass_it_on(tmp_path):
    assert run_train(tmp_path, table()).returncode == 0
    training = json.loads((tmp_path / "training").read_text())
    assert sum(training["categories"]["hour"].values()) == 400
    assert run_evaluate(tmp_path).returncode == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["warnings"] == []

    late = table()
    hours = pa.array(late.column("hour").to_numpy() + 10, pa.int8())
    late = late.set_column(late.column_names.index("hour"), late.schema.field("hour"), hours)
    tables.write(tmp_path / "features.parquet", late.schema, late.to_batches())
    ended = run_evaluate(tmp_path)
    assert ended.stdout.splitlines()[-1].endswith("; 2 warnings in metrics.json")
    warnings = json.loads((tmp_path / "metrics.json").read_text())["warnings"]
    assert [(warning["feature"], warning["kind"]) for warning in warnings] == [
        ("hour", "never seen"),
        ("hour", "unlike"),
    ]
    assert "of 2021-02 have values that no row of 2021-01 has" in warnings[0]["text"]
