"""Generated months: the publisher's columns and errors, the same from the same seed, and a signal to learn."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.workflow import REPOSITORY
from monthwise import publisher
from monthwise.base import exits
from monthwise.prepare.taxi import demo
from monthwise.prepare.taxi.demo import trips
from monthwise.publisher import demo as source

# As the publisher lists them; not taken from demo.py, which is what they are to check.
GREEN = (
    "VendorID, lpep_pickup_datetime, lpep_dropoff_datetime, store_and_fwd_flag, RatecodeID, PULocationID, DOLocationID,"
    " passenger_count, trip_distance, fare_amount, extra, mta_tax, tip_amount, tolls_amount, ehail_fee,"
    " improvement_surcharge, total_amount, payment_type, trip_type, congestion_surcharge"
)
YELLOW = (
    "VendorID, tpep_pickup_datetime, tpep_dropoff_datetime, passenger_count, trip_distance, RatecodeID,"
    " store_and_fwd_flag, PULocationID, DOLocationID, payment_type, fare_amount, extra, mta_tax, tip_amount,"
    " tolls_amount, improvement_surcharge, total_amount, congestion_surcharge"
)
FHV = (
    "dispatching_base_num, pickup_datetime, dropOff_datetime, PUlocationID, DOlocationID, SR_Flag,"
    " Affiliated_base_number"
)
FHVHV = (
    "hvfhs_license_num, dispatching_base_num, originating_base_num, request_datetime, on_scene_datetime,"
    " pickup_datetime, dropoff_datetime, PULocationID, DOLocationID, trip_miles, trip_time, base_passenger_fare, tolls,"
    " bcf, sales_tax, congestion_surcharge, airport_fee, tips, driver_pay, shared_request_flag, shared_match_flag,"
    " access_a_ride_flag, wav_request_flag, wav_match_flag"
)
PICKUP = {"green": "lpep_pickup_datetime", "yellow": "tpep_pickup_datetime"}
DROPOFF = {"green": "lpep_dropoff_datetime", "yellow": "tpep_dropoff_datetime", "fhv": "dropOff_datetime"}


def demo_month(folder, layout="green", month="2024-02", rows=3000, seed=1, **columns):
    path = folder / f"{layout}-{month}-{rows}-{seed}.parquet"
    demo.write_month(path, layout, month, rows, seed, **columns)
    return path


def pickups(table, layout="green"):
    return table[PICKUP.get(layout, "pickup_datetime")].to_numpy()


def minutes(table, layout="green"):
    dropoffs = table[DROPOFF.get(layout, "dropoff_datetime")].to_numpy()
    return (dropoffs - pickups(table, layout)) / np.timedelta64(60, "s")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Return a green month of 200,000 trips."""
    return pq.read_table(demo_month(tmp_path_factory.mktemp("large"), rows=200_000))


@pytest.mark.parametrize("layout", ["green", "yellow", "fhv", "fhvhv"])
def test_the_same_seed_gives_the_same_bytes_in_another_process(tmp_path, layout):
    content = demo_month(tmp_path, layout).read_bytes()
    call = "import sys; from monthwise.prepare.taxi import demo; demo.write_month(*sys.argv[1:4], 3000, 1)"
    arguments = [str(tmp_path / "there.parquet"), layout, "2024-02"]
    subprocess.run([sys.executable, "-c", call, *arguments], check=True, cwd=REPOSITORY / "scripts")
    assert (tmp_path / "there.parquet").read_bytes() == content


def test_another_seed_month_or_dataset_gives_other_trips(tmp_path):
    tables = [
        pq.read_table(demo_month(tmp_path, **other)).select(["PULocationID", "trip_distance"]).slice(0, 500)
        for other in ({}, {"seed": 2}, {"month": "2024-03"}, {"dataset": "green-again"})
    ]
    assert not any(a.equals(b) for i, a in enumerate(tables) for b in tables[:i])


def test_a_month_does_not_depend_on_the_months_made_before_it(tmp_path):
    alone = demo_month(tmp_path).read_bytes()
    demo_month(tmp_path, month="2024-01")
    assert demo_month(tmp_path).read_bytes() == alone


