"""clean: one schema from every year's columns, and counts that add up."""

import copy
import datetime
import functools
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from fixtures.months_made import (
    MODULE,
    OFF,
    clean_file,
    clean_table,
    minutes,
    of_dataset,
    of_job,
    raw_month,
    settings,
    write_raw,
)
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from monthwise.data import cleaning, duplicates, tables

KEPT = {  # PROVENANCE.md of the mirror: rows, and those of 1 to 60 minutes
    "2021-01": (76518, 73908), "2021-02": (64572, 61921), "2021-03": (83827, 80372), "2022-01": (62495, 59603),
    "2022-02": (69399, 66097), "2022-03": (78537, 74507), "2023-01": (68211, 65946), "2023-02": (64809, 62574),
}  # fmt: skip


@pytest.fixture
def cleaned(tmp_path):
    """Return a function that cleans a raw table; it returns the rows and quality.json."""
    return functools.partial(clean_table, tmp_path)


def reference(month: str) -> dict:
    """Return the settings of clean with config/reference.yaml."""
    return of_job("clean", reference=True) | {"month": month}


def test_a_sensible_month_passes_as_it_is(cleaned):
    rows, quality = cleaned()
    assert rows.schema.equals(cleaning.schema_of(settings()))
    assert rows.column_names == ["row", "time", "target", *settings()["features"]]
    assert rows.column("row").to_pylist() == list(range(120))
    first = rows.slice(0, 1).to_pylist()[0]
    assert first["time"] == datetime.datetime(2021, 1, 1)
    assert (first["target"], first["distance_mi"]) == (10.0, 1.0)
    assert [first[name] for name in ("pickup_zone", "dropoff_zone", "vendor", "passengers")] == [1, 265, 1, 1]
    assert (quality["verdict"], quality["rule"], quality["duplicates"]) == ("pass", None, 0)
    assert quality["target"] == {"min": 10, "max": 11, "other_values": {}}
    assert set(quality["missing"].values()) == set(quality["drops"].values()) == {0}


def test_a_row_is_dropped_for_its_first_reason(cleaned):
    inside, outside = minutes(None, 0.99, 1, 60, 60.01, -5), minutes(10, 0, month="2009-01")
    nothing = pa.nulls(1, pa.timestamp("us"))
    times = {name: pa.concat_arrays([inside[name], outside[name], nothing]) for name in inside}
    rows, quality = cleaned(raw_month(9, **times))
    assert rows.column("row").to_pylist() == [2, 3]
    assert quality["drops"] == {
        "time_missing": 1, "target_missing": 1, "target_below_min": 3, "target_above_max": 1, "outside_month": 1,
    }  # fmt: skip
    assert quality["target"] == {"min": 1, "max": 60, "other_values": {}}


def test_what_is_implausible_becomes_missing_and_is_counted_on_kept_rows_only(cleaned):
    table = raw_month(
        6,
        **minutes(10, 10, 10, 10, 10, 500),
        trip_distance=[200_000.0, 0.0, -1.0, None, 100.0, 200_000.0],
        passenger_count=[0.0, 9.0, 10.0, None, 1.5, 0.0],
        trip_type=[99.0, 1.0, None, 2.0, 7.0, 99.0],
        PULocationID=[-1, 2**26, None, 0, 264, -1],
    )
    rows, quality = cleaned(table)
    assert rows.column("distance_mi").to_pylist() == [None, None, None, None, 100.0]
    assert rows.column("passengers").to_pylist() == [None, 9, None, None, None]
    assert rows.column("trip_type").to_pylist() == [None, 1, None, 2, None]
    assert rows.column("pickup_zone").to_pylist() == [-1, -1, -1, 0, 264]
    repairs = {name: count for name, count in quality["repairs"].items() if count}
    assert repairs == {
        "distance_mi_implausible": 3, "passengers_implausible": 3,
        "trip_type_implausible": 2, "pickup_zone_implausible": 2,
    }  # fmt: skip
    assert quality["missing"]["distance_mi"] == 0.8
    assert quality["missing"]["pickup_zone"] == 0.6


def test_an_implausible_value_drops_its_row_where_config_says_so(cleaned):
    table = raw_month(4, trip_distance=[1.0, None, 200_000.0, 2.0], passenger_count=[1.0, 2.0, 99.0, 99.0])
    rows, quality = cleaned(table, distance_mi={"outside": "drop"})
    assert rows.column("row").to_pylist() == [0, 1, 3]
    assert rows.column("distance_mi").to_pylist() == [1, None, 2]
    assert quality["drops"]["distance_mi_implausible"] == 1
    assert "distance_mi_implausible" not in quality["repairs"]
    assert quality["repairs"]["passengers_implausible"] == 1


