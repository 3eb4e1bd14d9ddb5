"""clean: one schema from every year's columns, and counts that add up."""

import datetime
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.months_made import OFF, minutes, raw_month, settings, write_raw
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
    """Return a function that cleans a raw table; it returns the trips and quality.json."""

    def run(table=None, batch_rows=tables.BATCH_ROWS, **changed):
        raw = write_raw(tmp_path / "raw.parquet", table)
        return clean_file(raw, tmp_path / "trips.parquet", settings(**changed), batch_rows)

    return run


def clean_file(raw, trips, job_settings, batch_rows=tables.BATCH_ROWS):
    month = cleaning.Month(str(raw), job_settings, batch_rows=batch_rows)
    tables.write(trips, cleaning.TRIPS, month.trips())
    return pq.read_table(trips), month.quality()


def test_a_sensible_month_passes_as_it_is(cleaned):
    trips, quality = cleaned()
    assert trips.schema.equals(cleaning.TRIPS)
    assert trips.column("trip").to_pylist() == list(range(120))
    first = trips.slice(0, 1).to_pylist()[0]
    assert first["pickup_time"] == datetime.datetime(2021, 1, 1)
    assert (first["duration_min"], first["distance_mi"]) == (10.0, 1.0)
    assert [first[name] for name in ("pickup_zone", "dropoff_zone", "vendor", "passengers")] == [1, 265, 1, 1]
    assert (quality["verdict"], quality["rule"], quality["duplicates"]) == ("pass", None, 0)
    assert set(quality["missing"].values()) == set(quality["drops"].values()) == {0}


def test_a_row_is_dropped_for_its_first_reason(cleaned):
    inside, outside = minutes(None, 0.99, 1, 60, 60.01, -5), minutes(10, 0, month="2009-01")
    times = {name: pa.concat_arrays([inside[name], outside[name]]) for name in inside}
    trips, quality = cleaned(raw_month(8, **times))
    assert trips.column("trip").to_pylist() == [2, 3]
    assert quality["drops"] == {
        "time_missing": 1, "duration_below_min": 3, "duration_above_max": 1, "pickup_outside_month": 1,
    }  # fmt: skip


def test_what_is_implausible_becomes_missing_and_is_counted_on_kept_rows_only(cleaned):
    table = raw_month(
        6,
        **minutes(10, 10, 10, 10, 10, 500),
        trip_distance=[200_000.0, 0.0, -1.0, None, 100.0, 200_000.0],
        passenger_count=[0.0, 9.0, 10.0, None, 1.5, 0.0],
        RatecodeID=[99.0, 1.0, None, 6.0, 7.0, 99.0],
        PULocationID=[-1, 2**26, None, 0, 264, -1],
    )
    trips, quality = cleaned(table)
    assert trips.column("distance_mi").to_pylist() == [None, None, None, None, 100.0]
    assert trips.column("passengers").to_pylist() == [None, 9, None, None, None]
    assert trips.column("rate_code").to_pylist() == [None, 1, None, 6, None]
    assert trips.column("pickup_zone").to_pylist() == [-1, -1, -1, 0, 264]
    repairs = {name: count for name, count in quality["repairs"].items() if count}
    assert repairs == {
        "distance_mi_implausible": 3, "passengers_implausible": 3,
        "rate_code_implausible": 2, "pickup_zone_implausible": 2,
    }  # fmt: skip
    assert quality["missing"]["distance_mi"] == 0.8
    assert quality["missing"]["pickup_zone"] == 0.6


def test_every_rule_but_duration_can_be_switched_off(cleaned):
    table = raw_month(
        3, **minutes(10, 20, 61), trip_distance=200_000.0, passenger_count=0.0, RatecodeID=99.0, trip_type=9.0
    )
    trips, quality = cleaned(table, quality=OFF, month="2024-05")
    assert trips.select(["distance_mi", "passengers", "rate_code", "trip_type"]).to_pylist() == [
        {"distance_mi": 200_000.0, "passengers": 0, "rate_code": 99, "trip_type": 9}
    ] * 2  # fmt: skip
    assert (quality["rows_out"], quality["verdict"], sum(quality["repairs"].values())) == (2, "pass", 0)