@pytest.mark.parametrize("month", ["2023-01", "2023-02", "2024-12", "2025-01"])
@pytest.mark.parametrize(
    ("layout", "listed", "fee"),
    [("green", GREEN, ""), ("yellow", YELLOW, "airport_fee"), ("fhv", FHV, ""), ("fhvhv", FHVHV, "")],
)
def test_columns_are_those_of_the_year(tmp_path, layout, listed, fee, month):
    names = listed.split(", ")
    if fee:
        names.append(fee if month < "2023-02" else "Airport_fee")
    if month >= "2025-01" and layout != "fhv":
        names.append("cbd_congestion_fee")
    table = pq.read_table(demo_month(tmp_path, layout, month, 500))
    table.validate(full=True)
    assert table.column_names == names


@pytest.mark.parametrize("layout", ["green", "yellow", "fhv", "fhvhv"])
def test_types_change_with_february_2023(tmp_path, layout):
    old, new = (pq.read_schema(demo_month(tmp_path, layout, month, 500)) for month in ("2023-01", "2023-02"))
    zone, text = {"fhv": ("PUlocationID", "dispatching_base_num")}.get(
        layout, ("PULocationID", "hvfhs_license_num" if layout == "fhvhv" else "store_and_fwd_flag")
    )
    assert (old.field(zone).type, old.field(text).type) == (
        pa.float64() if layout == "fhv" else pa.int64(),
        pa.string(),
    )
    assert (new.field(zone).type, new.field(text).type) == (pa.int32(), pa.large_string())


@pytest.mark.parametrize("month", ["2021-01", "2023-02"])
def test_green_schemas_are_those_of_the_real_files(tmp_path, tlc, month):
    real = pq.read_schema(tlc / f"green_tripdata_{month}.parquet")
    assert pq.read_schema(demo_month(tmp_path, month=month)).equals(real.remove_metadata())


def test_the_dirt_of_real_months_is_there_in_its_share(large):
    duration, distance = minutes(large), large["trip_distance"].to_numpy()
    year = pickups(large).astype("datetime64[Y]").astype(int) + 1970
    assert np.mean(duration < 0) == pytest.approx(0.0003, rel=0.5)
    assert np.mean(duration == 0) == pytest.approx(0.001, rel=0.5)
    assert np.mean(duration > 1400) == pytest.approx(0.0013, rel=0.5)
    assert np.mean(distance == 0) == pytest.approx(0.035, rel=0.2)
    assert np.mean(distance > 100) == pytest.approx(0.0006, rel=0.5)
    assert distance.max() > 200_000
    assert {2008, 2009, 2024, 2041} == set(year)
    assert {264, 265} < set(large["PULocationID"].to_numpy())
    assert 0.95 < np.mean((duration >= 1) & (duration <= 60)) < 0.98


def test_some_trips_are_there_twice(large):
    keys = large.select(["lpep_pickup_datetime", "lpep_dropoff_datetime", "PULocationID", "DOLocationID"])
    distinct = keys.group_by(keys.column_names).aggregate([]).num_rows
    assert 0.001 < 1 - distinct / large.num_rows < 0.006


@pytest.mark.parametrize(
    ("layout", "month", "share"), [("green", "2021-03", 0.47), ("green", "2024-03", 0.07), ("yellow", "2025-03", 0.22)]
)
def test_passengers_and_rate_code_are_missing_in_the_same_rows(tmp_path, layout, month, share):
    table = pq.read_table(demo_month(tmp_path, layout, month))
    missing = table["passenger_count"].is_null()
    assert missing.equals(table["RatecodeID"].is_null())
    assert np.mean(missing) == pytest.approx(share, abs=0.01)


def test_fhv_lacks_most_pickup_zones_and_every_distance(tmp_path):
    table = pq.read_table(demo_month(tmp_path, "fhv"))
    assert 0.5 < table["PUlocationID"].null_count / table.num_rows < 0.9
    assert not [name for name in table.column_names if "distance" in name or "miles" in name]


def test_fhvhv_says_how_long_a_trip_took(tmp_path):
    table = pq.read_table(demo_month(tmp_path, "fhvhv"))
    assert np.array_equal(table["trip_time"].to_numpy(), np.rint(minutes(table, "fhvhv") * 60))
    assert (table["request_datetime"].to_numpy() < table["pickup_datetime"].to_numpy()).mean() > 0.999