def test_every_rule_but_duration_can_be_switched_off(tmp_path):
    table = raw_month(3, **minutes(10, 20, 61), trip_distance=200_000.0, passenger_count=0.5, trip_type=9.0)
    rows, quality = clean_table(tmp_path, table, reference("2024-05"))
    features = {"distance_mi": 200_000.0, "passengers": 0.5, "trip_type": 9}
    assert rows.select(list(features)).to_pylist() == [features] * 2
    assert (quality["rows_out"], quality["verdict"], sum(quality["repairs"].values())) == (2, "pass", 0)


def test_duplicates_are_counted_and_stay(cleaned):
    month = raw_month()
    rows, quality = cleaned(pa.concat_tables([month, month.slice(0, 3), month.slice(0, 1)]))
    assert (rows.num_rows, quality["duplicates"]) == (124, 4)
    assert quality["rule"] == {"name": "duplicates_share_above", "number": 4 / 124, "bound": 0.01}


def test_rows_that_differ_in_one_column_are_no_duplicates():
    columns = [np.arange(100_000) % 2.0, np.arange(100_000) // 2 % 500 * 0.25, np.arange(100_000) // 1000 * 1.0]
    assert len(np.unique(duplicates.row_keys(columns))) == 100_000


@pytest.mark.parametrize(
    ("kept", "dropped", "verdict", "name"),
    [
        (0, 0, "reject", "rows_below"),
        (0, 500, "reject", "rows_below"),
        (99, 0, "reject", "rows_below"),
        (100, 101, "reject", "kept_share_below"),
        (100, 100, "warn", "kept_share_below"),
        (100, 0, "pass", None),
    ],
)
def test_the_verdict_names_its_rule(cleaned, kept, dropped, verdict, name):
    durations = [*(10 + row % 2 for row in range(kept)), *[0] * dropped]
    rows, quality = cleaned(raw_month(kept + dropped, **minutes(*durations)), waiver="known")
    assert (quality["verdict"], (quality["rule"] or {}).get("name")) == (verdict, name)
    assert (rows.num_rows, quality["waiver"]) == (kept, "known")


def test_a_month_without_rows_is_rejected_even_with_all_rules_off(cleaned):
    assert cleaned(raw_month(0), quality=OFF)[1]["verdict"] == "reject"


def test_a_month_whose_rows_all_have_one_target_is_rejected_even_with_all_rules_off(cleaned):
    rule = {"name": "target_values_below", "number": 1, "bound": 2, "detail": "all 150 rows have the target 10"}
    quality = cleaned(raw_month(150, **minutes(*[10] * 150)), quality=OFF)[1]
    assert (quality["verdict"], quality["rule"]) == ("reject", rule)


@pytest.fixture
def dirty():
    """A table with every kind of error, longer than a few batches."""
    random = np.random.default_rng(1)
    pickups = np.datetime64("2020-12-31T22", "us") + random.integers(0, 32 * 86400, 1000) * np.timedelta64(1, "s")
    took = random.integers(-100, 5000, 1000) * np.timedelta64(1, "s")
    distance = np.where(random.random(1000) < 0.1, 2e5, random.integers(0, 90, 1000) / 10)
    return raw_month(
        1000,
        lpep_pickup_datetime=pa.array(pickups, mask=random.random(1000) < 0.05),
        lpep_dropoff_datetime=pa.array(pickups + took, mask=random.random(1000) < 0.05),
        trip_distance=pa.array(distance, mask=random.random(1000) < 0.1),
        passenger_count=pa.array(random.integers(0, 12, 1000), mask=random.random(1000) < 0.4),
        PULocationID=pa.array(random.choice(["JC105", "7", "", "x"], 1000).tolist()),
    )


def test_where_batches_are_cut_does_not_show(dirty, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(tables, "GROUP_ROWS", 200)
    folder = tmp_path_factory.mktemp("batches")
    raw = write_raw(folder / "raw.file", dirty, row_group_size=300)
    whole = clean_file(raw, folder / "whole.parquet", settings())
    bytes_ = (folder / "whole.parquet").read_bytes()

    @examples(max_examples=25, deadline=None, derandomize=True)
    @given(st.integers(1, 1100))
    def cleaned(batch_rows):
        assert clean_file(raw, folder / "cut.parquet", settings(), batch_rows) == whole
        assert (folder / "cut.parquet").read_bytes() == bytes_

    cleaned()


@examples(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.none() | st.datetimes(datetime.datetime(2020, 12, 31), datetime.datetime(2021, 2, 1)),
            st.none() | st.floats(-10, 100),
            st.none() | st.sampled_from([0.0, 1.0, 2e5, float("nan"), float("inf")]) | st.floats(-1, 200),
            st.none() | st.integers(-5, 300),
        ),
        max_size=60,
    )
)
def test_counts_add_up_and_order_and_keys_stay(rows):
    pickups = [row[0] for row in rows]
    dropoffs = [(row[0] and row[1] is not None and row[0] + datetime.timedelta(minutes=row[1])) or None for row in rows]
    batch = pa.record_batch(
        {
            "time": pa.array(pickups, pa.timestamp("us")),
            "target": pa.array(dropoffs, pa.timestamp("us")),
            "distance_mi": pa.array([row[2] for row in rows], pa.float64()),
            "pickup_zone": pa.array([row[3] for row in rows], pa.int32()),
        }
    )
    cleaned = cleaning.Cleaner(settings()).clean(batch, 1000)
    kept = cleaned.rows.to_pylist()
    assert len(rows) == len(kept) + sum(cleaned.drops.values())
    keys = [row["row"] for row in kept]
    assert keys == sorted(set(keys))
    for clean in kept:
        row = rows[clean["row"] - 1000]
        assert clean["time"] == row[0]
        assert 1 <= clean["target"] <= 60
        assert clean["distance_mi"] == (row[2] if row[2] is not None and 0 < row[2] <= 100 else None)
        assert clean["pickup_zone"] == (row[3] if row[3] is not None and row[3] >= 0 else -1)
    not_given = sum(rows[key - 1000][2] is None or rows[key - 1000][2] != rows[key - 1000][2] for key in keys)
    assert cleaned.missing["distance_mi"] == cleaned.repairs["distance_mi_implausible"] + not_given


