"""clean: unusable input, each in one line with the right exit code."""

import os
import resource

import pytest
from fixtures.months_made import raw_month, run_clean, settings, write_raw
from monthwise.base.exits import BadData
from monthwise.data import cleaning


def test_a_renamed_column_is_named_with_the_closest_and_the_key(tmp_path):
    table = raw_month().rename_columns({"lpep_pickup_datetime": "lpep_pickup_time"})
    code, line = run_clean(write_raw(tmp_path / "raw.file", table), tmp_path, settings())
    assert code == os.EX_DATAERR
    for part in ("green 2021-01", "no column for time", "looked for lpep_pickup_datetime",
                 "closest is lpep_pickup_time", "edit catalog.green.time in its config"):  # fmt: skip
        assert part in line
    assert not (tmp_path / "r.parquet").exists()


def test_a_renamed_column_of_a_feature_is_an_error_too(tmp_path):
    table = raw_month(trip_miles=1.5, without=("trip_distance",))
    with pytest.raises(BadData) as refused:
        cleaning.Month(str(write_raw(tmp_path / "raw.file", table)), settings())
    for part in ("no column for distance_mi: looked for trip_distance; closest is trip_miles",
                 "edit catalog.green.features.distance_mi.columns in its config"):  # fmt: skip
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("column", "value", "type_"),
    [
        ("lpep_pickup_datetime", 7, "int64"),
        ("lpep_dropoff_datetime", 7.5, "double"),
        ("trip_distance", "1.5", "string"),
        ("PULocationID", True, "bool"),
    ],
)
def test_a_column_of_another_type_is_refused(tmp_path, column, value, type_):
    raw = write_raw(tmp_path / "raw.file", raw_month(**{column: value}))
    code, line = run_clean(raw, tmp_path, settings())
    assert code == os.EX_DATAERR
    assert f"in column {column}, whose type is {type_}" in line


@pytest.mark.parametrize("column", ["lpep_pickup_datetime", "lpep_dropoff_datetime"])
def test_a_text_that_is_no_time_is_refused_in_one_line(tmp_path, column):
    raw = write_raw(tmp_path / "raw.file", raw_month(**{column: "05.01.2021 08:30"}))
    code, line = run_clean(raw, tmp_path, settings())
    assert code == os.EX_DATAERR
    assert f"green 2021-01: {raw}, row 0: '05.01.2021 08:30' is not a time in ISO 8601" in line


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PAR1" + b"\0" * 100])
def test_what_is_no_parquet_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "raw.file").write_bytes(content)
    code, line = run_clean(tmp_path / "raw.file", tmp_path, settings())
    assert code == os.EX_DATAERR
    assert "green 2021-01" in line
    assert "cannot be read as parquet" in line


def test_damaged_pages_behind_a_good_footer_are_refused_in_one_line(tmp_path):
    raw = write_raw(tmp_path / "raw.file", raw_month(5000), compression="zstd")
    content = bytearray(raw.read_bytes())
    content[200:2000] = bytes(1800)
    raw.write_bytes(content)
    code, line = run_clean(raw, tmp_path, settings())
    assert code == os.EX_DATAERR
    assert "cannot be read as parquet" in line


def test_a_disk_that_is_full_ends_in_one_line_and_leaves_nothing(tmp_path):
    raw = write_raw(tmp_path / "raw.file", raw_month(5000))

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    code, line = run_clean(raw, tmp_path, settings(), preexec_fn=no_room)
    assert (code, line.startswith("exit 73: cannot write")) == (os.EX_CANTCREAT, True)
    assert list(tmp_path.iterdir()) == [raw]
