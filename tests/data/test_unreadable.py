"""Unusable files: one line and the right exit code, in every program that reads them."""

import os
import signal
from pathlib import Path

import ingest
import pyarrow as pa
import pytest
from fixtures.months_made import clean_table, raw_month, run_clean, settings, write_raw
from monthwise import publisher
from monthwise.base import files
from monthwise.base.exits import BadData, Unreachable, WrongConfig
from monthwise.data import cleaning, published, role_rows
from monthwise.data.categories import Category
from monthwise.prepare.taxi import zones
from monthwise.publisher import folder

NOBODY = 65534
LOCATE = {"source": "file:.", "dataset": "green", "month": "2021-01", "file": "green_tripdata_2021-01.parquet"}
LOCATE["pattern"] = "green_tripdata_{month}.parquet"


@pytest.fixture
def unreadable(tmp_path):
    """A month without read permission; the test is not root meanwhile."""
    path = write_raw(tmp_path / LOCATE["file"])
    path.chmod(0o000)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    yield path
    os.seteuid(user)


# The names of columns


def test_a_column_that_is_there_twice_is_named(tmp_path):
    table = raw_month()
    raw = write_raw(tmp_path / "raw.file", table.append_column("trip_distance", table["trip_distance"]))
    code, line = run_clean(raw, tmp_path, settings())
    assert code == os.EX_DATAERR
    assert "has 2 columns trip_distance, and distance_mi is one" in line
    assert "catalog.green.features.distance_mi.columns in its config" in line


def test_a_column_that_is_there_twice_and_not_needed_is_passed_over(tmp_path):
    table = raw_month()
    raw = write_raw(tmp_path / "raw.file", table.append_column("fare_amount", table["fare_amount"]))
    assert run_clean(raw, tmp_path, settings())[0] == os.EX_OK


def test_blanks_around_the_names_of_columns_do_not_count(tmp_path):
    table = raw_month()
    with_blanks = table.rename_columns([f" {name}\t" for name in table.column_names])
    assert clean_table(tmp_path, with_blanks) == clean_table(tmp_path, table)


@pytest.mark.parametrize("name", ["", "trip  distance", "trip_distance\n", "trip\u00a0distance"])
def test_a_name_that_could_be_misread_is_quoted(tmp_path, name):
    table = raw_month(without=("trip_distance", "fare_amount", "RatecodeID"))
    table = table.append_column(name, raw_month()["trip_distance"])
    job = settings(columns={"distance_mi": ["length"]})
    with pytest.raises(BadData) as refused:
        cleaning.Month(str(write_raw(tmp_path / "raw.file", table)), job)
    assert f"closest is {name!r};" in str(refused.value)


# Bytes that are no text


def with_byte(raw: Path, text: bytes, offset: int) -> Path:
    """Put a byte that is no UTF-8 into each place where the file has a text."""
    content = raw.read_bytes()
    assert text in content
    raw.write_bytes(content.replace(text, text[:offset] + b"\x90" + text[offset + 1 :]))
    return raw


@pytest.mark.parametrize("store_schema", [True, False])
@pytest.mark.parametrize("name", [b"trip_distance", b"fare_amount"])
def test_a_name_that_is_no_utf8_is_refused_in_one_line(tmp_path, name, store_schema):
    raw = with_byte(write_raw(tmp_path / "raw.file", store_schema=store_schema), name, 2)
    code, line = run_clean(raw, tmp_path, settings())
    assert code == os.EX_DATAERR
    assert "cannot be read as parquet ('utf-8' codec can't decode" in line
    with pytest.raises(BadData, match="footer that cannot be read"):
        ingest.check(raw, "green 2021-01", str(raw))


def test_a_text_that_is_no_utf8_is_an_id_like_any_other(tmp_path):
    table = raw_month(VendorID="B00254")
    raw = with_byte(write_raw(tmp_path / "raw.file", table, compression="none"), b"B00254", 1)
    assert run_clean(raw, tmp_path, settings())[0] == os.EX_OK


# Footers that do not fit their file


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (b"\xac\x02", "150 rows and has 120"),
        (b"\xee\x01", "119 rows and has more"),
        (b"\xf1\x01", "-121 rows and has more"),
    ],
)
def test_a_footer_with_another_number_of_rows_is_refused(tmp_path, rows, message):
    raw = write_raw(tmp_path / "raw.file", raw_month(120))
    number = b"\x16%b\x19"  # as thrift has it: its type, twice the number in base 128, the type of what follows
    content = raw.read_bytes()
    assert content.count(number % b"\xf0\x01") == 1
    raw.write_bytes(content.replace(number % b"\xf0\x01", number % rows))
    code, line = run_clean(raw, tmp_path, settings())
    assert code == os.EX_DATAERR
    assert message in line
    with pytest.raises(BadData, match="parquet with 120 rows where its footer says"):
        ingest.check(raw, "green 2021-01", str(raw))


