"""featurize: the features of rows, and rejected months."""

import datetime
import functools
import json
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.months_made import MODULE, ZONES, of_dataset, of_job, settings
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from monthwise import prepare
from monthwise.base import files
from monthwise.base.exits import BadData
from monthwise.data import cleaning, tables
from monthwise.data.features import Features
from monthwise.prepare import taxi

IDS = st.integers(-1, 3) | st.integers(2**26 - 3, 2**26 - 1)
SCHEMA = cleaning.schema_of(settings())
TIMES = st.datetimes(datetime.datetime(1969, 1, 1), datetime.datetime(2041, 12, 31))


def rows_of(*rows: dict) -> pa.RecordBatch:
    """Return rows of rows.parquet of green, each a sensible one with some columns overridden."""
    usual = {
        "time": datetime.datetime(2021, 1, 4, 8, 30), "target": 10.0, "pickup_zone": 43, "dropoff_zone": 151,
        "distance_mi": 1.5, "vendor": 2, "passengers": 1, "trip_type": 1,
    }  # fmt: skip
    return pa.RecordBatch.from_pylist([{"row": n} | usual | row for n, row in enumerate(rows)], schema=SCHEMA)


def features_of(batch: pa.RecordBatch, **module_files) -> pa.RecordBatch:
    """Return the features of green's rows; `module_files` are those of its module."""
    derive = prepare.Module(taxi, "taxi", module_files or {"zones": str(ZONES)}).derive
    return Features(of_job("featurize"), batch.schema, functools.partial(derive, label="green")).of(batch)


@pytest.fixture
def featurized(tmp_path):
    """Return a function that runs featurize as a process: exit code, last line, features."""

    def run(batch, zones=ZONES, **quality):
        whole = {"dataset": "green", "month": "2024-04", "verdict": "pass", "rule": None, "waiver": None,
                 "rows_out": batch.num_rows}  # fmt: skip
        files.write_json(tmp_path / "q.json", whole | quality)
        tables.write(tmp_path / "r.parquet", batch.schema, [batch])
        options = ["--rows", "r.parquet", "--quality", "q.json", "--settings", json.dumps(of_job("featurize")),
                   "--features", "f.parquet", *MODULE[:-1], zones]  # fmt: skip
        command = [sys.executable, os.path.abspath("scripts/featurize.py"), *map(str, options)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert "Traceback" not in done.stdout + done.stderr
        path = tmp_path / "f.parquet"
        return done.returncode, done.stdout.splitlines()[-1], pq.read_table(path) if path.exists() else None

    return run


def rejected(**others) -> dict:
    return {"verdict": "reject", "rule": {"name": "rows_below", "number": 12, "bound": 100}, **others}


def test_a_row_gets_the_features_that_a_model_sees(tmp_path):
    (tmp_path / "zones.csv").write_text("id,name,borough\n43,A,Queens\n")
    batch = features_of(rows_of({}), zones=str(tmp_path / "zones.csv"))
    assert batch.schema.names == ["row", "epoch_day", *of_job("featurize")["features"], "target"]
    row = batch.to_pylist()[0]
    assert row.pop("pair") == 44 * (2**26 + 1) + 152
    assert row == {
        "row": 0, "epoch_day": 18_631, "pickup_zone": 43, "dropoff_zone": 151, "distance_mi": 1.5, "hour": 8,
        "weekday": 0, "minute_of_day": 510, "vendor": 2.0, "passengers": 1.0, "trip_type": 1.0, "borough": "Queens",
        "target": 10.0,
    } | dict.fromkeys(taxi.MAP)  # fmt: skip


def test_places_on_the_map_come_from_the_zones_file(featurized, tmp_path):
    (tmp_path / "zones.csv").write_text("id,name,borough,x_mi,y_mi\n151,B,X,13.0,24.0\n43,A,Y,10.0,20.0\n264,C,,,\n")
    batch = rows_of({}, {"dropoff_zone": 264}, {"pickup_zone": -1}, {"pickup_zone": 7})
    _, _, table = featurized(batch, zones="zones.csv")
    rows = table.select(list(taxi.MAP)).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (10, 20, 13, 24, 5), (10, 20, None, None, None), (None, None, 13, 24, None), (None, None, 13, 24, None),
    ]  # fmt: skip
    assert table.column("borough").to_pylist() == ["Y", "Y", "Unknown", "Unknown"]


def test_missing_stays_missing():
    row = features_of(rows_of({"distance_mi": None, "passengers": None, "pickup_zone": -1})).to_pylist()[0]
    assert [row[name] for name in ("distance_mi", "passengers", "pickup_zone")] == [None, None, -1]