@pytest.mark.parametrize("unit", ["us", "ns", "ms", "s"])
@pytest.mark.parametrize("ids", [pa.int32(), pa.float64(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_the_types_of_the_year_do_not_show_in_the_trips(cleaned, unit, ids):
    plain = cleaned()
    table = raw_month()
    for name, kind in {
        "lpep_pickup_datetime": pa.timestamp(unit), "lpep_dropoff_datetime": pa.timestamp(unit), "VendorID": ids,
        "PULocationID": ids, "passenger_count": pa.int64(), "trip_distance": pa.decimal128(9, 3),
    }.items():  # fmt: skip
        column = table.column(name)
        if pa.types.is_dictionary(kind):
            column = column.cast(pa.string())
        table = table.set_column(table.schema.get_field_index(name), name, column.cast(kind))
    assert cleaned(table) == plain


def test_a_column_of_type_null_is_missing(cleaned):
    trips, quality = cleaned(raw_month(trip_type=pa.nulls(120), VendorID=pa.nulls(120)))
    assert quality["missing"]["trip_type"] == quality["missing"]["vendor"] == 1
    assert trips.column("vendor").type == pa.int64()


def test_times_with_a_zone_become_local_and_last_as_long_as_they_did(cleaned):
    utc = [datetime.datetime(2021, 11, 7, 5, 50), datetime.datetime(2021, 11, 7, 6, 10)]  # clocks go back at 6:00
    zoned = [pa.array([at], pa.timestamp("us", "America/New_York")) for at in utc]
    table = raw_month(1, lpep_pickup_datetime=zoned[0], lpep_dropoff_datetime=zoned[1])
    trips, _ = cleaned(table, month="2021-11")
    assert trips.column("pickup_time").to_pylist() == [datetime.datetime(2021, 11, 7, 1, 50)]
    assert trips.column("duration_min").to_pylist() == [20.0]


@pytest.mark.parametrize(("unit", "miles"), [("mi", 16.09344), ("km", 10.0), ("m", 0.01)])
def test_distances_are_miles_whatever_the_unit(cleaned, unit, miles):
    trips, _ = cleaned(raw_month(1, trip_distance=16.09344), distance_unit=unit)
    assert trips.column("distance_mi").to_pylist() == [pytest.approx(miles, rel=1e-12)]


def test_a_role_that_a_service_does_not_have_is_missing_and_no_warning(cleaned):
    trips, quality = cleaned(without=("distance", "rate_code"), distance_unit=None)
    assert trips.schema.equals(cleaning.TRIPS)
    assert quality["missing"]["distance_mi"] == quality["missing"]["rate_code"] == 1
    assert quality["verdict"] == "pass"
    assert "distance_mi_implausible" not in quality["repairs"]


def test_duplicates_are_counted_and_stay(cleaned):
    month = raw_month()
    trips, quality = cleaned(pa.concat_tables([month, month.slice(0, 3), month.slice(0, 1)]))
    assert (trips.num_rows, quality["duplicates"]) == (124, 4)
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
    trips, quality = cleaned(raw_month(kept + dropped, **minutes(*[10] * kept, *[0] * dropped)), waiver="known")
    assert (quality["verdict"], (quality["rule"] or {}).get("name")) == (verdict, name)
    assert (trips.num_rows, quality["waiver"]) == (kept, "known")


def test_a_month_without_trips_is_rejected_even_with_all_rules_off(cleaned):
    assert cleaned(raw_month(0), quality=OFF)[1]["verdict"] == "reject"


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
    raw = write_raw(folder / "raw.parquet", dirty, row_group_size=300)
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
            "pickup_time": pa.array(pickups, pa.timestamp("us")),
            "dropoff_time": pa.array(dropoffs, pa.timestamp("us")),
            "distance": pa.array([row[2] for row in rows], pa.float64()),
            "pickup_zone": pa.array([row[3] for row in rows], pa.int32()),
        }
    )
    cleaned = cleaning.clean(batch, 1000, settings())
    trips = cleaned.trips.to_pylist()
    assert len(rows) == len(trips) + sum(cleaned.drops.values())
    keys = [trip["trip"] for trip in trips]
    assert keys == sorted(set(keys))
    for trip in trips:
        row = rows[trip["trip"] - 1000]
        assert trip["pickup_time"] == row[0]
        assert 1 <= trip["duration_min"] <= 60
        assert trip["distance_mi"] == (row[2] if row[2] is not None and 0 < row[2] <= 100 else None)
        assert trip["pickup_zone"] == (row[3] if row[3] is not None and row[3] >= 0 else -1)
    not_given = sum(rows[key - 1000][2] is None or rows[key - 1000][2] != rows[key - 1000][2] for key in keys)
    assert cleaned.missing["distance_mi"] == cleaned.repairs["distance_mi_implausible"] + not_given


@pytest.mark.parametrize("month", KEPT)
def test_real_months_keep_what_their_provenance_says(tlc, tmp_path, month):
    raw = tlc / f"green_tripdata_{month}.parquet"
    rows, kept = KEPT[month]
    _, plain = clean_file(raw, tmp_path / "plain.parquet", settings(month=month, quality=OFF))
    assert (plain["rows_in"], plain["rows_out"]) == (rows, kept)
    _, quality = clean_file(raw, tmp_path / "trips.parquet", settings(month=month))
    assert quality["verdict"] == "pass"
    assert quality["rows_out"] >= 0.999 * kept


def test_clean_and_featurize_import_no_pandas(tmp_path):
    raw = write_raw(tmp_path / "raw.parquet")
    script = (
        "import json, sys; sys.path.insert(0, 'scripts')\n"
        "from monthwise.data import cleaning as clean, features as featurize, zones\n"
        "places = zones.read('config/zones/new-york.csv')\n"
        f"month = clean.Month({str(raw)!r}, json.loads({json.dumps(settings())!r}))\n"
        "trips = (featurize.features(trips, places) for trips in month.trips())\n"
        f"clean.tables.write({str(tmp_path / 't')!r}, featurize.FEATURES, trips)\n"
        "month.quality(); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_distributions_count_kept_trips_by_bin(cleaned):
    table = raw_month(4, **minutes(2, 3.9, 60, 61), trip_distance=pa.array([0.4, 29.9, 99.0, 1.0]))
    trips, quality = cleaned(table)
    distributions = quality["distributions"]
    assert trips.num_rows == 3
    duration = distributions["duration_min"]
    assert (duration["first"], duration["width"], len(duration["counts"])) == (0, 2, 30)
    assert (duration["counts"][1], duration["counts"][29]) == (2, 1)
    distance = distributions["distance_mi"]["counts"]
    assert (distance[0], distance[59], sum(distance)) == (1, 2, 3)  # what lies beyond counts in the last one
    hours, days = trips.to_pandas()["pickup_time"].dt.hour, trips.to_pandas()["pickup_time"].dt.day
    assert distributions["hour"]["counts"] == [int((hours == hour).sum()) for hour in range(24)]
    assert distributions["day"]["counts"] == [int((days == day).sum()) for day in range(1, 32)]