@pytest.mark.parametrize("month", KEPT)
def test_real_months_keep_what_their_provenance_says(tlc, tmp_path, month):
    raw = tlc / f"green_tripdata_{month}.parquet"
    rows, kept = KEPT[month]
    _, plain = clean_file(raw, tmp_path / "plain.parquet", reference(month))
    assert (plain["rows_in"], plain["rows_out"]) == (rows, kept)
    _, quality = clean_file(raw, tmp_path / "rows.parquet", settings(month=month))
    assert quality["verdict"] == "pass"
    assert quality["rows_out"] >= 0.999 * kept


SALES = {
    "time": "date",
    "target": {"columns": ["sold"], "classes": ["a", "b", "c"]},
    "task": "multiclass",
    "features": {"price": "number", "store": "category", "open": "flag", "till": "code", "week": "calendar"},
    "group": ["customer"],
}


@pytest.mark.parametrize("dataset", ["green", "sales"])
def test_clean_and_featurize_import_no_pandas(tmp_path, dataset):
    raw = write_raw(tmp_path / "raw.file")
    of_stage = [copy.deepcopy(of_job(stage)) for stage in ("clean", "featurize")]
    if dataset == "sales":
        raw.write_text("date,sold,price,store,open,till,customer\n2021-01-05,a,1.5,x,yes,A1,7\n2021-01-06,b,,,,,\n")
        of_stage = [of_dataset(stage, **SALES) for stage in ("clean", "featurize")]
    script = f"""
import functools, json, sys; sys.path.insert(0, 'scripts')
from monthwise import prepare
from monthwise.data import cleaning, features, tables
cleans, featurizes = json.loads({json.dumps(of_stage)!r})
module = prepare.load({list(map(str, MODULE[1:-2]))!r}, [{str(MODULE[-1])!r}], cleans)
month = cleaning.Month({str(raw)!r}, cleans, module and functools.partial(module.prepare, label='x'))
featurized = features.Features(
    featurizes, month.cleaner.schema, module and functools.partial(module.derive, label='x')
)
tables.write({str(tmp_path / "f")!r}, featurized.schema, map(featurized.of, month.rows()))
print(month.quality()['rows_out'], 'pandas' in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["120" if dataset == "green" else "2", "False"]


def test_a_feature_does_not_take_the_place_of_the_hours_of_a_month(tmp_path):
    hours = {"kind": "number", "min": 0, "max": 23}
    job = of_dataset("clean", file="{month}.parquet", time="date", target="sold", features={"hour": hours})
    table = pa.table({"date": ["2021-01-05 08:30"] * 2, "sold": [1, 2], "hour": [3, 4]})
    counts = clean_table(tmp_path, table, job)[1]["distributions"]["hour"]["counts"]
    assert (len(counts), counts[8]) == (24, 2)


def test_distributions_count_kept_rows_by_bin(cleaned):
    table = raw_month(4, **minutes(2, 3.9, 60, 61), trip_distance=pa.array([0.4, 29.9, 99.0, 1.0]))
    rows, quality = cleaned(table)
    distributions = quality["distributions"]
    assert rows.num_rows == 3
    duration = distributions["target"]
    assert (duration["first"], duration["width"], len(duration["counts"])) == (0, 2, 30)
    assert (duration["counts"][1], duration["counts"][29]) == (2, 1)
    distance = distributions["distance_mi"]
    assert (distance["first"], distance["width"], len(distance["counts"])) == (0, 2, 50)
    assert [distance["counts"][index] for index in (0, 14, 49)] == [1, 1, 1]
    hours, days = rows.to_pandas()["time"].dt.hour, rows.to_pandas()["time"].dt.day
    assert distributions["hour"]["counts"] == [int((hours == hour).sum()) for hour in range(24)]
    assert distributions["day"]["counts"] == [int((days == day).sum()) for day in range(1, 32)]