PARTS = dict.fromkeys(("hour", "weekday", "day", "week", "month", "day_of_year", "minute_of_day"), "calendar")
PARTS |= {"night": {"kind": "calendar", "part": "hour"}}


@pytest.fixture(scope="module")
def calendar_features():
    """Return the features of a dataset with all parts of its time."""
    job = of_dataset("featurize", time="date", target="sold", features=PARTS)
    return Features(job, pa.schema([("row", pa.int64()), ("time", pa.timestamp("us"))]))


@examples(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(TIMES, min_size=1, max_size=20))
def test_parts_of_a_time_are_those_of_the_calendar(calendar_features, times):
    batch = pa.record_batch({"row": [7] * len(times), "time": pa.array(times, pa.timestamp("us"))})
    rows = calendar_features.of(batch).to_pylist()
    for row, at in zip(rows, times, strict=True):
        day_of_year = at.timetuple().tm_yday
        assert row == {
            "row": 7, "epoch_day": (at.date() - datetime.date(1970, 1, 1)).days, "hour": at.hour, "night": at.hour,
            "weekday": at.weekday(), "day": at.day, "week": (day_of_year + 6) // 7, "month": at.month,
            "day_of_year": day_of_year, "minute_of_day": at.hour * 60 + at.minute,
        }  # fmt: skip


@examples(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.tuples(IDS, IDS), min_size=2, max_size=30))
def test_two_pairs_are_equal_only_where_both_zones_are(pairs):
    batch = rows_of(*({"pickup_zone": pickup, "dropoff_zone": dropoff} for pickup, dropoff in pairs))
    codes = features_of(batch).column("pair").to_pylist()
    assert len(set(codes)) == len(set(pairs))
    assert max(codes) < 2**53


def test_rows_without_a_target_get_all_other_features():
    batch = rows_of({}, {})
    without = features_of(batch.drop_columns(["target"]))
    assert "target" not in without.schema.names
    assert without.equals(features_of(batch).drop_columns(["target"]))


def test_a_part_of_a_batch_gives_the_features_of_these_rows():
    batch = rows_of(*({"pickup_zone": zone, "distance_mi": None if zone % 2 else 1.0} for zone in range(9)))
    assert features_of(batch.slice(3, 4)).equals(features_of(batch).slice(3, 4))


def test_a_feature_that_the_module_does_not_derive_is_named():
    derived = [name for name in of_job("featurize")["features"] if name not in ("straight_mi", "pair")]
    with pytest.raises(BadData, match=r"^green 2021-01: prepare derives no straight_mi, pair; "):
        Features(of_job("featurize"), SCHEMA, lambda rows: pa.record_batch({name: [] for name in derived}))


def test_the_file_holds_every_row_in_order(featurized):
    batch = rows_of(*({"row": 3 * n} for n in range(500)))
    code, line, table = featurized(batch)
    assert (code, line) == (0, "exit 0: green 2024-04: features of 500 rows")
    assert table.schema.equals(features_of(batch).schema)
    assert table.column("row").to_pylist() == [3 * n for n in range(500)]


def test_a_rejected_month_is_refused_with_the_ways_on(featurized):
    code, line, table = featurized(rows_of({}), **rejected())
    assert (code, table) == (os.EX_DATAERR, None)
    for part in ("green 2024-04", "rows_below: 12, bound 100", '`quality: {waive: {green: {2024-04: "reason"}}}`',
                 "`./monthwise plan --dataset green`"):  # fmt: skip
        assert part in line


def test_a_waived_month_goes_on(featurized):
    code, _, table = featurized(rows_of({}), **rejected(waiver="the strike"))
    assert (code, table.num_rows) == (0, 1)


def test_a_waiver_cannot_make_up_for_a_month_without_rows(featurized):
    code, line, _ = featurized(rows_of(), **rejected(waiver="the strike"))
    assert code == os.EX_DATAERR
    assert "waive" not in line
    assert "`./monthwise plan --dataset green`" in line


def test_a_damaged_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "r.parquet").write_bytes(b"PAR1")
    quality = {"dataset": "green", "month": "2024-04", "verdict": "pass", "rule": None, "waiver": None, "rows_out": 1}
    (tmp_path / "q.json").write_text(json.dumps(quality))
    options = ["--rows", tmp_path / "r.parquet", "--quality", tmp_path / "q.json", "--features", tmp_path / "f.parquet"]
    options += ["--settings", json.dumps(of_job("featurize")), *MODULE]
    command = [sys.executable, "scripts/featurize.py", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == os.EX_DATAERR
    assert done.stdout.startswith("exit 65: green 2024-04: ")
