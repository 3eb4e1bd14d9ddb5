"""clean: unusable input, each in one line with the right exit code."""

import os
import resource

import pytest
from fixtures.months_made import raw_month, run_clean, settings, write_raw
from monthwise.base.exits import BadData, WrongConfig
from monthwise.data import cleaning


def test_a_renamed_column_is_named_with_the_closest_and_the_key(tmp_path):
    table = raw_month().rename_columns({"lpep_pickup_datetime": "lpep_pickup_time"})
    code, line = run_clean(write_raw(tmp_path / "raw.parquet", table), tmp_path, settings())
    assert code == os.EX_DATAERR
    for part in ("green 2021-01", "pickup_time", "looked for lpep_pickup_datetime", "closest is lpep_pickup_time",
                 "catalog.green.columns.pickup_time in config/services.yaml"):  # fmt: skip
        assert part in line
    assert not (tmp_path / "t.parquet").exists()


def test_a_renamed_column_that_trips_can_do_without_is_an_error_too(tmp_path):
    table = raw_month(trip_miles=1.5, without=("trip_distance",))
    with pytest.raises(BadData, match="no column for distance: looked for trip_distance; closest is trip_miles"):
        cleaning.Month(str(write_raw(tmp_path / "raw.parquet", table)), settings())


def test_a_service_without_a_time_column_is_wrong_config(tmp_path):
    with pytest.raises(WrongConfig, match=r"green\.columns\.dropoff_time"):
        cleaning.Month(str(write_raw(tmp_path / "raw.parquet")), settings(without=("dropoff_time",)))


@pytest.mark.parametrize("column", ["lpep_pickup_datetime", "trip_distance"])
def test_text_where_times_or_numbers_should_be_is_refused(tmp_path, column):
    raw = write_raw(tmp_path / "raw.parquet", raw_month(**{column: "2021-01-01 00:00"}))
    code, line = run_clean(raw, tmp_path, settings())
    assert code == os.EX_DATAERR
    assert f"in column {column}, whose type is string" in line


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PAR1" + b"\0" * 100])
def test_what_is_no_parquet_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "raw.parquet").write_bytes(content)
    code, line = run_clean(tmp_path / "raw.parquet", tmp_path, settings())
    assert code == os.EX_DATAERR
    assert "green 2021-01" in line
    assert "cannot be read as parquet" in line


def test_damaged_pages_behind_a_good_footer_are_refused_in_one_line(tmp_path):
    raw = write_raw(tmp_path / "raw.parquet", raw_month(5000), compression="zstd")
    content = bytearray(raw.read_bytes())
    content[200:2000] = bytes(1800)
    raw.write_bytes(content)
    code, line = run_clean(raw, tmp_path, settings())
    assert code == os.EX_DATAERR
    assert "cannot be read as parquet" in line


def test_a_disk_that_is_full_ends_in_one_line_and_leaves_nothing(tmp_path):
    raw = write_raw(tmp_path / "raw.parquet", raw_month(5000))

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    code, line = run_clean(raw, tmp_path, settings(), preexec_fn=no_room)
    assert (code, line.startswith("exit 73: cannot write")) == (os.EX_CANTCREAT, True)
    assert list(tmp_path.iterdir()) == [raw]
