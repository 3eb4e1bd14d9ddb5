"""featurize: the features of trips, and rejected months."""

import datetime
import json
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from monthwise.base import files
from monthwise.data import cleaning, features, tables

ZONES = st.integers(-1, 3) | st.integers(2**26 - 3, 2**26 - 1)


def trips(*rows: dict) -> pa.RecordBatch:
    """Trips of trips.parquet, each a sensible one with some columns overridden."""
    usual = {
        "pickup_time": datetime.datetime(2021, 1, 4, 8, 30), "duration_min": 10.0, "pickup_zone": 43,
        "dropoff_zone": 151, "distance_mi": 1.5, "vendor": 2, "passengers": 1, "trip_type": 1, "rate_code": 1,
    }  # fmt: skip
    return pa.RecordBatch.from_pylist([{"trip": n} | usual | row for n, row in enumerate(rows)], schema=cleaning.TRIPS)


@pytest.fixture
def featurized(tmp_path):
    """Return a function that runs featurize as a process: exit code, last line, features."""

    def run(batch, zones=(), **quality):
        whole = {"service": "green", "month": "2024-04", "verdict": "pass", "rule": None, "waiver": None,
                 "rows_out": batch.num_rows}  # fmt: skip
        files.write_json(tmp_path / "q.json", whole | quality)
        tables.write(tmp_path / "t.parquet", cleaning.TRIPS, [batch])
        options = ["--trips", "t.parquet", "--quality", "q.json", "--settings", "{}", "--features", "f.parquet",
                   "--zones", *zones]  # fmt: skip
        command = [sys.executable, os.path.abspath("scripts/featurize.py"), *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert "Traceback" not in done.stdout + done.stderr
        path = tmp_path / "f.parquet"
        return done.returncode, done.stdout.splitlines()[-1], pq.read_table(path) if path.exists() else None

    return run


def rejected(**others) -> dict:
    return {"verdict": "reject", "rule": {"name": "rows_below", "number": 12, "bound": 100}, **others}


def test_a_trip_gets_the_features_that_a_model_sees():
    row = features.features(trips({}), None).to_pylist()[0]
    assert row["pair"] == 44 * (2**26 + 1) + 152
    assert {name: value for name, value in row.items() if name != "pair"} == {
        "trip": 0, "day": 18_631, "pickup_zone": 43, "dropoff_zone": 151, "distance_mi": 1.5, "hour": 8, "weekday": 0,
        "minute_of_day": 510, "vendor": 2.0, "passengers": 1.0, "trip_type": 1.0, "duration_min": 10.0,
    } | dict.fromkeys(features.MAP)  # fmt: skip


def test_places_on_the_map_come_from_the_zones_file(featurized, tmp_path):
    (tmp_path / "zones.csv").write_text("id,name,borough,x_mi,y_mi\n151,B,X,13.0,24.0\n43,A,X,10.0,20.0\n264,C,,,\n")
    batch = trips({}, {"dropoff_zone": 264}, {"pickup_zone": -1}, {"pickup_zone": 7})
    _, _, table = featurized(batch, zones=["zones.csv"])
    rows = table.select(list(features.MAP)).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (10, 20, 13, 24, 5), (10, 20, None, None, None), (None, None, 13, 24, None), (None, None, 13, 24, None),
    ]  # fmt: skip


def test_missing_stays_missing():
    row = features.features(trips({"distance_mi": None, "passengers": None, "pickup_zone": -1}), None).to_pylist()[0]
    assert [row[name] for name in ("distance_mi", "passengers", "pickup_zone")] == [None, None, -1]


@examples(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.datetimes(datetime.datetime(1969, 1, 1), datetime.datetime(2041, 12, 31)), min_size=1, max_size=20))
def test_hours_and_weekdays_are_those_of_the_calendar(times):
    rows = features.features(trips(*({"pickup_time": at} for at in times)), None).to_pylist()
    for row, at in zip(rows, times, strict=True):
        assert (row["hour"], row["weekday"]) == (at.hour, at.weekday())
        assert row["minute_of_day"] == at.hour * 60 + at.minute


@examples(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.tuples(ZONES, ZONES), min_size=2, max_size=30))
def test_two_pairs_are_equal_only_where_both_zones_are(pairs):
    batch = trips(*({"pickup_zone": pickup, "dropoff_zone": dropoff} for pickup, dropoff in pairs))
    codes = features.features(batch, None).column("pair").to_pylist()
    assert len(set(codes)) == len(set(pairs))
    assert max(codes) < 2**53


def test_trips_without_a_target_get_all_other_features():
    batch = trips({}, {})
    without = features.features(batch.drop_columns(["duration_min"]), None)
    assert without.schema.names == [name for name in features.FEATURES.names if name != "duration_min"]
    assert without.equals(features.features(batch, None).drop_columns(["duration_min"]))


def test_a_part_of_a_batch_gives_the_features_of_these_rows():
    batch = trips(*({"pickup_zone": zone, "distance_mi": None if zone % 2 else 1.0} for zone in range(9)))
    assert features.features(batch.slice(3, 4), None).equals(features.features(batch, None).slice(3, 4))


def test_the_file_holds_every_trip_in_order(featurized):
    batch = trips(*({"trip": 3 * n} for n in range(500)))
    code, line, table = featurized(batch)
    assert (code, line) == (0, "exit 0: green 2024-04: features of 500 trips")
    assert table.schema.equals(features.FEATURES)
    assert table.column("trip").to_pylist() == [3 * n for n in range(500)]


def test_a_rejected_month_is_refused_with_the_ways_on(featurized):
    code, line, table = featurized(trips({}), **rejected())
    assert (code, table) == (os.EX_DATAERR, None)
    for part in ("green 2024-04", "rows_below: 12, bound 100", '`quality: {waive: {green: {2024-04: "reason"}}}`',
                 "`./monthwise plan --service green`"):  # fmt: skip
        assert part in line


def test_a_waived_month_goes_on(featurized):
    code, _, table = featurized(trips({}), **rejected(waiver="the strike"))
    assert (code, table.num_rows) == (0, 1)


def test_a_waiver_cannot_make_up_for_a_month_without_trips(featurized):
    code, line, _ = featurized(trips(), **rejected(waiver="the strike"))
    assert code == os.EX_DATAERR
    assert "waive" not in line
    assert "`./monthwise plan --service green`" in line


def test_a_damaged_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    quality = {"service": "green", "month": "2024-04", "verdict": "pass", "rule": None, "waiver": None, "rows_out": 1}
    (tmp_path / "q.json").write_text(json.dumps(quality))
    command = [sys.executable, "scripts/featurize.py", "--trips", tmp_path / "t.parquet",
               "--quality", tmp_path / "q.json", "--features", tmp_path / "f.parquet"]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == os.EX_DATAERR
    assert done.stdout.startswith("exit 65: green 2024-04: ")
