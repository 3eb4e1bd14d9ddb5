"""Ids: one code for a place or vendor, however the publisher writes it that year."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.months_made import raw_month, settings, write_raw
from fixtures.workflow import REPOSITORY
from monthwise.commands import score
from monthwise.data import cleaning, id_codes, tables, zones

ZONES = REPOSITORY / "config/zones/new-york.csv"
BOTH = ("PULocationID", "DOLocationID")


def cleaned(folder, table: pa.Table, places=ZONES):
    """Return the trips and the quality of a raw table, with the ids of a zone file (None: without one)."""
    month = cleaning.Month(str(write_raw(folder / "raw.parquet", table)), settings(), zones.read(places))
    tables.write(folder / "trips.parquet", cleaning.TRIPS, month.trips())
    return pq.read_table(folder / "trips.parquet"), month.quality()


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
    trips, quality = cleaned(tmp_path, as_text(raw_month(), write))
    assert trips == as_numbers
    assert quality["normalised"] == ({} if is_usual else {"pickup_zone": 120, "dropoff_zone": 120})
    assert quality["missing"]["pickup_zone"] == quality["repairs"]["pickup_zone_implausible"] == 0


@pytest.mark.parametrize("places", [ZONES, None])
@pytest.mark.parametrize(("text", "is_implausible"), [("-1", True), ("-1.0", True), ("nan", False), ("  ", False)])
def test_what_stands_for_a_missing_id_is_missing(tmp_path, text, is_implausible, places):
    table = as_text(raw_month(), lambda number: text if number % 2 else str(number))
    trips, quality = cleaned(tmp_path, table, places)
    assert set(trips.column("pickup_zone").to_pylist()) == {-1, *range(2, 121, 2)}
    assert quality["missing"]["pickup_zone"] == 0.5
    assert quality["repairs"]["pickup_zone_implausible"] == 60 * is_implausible


def test_a_text_that_is_no_number_is_missing_where_the_zone_file_has_numbers(tmp_path):
    trips, quality = cleaned(tmp_path, raw_month(PULocationID=["Harlem", *map(str, range(119))]))
    assert trips.column("pickup_zone").to_pylist()[:3] == [-1, 0, 1]
    assert quality["repairs"]["pickup_zone_implausible"] == 1


def test_only_ids_that_the_zone_file_calls_numbers_lose_their_leading_zeros(tmp_path):
    stations = tmp_path / "stations.csv"
    stations.write_text("id,name,borough\nJC105,A,X\n0132,B,X\n132,C,X\n")
    for places in (stations, None):
        trips, quality = cleaned(tmp_path, raw_month(3, PULocationID=["0132", "132", "jc105 "], VendorID="2"), places)
        codes = trips.column("pickup_zone").to_pylist()
        assert len(set(codes)) == 3
        assert codes[1:] == [132, 48385028]
        assert quality["normalised"] == {"pickup_zone": 1}
    assert zones.read(stations).rows(trips.column("pickup_zone").to_numpy()).tolist() == [2, 0, 1]


def test_blanks_and_case_of_base_numbers_do_not_count(tmp_path):
    usual, _ = cleaned(tmp_path, raw_month(VendorID="B00254"))
    trips, quality = cleaned(tmp_path, raw_month(VendorID="b00254 "))
    assert trips == usual
    assert quality["normalised"] == {"vendor": 120}


def test_trips_of_a_user_get_the_same_ids():
    rows = {"pickup_time": raw_month(1).column("lpep_pickup_datetime"), "pickup_zone": pa.array(["0132.0"])}
    batch = pa.table(rows).to_batches()[0]
    scored = score.trips(batch, 0, settings(), "trips.parquet", zones.read(ZONES))
    assert scored.column("pickup_zone").to_pylist() == [132]


def test_only_kept_rows_are_counted(tmp_path):
    table = raw_month(PULocationID=["1.0"] * 120)
    late = table.column("lpep_pickup_datetime").to_pylist()
    dropoffs = [None] * 20 + late[21:] + late[-1:]
    index = table.schema.get_field_index("lpep_dropoff_datetime")
    table = table.set_column(index, "lpep_dropoff_datetime", pa.array(dropoffs, pa.timestamp("us")))
    trips, quality = cleaned(tmp_path, table)
    assert quality["normalised"] == {"pickup_zone": trips.num_rows}
    assert trips.num_rows < 120


def test_text_ids_get_stable_codes():
    texts = pa.array(["JC105", "132", None, "", "5779.09", "JC105", "0132", "12345678901"])
    codes = id_codes.codes(texts).tolist()
    assert codes[:4] == [48385028, 132, -1, -1]
    assert codes[5] == codes[0]
    assert len(set(codes)) == 6
    assert all(-1 <= code < 2**26 for code in codes)
    assert id_codes.codes(texts.dictionary_encode()).tolist() == codes
    assert id_codes.codes(texts.slice(1, 3)).tolist() == codes[1:4]