@pytest.mark.parametrize(("month", "days"), [("2023-02", 28), ("2024-02", 29), ("2024-04", 30), ("2024-12", 31)])
def test_every_day_of_the_month_has_trips_and_few_lie_outside(tmp_path, month, days):
    when = pickups(pq.read_table(demo_month(tmp_path, month=month, rows=20_000)))
    inside = when.astype("datetime64[M]") == np.datetime64(month)
    assert 0 < np.mean(~inside) < 0.002
    assert len(np.unique(when[inside].astype("datetime64[D]"))) == days


def test_rows_vary_with_the_season_by_five_percent_at_most(tmp_path):
    rows = [pq.read_metadata(demo_month(tmp_path, month=f"2024-{month:02d}")).num_rows for month in range(1, 13)]
    assert len(set(rows)) > 6
    assert max(abs(count / 3000 - 1) for count in rows) <= 0.05


def test_the_content_does_not_depend_on_the_size_of_row_groups(tmp_path):
    one = demo_month(tmp_path, rows=150_000)
    many = tmp_path / "many.parquet"
    demo.write_month(many, "green", "2024-02", 150_000, 1, group=trips.BLOCK)
    assert (pq.read_metadata(one).num_row_groups, pq.read_metadata(many).num_row_groups) == (1, 3)
    assert pq.read_table(one).equals(pq.read_table(many))


def test_a_row_group_of_other_than_whole_blocks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="multiple of 65536"):
        demo_month(tmp_path, group=50_000)


def test_a_month_of_no_rows_is_a_file_without_rows(tmp_path):
    assert pq.read_table(demo_month(tmp_path, rows=0)).num_rows == 0


def test_distance_hour_and_zones_explain_the_duration(large):
    duration, distance, when = minutes(large), large["trip_distance"].to_numpy(), pickups(large)
    clean = (duration >= 1) & (duration <= 60) & (distance > 0) & (distance <= 100)
    assert np.corrcoef(distance[clean], duration[clean])[0, 1] > 0.6
    pace = np.where(clean, duration / np.where(distance > 0, distance, 1), np.nan)
    hour = when.astype("datetime64[h]").astype(int) % 24
    assert np.nanmedian(pace[hour == 17]) > 1.2 * np.nanmedian(pace[hour == 4])
    pair = large["PULocationID"].to_numpy() * 1000 + large["DOLocationID"].to_numpy()
    _, of_row = np.unique(pair[clean], return_inverse=True)
    count = np.bincount(of_row)
    mean = (np.bincount(of_row, duration[clean]) / count)[of_row]
    rest = (duration[clean] - mean)[count[of_row] >= 20]
    assert rest.std() < 0.9 * duration[clean].std()


def settings(**more):
    return {
        "source": "demo", "dataset": "green", "month": "2024-02", "file": "green_tripdata_2024-02.parquet",
        "prepare": "taxi", "layout": "green", "demo": {"seed": 3, "rows": 800}, **more,
    }  # fmt: skip


def test_what_was_located_is_what_is_fetched(tmp_path):
    facts = publisher.locate(settings())
    assert facts == {
        "kind": "demo", "dataset": "green", "month": "2024-02", "seed": 3, "rows": 800, "version": source.VERSION,
    }  # fmt: skip
    publisher.fetch(facts, settings(), tmp_path / "raw.file")
    assert (tmp_path / "raw.file").read_bytes() == demo_month(tmp_path, rows=800, seed=3).read_bytes()


def test_a_month_after_the_newest_is_not_published():
    with pytest.raises(exits.NotPublished, match=r"^green 2024-02 .* 2024-01[^\n]*$"):
        publisher.locate(settings(demo={"seed": 3, "rows": 800, "newest": "2024-01"}))


def test_a_month_that_another_version_located_is_located_again(tmp_path):
    facts = publisher.locate(settings()) | {"version": source.VERSION - 1}
    with pytest.raises(exits.TryAgain, match=r"^green 2024-02 .*locate 2024-02"):
        publisher.fetch(facts, settings(), tmp_path / "raw.file")


def test_locate_loads_no_numpy_and_fetch_no_pandas(tmp_path):
    call = (
        "import sys; from monthwise.publisher import demo\n"
        f"s = {settings()!r}\nfacts = demo.locate(s)\nassert 'numpy' not in sys.modules, 'numpy'\n"
        "demo.fetch(facts, s, sys.argv[1])\nassert 'pandas' not in sys.modules, 'pandas'"
    )
    command = [sys.executable, "-c", call, str(tmp_path / "raw.file")]
    ended = subprocess.run(command, cwd=REPOSITORY / "scripts", capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
