"""Published CSV files: the same rows however they are written, and one line that says what is wrong and where."""

import gzip

import pytest
from fixtures.months_made import clean_file, of_dataset
from monthwise.base.exits import BadData
from monthwise.data import published

HEADER = "date,sold,price,store\n"
ROWS = "2021-01-05,3,1.5,Zürich\n2021-01-06,4,,007\n"
PLAIN = HEADER + ROWS
SALES = {"time": "date", "target": "sold", "features": {"price": "number", "store": "category"}}


@pytest.fixture
def read(tmp_path):
    """Return a function that cleans a month with this content; it returns target, price and store of its rows."""

    def run(content: str | bytes, **description) -> list[tuple]:
        raw = tmp_path / "raw.file"
        raw.write_bytes(content.encode() if isinstance(content, str) else content)
        rows, _ = clean_file(raw, tmp_path / "rows.parquet", of_dataset("clean", **SALES | description))
        return [tuple(row.values())[2:] for row in rows.to_pylist()]

    return run


def refusal(read, content: str | bytes, **description) -> str:
    """Return the line that a month with this content is refused with."""
    with pytest.raises(BadData) as refused:
        read(content, **description)
    line = str(refused.value)
    assert line.startswith("sales 2021-01: ")
    assert len(line.splitlines()) == 1
    return line


@pytest.mark.parametrize(
    ("content", "description"),
    [
        (PLAIN, {}),
        (PLAIN.encode("utf-8-sig"), {}),
        (PLAIN.encode("latin-1"), {"csv": {"encoding": "latin-1"}}),
        (PLAIN.encode("utf-16"), {"csv": {"encoding": "utf-16"}}),
        (PLAIN.replace(",", "\t"), {"csv": {"delimiter": "\t"}}),
        (PLAIN.replace(",", ";").replace(".", ","), {"csv": {"delimiter": ";", "decimal": ","}}),
        (PLAIN.replace("\n", "\r\n").rstrip(), {}),
        (PLAIN.replace("price", '"price"').replace("Zürich", '" Zürich"').replace("4", " 4.0"), {}),
        (HEADER + "\n" + ROWS + "\n", {}),
        (gzip.compress(PLAIN.encode(), mtime=0), {"file": "sales_{month}.csv.gz"}),
        (PLAIN.replace("sold", "no,sold").replace(",3", ",1,3").replace(",4", ",2,4"), {}),
        (PLAIN.replace("sold", "no,no,sold").replace(",3", ",1,1,3").replace(",4", ",2,2,4"), {}),
    ],
)
def test_the_rows_are_the_same_however_the_file_is_written(read, content, description):
    assert read(content, **description) == [(3, 1.5, "Zürich"), (4, None, "007")]


def test_texts_of_missing_values_are_those_of_config(read):
    rows = HEADER + "2021-01-05,1,NA,NaN\n2021-01-06,2,null,\n"
    assert read(rows) == [(1, None, None), (2, None, None)]
    rows = HEADER + "2021-01-05,1,-,NA\n2021-01-06,-,2,x\n"
    assert read(rows, csv={"missing": ["-"]}) == [(1, None, "NA")]
    assert "line 2: 'price' has invalid value '-'" in refusal(read, rows)


@pytest.mark.parametrize("rows_before", [0, 100])
@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("2021-01-07,3\n", "line {line} has 2 values instead of 4"),
        ("2021-01-07,3,1,x,y\n", "line {line} has 5 values instead of 4"),
        ("2021-01-07,3,cheap,x\n", "line {line}: 'price' has invalid value 'cheap', which is not a number"),
        ("2021-01-07,many,1,x\n", "line {line}: 'sold' has invalid value 'many', which is not a number"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(read, monkeypatch, rows_before, broken, message):
    monkeypatch.setattr(published, "BLOCK_BYTES", 300)  # less than the rows before
    line = refusal(read, HEADER + "2021-01-05,3,1.5,x\n" * rows_before + broken + ROWS)
    assert message.format(line=rows_before + 2) in line
    assert "correct the file, or the csv settings of the dataset" in line


@pytest.mark.parametrize("header_bytes", [published.HEADER_BYTES, 30])
def test_a_file_in_another_encoding_is_refused_with_the_line(read, monkeypatch, header_bytes):
    monkeypatch.setattr(published, "HEADER_BYTES", header_bytes)
    line = refusal(read, (HEADER + "2021-01-05,1,2,x\n" + ROWS).encode("latin-1"))
    assert "line 3" in line
    assert "utf-8" in line.lower().replace("utf8", "utf-8")


def test_another_delimiter_is_guessed_from_the_header(read):
    line = refusal(read, PLAIN.replace(",", ";"))
    assert "no column for time: looked for date" in line
    assert "its header has no ',': is csv.delimiter ';'?" in line
    assert "csv.delimiter" not in refusal(read, PLAIN.replace("date", "day"))


def test_another_encoding_is_guessed_from_the_header(read):
    features = {"price": {"kind": "number", "columns": ["Größe"]}}
    line = refusal(read, PLAIN.replace("price", "Größe"), features=features, csv={"encoding": "latin-1"})
    assert "; it is UTF-8, and csv.encoding is latin-1; edit" in line


def test_a_column_that_is_there_twice_is_named(read):
    line = refusal(read, PLAIN.replace("store", "price"), features={"price": "number"})
    assert "has 2 columns price, and price is one" in line
    assert "catalog.sales.features.price.columns in its config" in line


def test_a_text_that_is_no_time_is_named(read):
    line = refusal(read, PLAIN.replace("2021-01-06", "someday"))
    assert "raw.file, line 3: 'someday' is not a time in ISO 8601; give time.format of the dataset" in line
    other = {"time": {"columns": ["date"], "format": "%d.%m.%Y"}}
    assert "line 2: '2021-01-05' is not a time in the format '%d.%m.%Y'" in refusal(read, PLAIN, **other)
    assert read(PLAIN.replace("2021-01-05", "05.01.2021").replace("2021-01-06", "06.01.2021"), **other) == read(PLAIN)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_header_is_refused(read, content):
    assert "has no header line" in refusal(read, content)


@pytest.mark.parametrize("rows", [2, 100_000])  # cut in the header's block, or behind it
def test_a_compressed_file_that_is_cut_is_refused(read, rows):
    content = HEADER + "".join(f"2021-01-05,{row},{row * 7919 % 9973},x\n" for row in range(rows))
    cut = gzip.compress(content.encode())[:-10]
    assert "Compressed file ended" in refusal(read, cut, file="sales_{month}.csv.gz")


@pytest.mark.parametrize("good", [0, 1, 2, 299, 300])
def test_the_line_of_a_text_that_is_no_time_counts_from_the_header(read, monkeypatch, good):
    monkeypatch.setattr(published, "BLOCK_BYTES", 200)
    rows = "2021-01-05,1,2,x\n" * good + "soon,1,2,x\n" + "2021-01-05,1,2,x\nlater,1,2,x\n" * 9
    assert f"line {good + 2}: 'soon' is not a time" in refusal(read, HEADER + rows)


def test_where_batches_are_cut_does_not_show(read, monkeypatch):
    content = HEADER + "".join(f"2021-01-05,{row},{row / 2},s{row % 7}\n" for row in range(500))
    whole = read(content)
    monkeypatch.setattr(published, "BLOCK_BYTES", 200)
    assert read(content) == whole
    assert [row[0] for row in whole] == list(range(500))
