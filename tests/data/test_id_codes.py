"""Ids: one code for a place or vendor, however the publisher writes it that year."""

import pyarrow as pa
import pytest
from fixtures.months_made import clean_table, raw_month, settings, write_raw
from monthwise.commands.score import InputRows
from monthwise.config.settings import Settings
from monthwise.data import id_codes
from monthwise.prepare.taxi import zones
from monthwise.workflow.calendar import Calendar

BOTH = ("PULocationID", "DOLocationID")


def cleaned(folder, table: pa.Table, numeric: bool = True):
    """Return the rows and the quality of a raw table whose zones are numbers, or may be texts."""
    job = settings(pickup_zone={"numeric": numeric}, dropoff_zone={"numeric": numeric})
    return clean_table(folder, table, job)


def as_text(table: pa.Table, write, names=BOTH) -> pa.Table:
    """Return a table in which the ids of some columns are texts that `write` makes of the numbers."""
    for name in names:
        column = pa.array([write(number) for number in table.column(name).to_pylist()])
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


@pytest.mark.parametrize(
    ("write", "is_usual"),
    [
        (str, True),
        (lambda number: f"{number}.0", False),
        (lambda number: f"{number:<5d}", False),
        (lambda number: f"\t{number} ", False),
        (lambda number: f"{number:05d}", False),
        (lambda number: f"{number:.3e}", False),
        (lambda number: f"+{number}", False),
    ],
)
def test_a_number_is_the_same_id_however_its_text_is_written(tmp_path, write, is_usual):
    as_numbers, _ = cleaned(tmp_path, raw_month())
    rows, quality = cleaned(tmp_path, as_text(raw_month(), write))
    assert rows == as_numbers
    assert quality["normalised"] == ({} if is_usual else {"pickup_zone": 120, "dropoff_zone": 120})
    assert quality["missing"]["pickup_zone"] == quality["repairs"]["pickup_zone_implausible"] == 0


@pytest.mark.parametrize("numeric", [True, False])
@pytest.mark.parametrize(("text", "is_implausible"), [("-1", True), ("-1.0", True), ("nan", False), ("  ", False)])
def test_what_stands_for_a_missing_id_is_missing(tmp_path, text, is_implausible, numeric):
    table = as_text(raw_month(), lambda number: text if number % 2 else str(number))
    rows, quality = cleaned(tmp_path, table, numeric)
    assert set(rows.column("pickup_zone").to_pylist()) == {-1, *range(2, 121, 2)}
    assert quality["missing"]["pickup_zone"] == 0.5
    assert quality["repairs"]["pickup_zone_implausible"] == 60 * is_implausible


def test_a_text_that_is_no_number_is_missing_where_codes_are_numbers(tmp_path):
    rows, quality = cleaned(tmp_path, raw_month(PULocationID=["Harlem", *map(str, range(119))]))
    assert rows.column("pickup_zone").to_pylist()[:3] == [-1, 0, 1]
    assert quality["repairs"]["pickup_zone_implausible"] == 1


def test_only_codes_that_are_numbers_lose_their_leading_zeros(tmp_path):
    table = raw_month(3, PULocationID=["0132", "132", "jc105 "], VendorID="2")
    rows, quality = cleaned(tmp_path, table, numeric=False)
    codes = rows.column("pickup_zone").to_pylist()
    assert len(set(codes)) == 3
    assert codes[1:] == [132, 48385028]
    assert quality["normalised"] == {"pickup_zone": 1}
    assert cleaned(tmp_path, table)[0].column("pickup_zone").to_pylist() == [132, 132, -1]


def test_zones_of_a_file_are_found_by_the_same_codes(tmp_path):
    stations = tmp_path / "stations.csv"
    stations.write_text("id,name,borough\nJC105,A,X\n0132,B,X\n132,C,X\n")
    rows, _ = cleaned(tmp_path, raw_month(3, PULocationID=["0132", "132", "jc105 "]), numeric=False)
    assert zones.read(stations).rows(rows.column("pickup_zone").to_numpy()).tolist() == [2, 0, 1]


def test_blanks_and_case_of_base_numbers_do_not_count(tmp_path):
    usual, _ = cleaned(tmp_path, raw_month(VendorID="B00254"))
    rows, quality = cleaned(tmp_path, raw_month(VendorID="b00254 "))
    assert rows == usual
    assert quality["normalised"] == {"vendor": 120}


def test_rows_of_a_user_get_the_same_codes(tmp_path):
    raw = write_raw(tmp_path / "mine.parquet", raw_month(2, PULocationID=["0132.0", "A1"]))
    rows = InputRows(raw, Calendar.read(Settings(), "green"), "2024-01")
    assert [code for batch in rows.features() for code in batch.column("pickup_zone").to_pylist()] == [132, -1]


def test_only_kept_rows_are_counted(tmp_path):
    table = raw_month(PULocationID=["1.0"] * 120)
    late = table.column("lpep_pickup_datetime").to_pylist()
    dropoffs = [None] * 20 + late[21:] + late[-1:]
    index = table.schema.get_field_index("lpep_dropoff_datetime")
    table = table.set_column(index, "lpep_dropoff_datetime", pa.array(dropoffs, pa.timestamp("us")))
    rows, quality = cleaned(tmp_path, table)
    assert quality["normalised"] == {"pickup_zone": rows.num_rows}
    assert rows.num_rows < 120


def test_text_ids_get_stable_codes():
    texts = pa.array(["JC105", "132", None, "", "5779.09", "JC105", "0132", "12345678901"])
    codes = id_codes.codes(texts).tolist()
    assert codes[:4] == [48385028, 132, -1, -1]
    assert codes[5] == codes[0]
    assert len(set(codes)) == 6
    assert all(-1 <= code < 2**26 for code in codes)
    assert id_codes.codes(texts.dictionary_encode()).tolist() == codes
    assert id_codes.codes(texts.slice(1, 3)).tolist() == codes[1:4]
