"""Columns as publishers write them: types, times, units, flags and texts that vary, and what they become."""

import datetime
import functools

import pyarrow as pa
import pytest
from fixtures.months_made import clean_table, of_dataset, raw_month, settings
from monthwise.base.exits import BadData
from monthwise.data import cleaning

TIMES = ("lpep_pickup_datetime", "lpep_dropoff_datetime")


@pytest.fixture
def cleaned(tmp_path):
    """Return a function that cleans a raw table; it returns the rows and quality.json."""
    return functools.partial(clean_table, tmp_path)


@pytest.mark.parametrize("unit", ["us", "ns", "ms", "s"])
@pytest.mark.parametrize("ids", [pa.int32(), pa.float64(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_the_types_of_the_year_do_not_show_in_the_rows(cleaned, unit, ids):
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
    rows, quality = cleaned(raw_month(trip_type=pa.nulls(120), VendorID=pa.nulls(120), PULocationID=pa.nulls(120)))
    assert quality["missing"]["trip_type"] == quality["missing"]["vendor"] == quality["missing"]["pickup_zone"] == 1
    assert rows.schema.equals(cleaning.schema_of(settings()))


def test_times_with_a_zone_become_local_and_last_as_long_as_they_did(cleaned):
    utc = [datetime.datetime(2021, 11, 7, 5, 50), datetime.datetime(2021, 11, 7, 6, 10)]  # clocks go back at 6:00
    zoned = [pa.array([at], pa.timestamp("us", "America/New_York")) for at in utc]
    table = raw_month(1, lpep_pickup_datetime=zoned[0], lpep_dropoff_datetime=zoned[1])
    rows, _ = cleaned(table, month="2021-11")
    assert rows.column("time").to_pylist() == [datetime.datetime(2021, 11, 7, 1, 50)]
    assert rows.column("target").to_pylist() == [20.0]


@pytest.mark.parametrize(
    "published",
    [
        lambda times: times,
        lambda times: times.cast(pa.timestamp("ns", "UTC")),
        lambda times: times.cast(pa.string()),
        lambda times: pa.array([f"{at}Z" for at in times.to_pylist()]),
        lambda times: pa.array([f"{at + datetime.timedelta(hours=1)}+01:00" for at in times.to_pylist()]),
    ],
)
def test_times_in_utc_become_those_of_the_zone_in_config(cleaned, published):
    utc = [datetime.datetime(2021, 11, 1, 3, 59), datetime.datetime(2021, 11, 7, 5, 50)]
    table = raw_month(2)
    for name, later_by in zip(TIMES, (0, 20), strict=True):
        times = pa.array([at + datetime.timedelta(minutes=later_by) for at in utc], pa.timestamp("us"))
        table = table.set_column(table.schema.get_field_index(name), name, published(times))
    rows, quality = cleaned(table, month="2021-11", time={"zone": "America/New_York"})
    assert rows.column("time").to_pylist() == [datetime.datetime(2021, 11, 7, 1, 50)]
    assert rows.column("target").to_pylist() == [20.0]
    assert quality["outside_month"] == {"rows": 1, "months": {"2021-10": 1}}


@pytest.mark.parametrize(
    ("text", "format_"),
    [
        ("2021-01-05 08:30", None),
        ("2021-01-05T08:30:00", None),
        (" 2021-01-05 ", None),
        ("05.01.2021 08:30", "%d.%m.%Y %H:%M"),
    ],
)
def test_times_may_be_texts(cleaned, text, format_):
    end = datetime.datetime(2021, 1, 5, 8, 40).strftime(format_ or "%Y-%m-%d %H:%M")
    table = raw_month(2, **dict(zip(TIMES, ([text, None], [end, end]), strict=True)))
    rows, quality = cleaned(table, time={"format": format_}, target={"max": 600})
    begin = datetime.datetime(2021, 1, 5, *((8, 30) if ":" in text else ()))
    assert rows.column("time").to_pylist() == [begin]
    assert rows.column("target").to_pylist() == [10 if ":" in text else 520]
    assert quality["drops"]["time_missing"] == 1


@pytest.mark.parametrize(("scale", "miles"), [(1, 16.09344), (1 / 1.609344, 10.0), (0.001 / 1.609344, 0.01)])
def test_a_scale_turns_one_unit_into_another(cleaned, scale, miles):
    rows, quality = cleaned(raw_month(2, trip_distance=[16.09344, 1e9]), distance_mi={"scale": scale})
    assert rows.column("distance_mi").to_pylist() == [pytest.approx(miles, rel=1e-12), None]
    assert quality["repairs"]["distance_mi_implausible"] == 1


def test_a_column_that_may_be_left_out_is_missing_and_no_warning(cleaned):
    warn = {"missing_share_above": 0.5}
    rows, quality = cleaned(
        raw_month(without=("trip_distance",)), distance_mi={"optional": True}, quality={"warn": warn}
    )
    assert rows.schema.equals(cleaning.schema_of(settings()))
    assert quality["missing"]["distance_mi"] == 1
    assert quality["verdict"] == "pass"
    assert "distance_mi_implausible" not in quality["repairs"]
    assert cleaned(raw_month(trip_distance=pa.nulls(120)), quality={"warn": warn})[1]["verdict"] == "warn"


@pytest.mark.parametrize(
    ("left_out", "is_needed"), [("time", True), ("target", True), ("price", True), ("till", False)]
)
def test_a_module_returns_the_columns_that_config_names_and_may_leave_out_its_own(tmp_path, left_out, is_needed):
    (tmp_path / "raw.file").write_text("date,sold,price,till\n2021-01-05,1,2,3\n")
    entry = {"time": "date", "target": "sold", "features": {"price": "number"}, "columns": {"till": ["till"]}}
    job = of_dataset("clean", **entry) | {"prepare": "sales.py"}
    month = cleaning.Month(str(tmp_path / "raw.file"), job, lambda rows: rows.drop_columns([left_out]))
    if is_needed:
        with pytest.raises(BadData, match=rf"^sales 2021-01: prepare of sales\.py returned no column {left_out};"):
            next(month.rows())
    else:
        assert next(month.rows()).column("price").to_pylist() == [2]


def test_flags_and_texts_are_read_however_they_are_published(tmp_path):
    flags = ["True", " yes", "1", "f", "NO", "0", "maybe", "", None]
    table = {"date": ["2021-01-05"] * 9, "sold": list(range(9)), "store": list(range(9)), "till": [1.0] * 9}
    features = {"open": "flag", "store": "category"}
    job = of_dataset(
        "clean", file="sales_{month}.parquet", time="date", target="sold", features=features, group=["till"]
    )
    as_text, quality = clean_table(tmp_path, pa.table({**table, "open": flags}), job)
    assert as_text.column("open").to_pylist() == [1, 1, 1, 0, 0, 0, None, None, None]
    assert as_text.column("store").to_pylist() == [str(number) for number in range(9)]
    assert len(set(as_text.column("group").to_pylist())) == 1
    assert quality["missing"] == {"open": 3 / 9, "store": 0}
    for column in (
        pa.array([True] * 3 + [False] * 3 + [None] * 3),
        pa.array([1.0] * 3 + [0.0] * 3 + [2.0, -1.0, None]),
    ):
        assert clean_table(tmp_path, pa.table({**table, "open": column}), job)[0] == as_text