def test_pyarrow_may_abort_over_a_footer_and_ingest_does_not():
    assert (
        ingest.in_a_child(lambda: os.kill(os.getpid(), signal.SIGKILL)) == "parquet with a footer that cannot be read"
    )
    assert ingest.in_a_child(lambda: 1 // 0) == "parquet with a footer that cannot be read"
    assert ingest.in_a_child(lambda: "cut short") == "cut short"


# Folders and rights


def test_a_folder_in_the_place_of_an_input_is_one_line(tmp_path):
    code, line = run_clean(tmp_path, tmp_path, settings())
    assert code == os.EX_DATAERR
    assert f"{tmp_path} is a folder and should be a file" in line


def test_an_input_that_may_not_be_read_is_unreadable_data_and_no_failure_to_write(unreadable):
    with pytest.raises(BadData, match=r"cannot be read \(Permission denied\)"):
        files.insist_on_readable([unreadable])


def test_a_folder_in_the_place_of_a_published_month_is_one_line(tmp_path):
    (tmp_path / LOCATE["file"]).mkdir()
    with pytest.raises(BadData, match="is a folder or a device, not a file"):
        publisher.locate(LOCATE | {"source": f"file:{tmp_path}"})


def test_a_published_month_that_may_not_be_read_is_a_publisher_that_is_not_reachable(unreadable):
    facts = {"file": unreadable.name, "size": 1, "last_modified": ""}
    with pytest.raises(Unreachable, match=r"green 2021-01: .* cannot be read \(Permission denied\)"):
        folder.fetch(facts, LOCATE | {"source": f"file:{unreadable.parent}"}, "raw.file")


def test_a_published_folder_that_may_not_be_entered_is_a_publisher_that_is_not_reachable(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    write_raw(tmp_path / LOCATE["file"])
    monkeypatch.setattr("monthwise.publisher.folder.os.stat", refuse)
    with pytest.raises(Unreachable, match="cannot be read"):
        publisher.locate(LOCATE | {"source": f"file:{tmp_path}"})


# Files beside the months


@pytest.mark.parametrize("content", [b"", b"{", b"\x90", b"\0" * 20])
def test_a_damaged_json_file_is_one_line(tmp_path, content):
    (tmp_path / "source.json").write_bytes(content)
    with pytest.raises(BadData, match=r"source\.json is damaged .*; delete it and rerun"):
        files.read_json(tmp_path / "source.json")


ZONE_FILE = b"id,name,borough,x_mi,y_mi\n1,A,X,1.0,2.0\n2,B,,,\n"


def test_zones_without_a_borough_or_a_place_are_zones(tmp_path):
    (tmp_path / "zones.csv").write_bytes(ZONE_FILE.replace(b"B,,", b"B,NA,"))
    places = zones.read(tmp_path / "zones.csv")
    assert (places.ids.tolist(), places.boroughs, places.are_numbers) == ([1, 2], ["X", "NA"], True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Empty CSV file"),
        (ZONE_FILE[:26], "it has no zone"),
        (ZONE_FILE.replace(b"id", b"no"), 'Field "id" does not exist'),
        (ZONE_FILE.replace(b"name", b"id"), 'Field "id" exists 2 times'),
        (ZONE_FILE.replace(b"\n2", b"\n1"), "two with the same one"),
        (ZONE_FILE.replace(b"\n2", b"\n"), "one without an id"),
        (ZONE_FILE.replace(b"1.0", b"east"), "Failed to parse string"),
        (ZONE_FILE.replace(b"borough", b"boro\x90"), "can't decode byte 0x90"),
        (ZONE_FILE.replace(b"X", b"\x90"), "Invalid UTF8"),
        (ZONE_FILE.replace(b"1,A", b"2024-01-01,A").replace(b"2,B", b"2024-02-01,B"), "Unsupported cast"),
        (b"\0" * 100, "CSV parse error"),
    ],
)
def test_a_zone_file_that_cannot_be_used_is_wrong_config(tmp_path, content, message):
    (tmp_path / "zones.csv").write_bytes(content)
    with pytest.raises(WrongConfig) as refused:
        zones.read(tmp_path / "zones.csv")
    assert str(refused.value).startswith(f"{tmp_path}/zones.csv cannot be read as zones (")
    assert message in str(refused.value)


def test_a_folder_in_the_place_of_a_zone_file_is_wrong_config(tmp_path):
    with pytest.raises(WrongConfig, match="is a directory"):
        zones.read(tmp_path)


def test_an_index_outside_its_dictionary_is_refused_in_one_line(tmp_path):
    raw = write_raw(tmp_path / "raw.file", raw_month())
    broken = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int32()), ["a", "b"], safe=False)
    refused = pytest.raises(BadData, match=r"raw\.file is damaged \(.*out of bounds\); download it again")
    with refused, role_rows.conversion_errors(published.Parquet(str(raw), "green 2021-01"), 0):
        Category().read(broken)
