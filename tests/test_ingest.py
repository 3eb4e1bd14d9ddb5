"""The published file of a month: fetched completely, checked, kept, and never half-written."""

import gzip
import json
import os
import shlex
import shutil
import signal
import subprocess

import ingest
import pyarrow
import pyarrow.parquet
import pytest
from fixtures.ingested_month import FILE, PATIENCE, Month, write_month
from fixtures.workflow import REPOSITORY, wait_for
from monthwise.base import exits, files
from monthwise.publisher import folder, partial
from servers.misbehaving_server import HTML, Answer, MisbehavingServer


@pytest.fixture
def month(tmp_path):
    return Month(tmp_path)


@pytest.fixture
def server(month):
    with MisbehavingServer(month.mirror) as server:
        yield month.serve(server)


def test_a_month_of_the_web_is_fetched_and_kept(month, server):
    month.locate()
    code, line = month.ingest()
    assert code == 0
    assert f"{month.published.stat().st_size:,} bytes, fetched: {server.url}/{FILE}" in line
    assert month.raw.read_bytes() == month.published.read_bytes()
    assert month.names() == [".raw.kept.file", ".raw.kept.json", "raw.file", "source.json"]
    assert os.path.samefile(month.raw, month.home / ingest.KEPT)


def test_the_same_facts_cost_no_second_transfer(month, server):
    month.locate()
    month.ingest()
    before = len(server.requests)
    code, line = month.ingest()
    assert code == 0
    assert "nothing fetched" in line
    assert len(server.requests) == before
    assert month.raw.read_bytes() == month.published.read_bytes()
    code, _ = month.ingest()
    assert code == 0


def test_a_restated_month_is_fetched_and_kept_in_place_of_the_old(month, server):
    month.locate()
    month.ingest()
    write_month(month.published, seed=2)
    month.locate()
    assert month.ingest()[0] == 0
    assert month.raw.read_bytes() == month.published.read_bytes()
    assert os.path.samefile(month.raw, month.home / ingest.KEPT)
    assert json.loads((month.home / ".raw.kept.json").read_text())["source"] == files.read_json(
        month.home / "source.json"
    )


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(status=500), os.EX_UNAVAILABLE),
        (Answer(status=403), os.EX_NOINPUT),
        (Answer(headers={"ETag": '"another"'}), os.EX_TEMPFAIL),
        (Answer(after=400, then="stall"), os.EX_UNAVAILABLE),
    ],
)
def test_where_the_fetch_of_a_restated_month_fails_the_kept_file_stays(month, server, answer, code):
    month.locate()
    month.ingest()
    good = month.raw.read_bytes()
    write_month(month.published, seed=2)
    month.locate()
    server.behave(FILE, answer, method="GET")
    month.settings["patience"] = PATIENCE | ({"read_s": 0.5} if answer.then == "stall" else {})
    assert month.ingest()[0] == code
    assert (month.home / ingest.KEPT).read_bytes() == good
    assert (month.home / ".raw.kept.json").exists()


@pytest.mark.parametrize("from_folder", [True, False])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda good: HTML, "an HTML page"),
        (lambda good: b"<?xml version='1.0'?><Error/>", "an XML document"),
        (lambda good: good[:-1000], "cut short"),
        (lambda good: b"", "an empty file"),
    ],
)
def test_what_is_no_parquet_ends_with_65_and_says_what_it_is(month, server, content, message, from_folder):
    bad = content(month.published.read_bytes())
    month.published.write_bytes(bad)
    if from_folder:
        month.settings["source"] = f"file:{month.mirror}"
    month.locate()
    code, line = month.ingest()
    assert code == os.EX_DATAERR
    assert message in line
    assert FILE in line
    assert month.names() == ["source.json"]


def test_a_month_that_shrank_in_head_and_get_alike_is_cut_short(month, server):
    server.behave(FILE, Answer(headers={"Content-Length": "70000"}))
    month.locate()
    code, line = month.ingest()
    assert code == os.EX_DATAERR
    assert "cut short, 70,000 bytes" in line


def test_a_job_that_was_killed_is_resumed_by_the_next(month, server):
    month.locate()
    server.behave(FILE, Answer(after=200_000, then="stall"), Answer(), method="GET")
    job = subprocess.Popen(month.command(), cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    begun = month.home / partial.NAME
    wait_for(lambda: begun.exists() and begun.stat().st_size == 200_000)
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert not month.raw.exists()
    assert month.ingest()[0] == 0
    assert server.requests_by("GET")[-1].headers["range"] == "bytes=200000-"
    assert month.raw.read_bytes() == month.published.read_bytes()
    assert partial.NAME not in month.names()


def test_a_month_of_a_folder_is_never_linked_to_it(month):
    month.locate()
    assert month.ingest()[0] == 0
    assert month.raw.read_bytes() == month.published.read_bytes()
    assert os.stat(month.published).st_nlink == 1
    with open(month.raw, "ab") as raw:
        raw.write(b"edited")
    assert folder.locate(month.settings) == files.read_json(month.home / "source.json")


def test_a_restated_file_in_a_folder_is_a_change(month):
    month.locate()
    write_month(month.published, seed=2)
    code, line = month.ingest()
    assert code == os.EX_TEMPFAIL
    assert "changed since it was located; run `./monthwise locate 2021-01" in line


def test_a_file_that_changes_while_it_is_copied_is_a_change(month, monkeypatch):
    facts = folder.locate(month.settings)

    def copy_and_restate(source, copy):
        shutil.copyfileobj(source, copy)
        write_month(month.published, seed=2)

    monkeypatch.setattr(folder, "_clone_or_copy", copy_and_restate)
    with pytest.raises(exits.TryAgain):
        folder.fetch(facts, month.settings, month.raw)


def test_a_file_that_left_the_folder_is_not_published(month):
    month.locate()
    month.published.unlink()
    code, line = month.ingest()
    assert code == os.EX_NOINPUT
    assert "no longer published" in line


def test_facts_of_another_kind_of_source_are_not_taken(month, server):
    month.locate()
    month.settings["source"] = f"file:{month.mirror}"
    code, line = month.ingest()
    assert code == os.EX_TEMPFAIL
    assert "./monthwise locate 2021-01" in line


def test_a_file_system_without_hard_links_keeps_nothing_and_fails_nothing(month, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    shutil.copy(month.published, month.raw)
    monkeypatch.setattr(ingest.os, "link", refuse)
    ingest.keep({}, month.raw)
    assert month.names() == ["raw.file"]
    assert not ingest.link_kept({}, month.raw, "parquet")


@pytest.mark.parametrize("damage", ["size", "facts", "record", "content"])
def test_a_kept_file_that_is_not_what_it_was_is_not_taken(month, damage):
    facts = folder.locate(month.settings)
    shutil.copy(month.published, month.raw)
    ingest.keep(facts, month.raw)
    month.raw.unlink()
    kept, record = month.home / ingest.KEPT, month.home / ".raw.kept.json"
    if damage == "size":
        kept.write_bytes(kept.read_bytes() + b"PAR1")
    elif damage == "facts":
        facts = {**facts, "size": 1}
    elif damage == "record":
        record.write_text("{")
    else:
        kept.write_bytes(bytes(kept.stat().st_size))
    assert not ingest.link_kept(facts, month.raw, "parquet")
    assert not month.raw.exists()


def test_a_row_group_outside_the_file_is_noticed(month, tmp_path):
    whole = month.published.read_bytes()
    footer = 8 + int.from_bytes(whole[-8:-4], "little")
    holed = tmp_path / "holed.parquet"
    holed.write_bytes(whole[:50_000] + whole[-footer:])
    with pytest.raises(ingest.NotWhole, match="cut short, row group"):
        ingest.rows_of(holed)


def test_a_footer_that_is_noise_is_noticed(tmp_path):
    noise = tmp_path / "noise.parquet"
    noise.write_bytes(b"PAR1" + bytes(100) + (90).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(ingest.NotWhole, match="footer that cannot be read"):
        ingest.rows_of(noise)


def test_a_file_without_a_column_is_noticed(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({}), tmp_path / "bare.parquet")
    with pytest.raises(ingest.NotWhole, match="without a column"):
        ingest.rows_of(tmp_path / "bare.parquet")


def test_a_file_without_rows_is_for_clean_to_judge(tmp_path):
    write_month(tmp_path / "empty.parquet", rows=0)
    assert ingest.rows_of(tmp_path / "empty.parquet") == 0


CSV = b"date,sold\n2021-01-05,3\n"


@pytest.mark.parametrize("file_format", ["csv", "csv.gz"])
def test_a_csv_month_is_fetched_byte_for_byte_and_kept(month, file_format):
    month.settings["format"] = file_format
    month.published.write_bytes(gzip.compress(CSV, mtime=0) if file_format == "csv.gz" else b"\xef\xbb\xbf" + CSV)
    month.locate()
    assert month.ingest()[0] == 0
    assert month.raw.read_bytes() == month.published.read_bytes()
    assert "nothing fetched" in month.ingest()[1]


@pytest.mark.parametrize(
    ("file_format", "content", "message"),
    [
        ("csv", b"", "an empty file"),
        ("csv", HTML, "an HTML page"),
        ("csv", b"\xef\xbb\xbf<?xml version='1.0'?><Error/>", "an XML document"),
        ("csv", b"PAR1" + CSV, "a parquet file"),
        ("csv", gzip.compress(CSV, mtime=0), "compressed with gzip"),
        ("csv.gz", CSV, "not compressed with gzip"),
        ("csv.gz", HTML, "an HTML page"),
        ("csv.gz", gzip.compress(CSV, mtime=0)[:-6], "gzip that cannot be read to its end"),
        ("csv.gz", gzip.compress(CSV, mtime=0)[:-8] + bytes(8), "gzip that cannot be read to its end"),
        ("csv.gz", gzip.compress(CSV, mtime=0)[:12] + b"\xff" * 20, "gzip that cannot be read to its end"),
    ],
)
def test_what_is_no_csv_ends_with_65_and_says_what_it_is(month, file_format, content, message):
    month.settings["format"] = file_format
    month.published.write_bytes(content)
    month.locate()
    code, line = month.ingest()
    assert code == os.EX_DATAERR
    assert f"is {message}" in line
    assert month.names() == ["source.json"]


def test_a_full_disk_ends_with_73_and_names_the_file(month, server, monkeypatch):
    month.locate()
    limited = f"ulimit -f 64; exec {shlex.join(map(str, month.command()))}"
    ended = subprocess.run(["/bin/bash", "-c", limited], cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.returncode == os.EX_CANTCREAT
    assert ended.stdout.splitlines()[-1].startswith(f"exit 73: cannot write {month.home / partial.NAME}")
    assert not month.raw.exists()


def test_real_months_pass(tlc):
    months = folder.months(tlc, "green_tripdata_{month}.parquet")
    paths = [tlc / f"green_tripdata_{month}.parquet" for month in months]
    rows = {month: ingest.rows_of(path) for month, path in zip(months, paths, strict=True)}
    assert len(rows) >= 2
    assert rows.get("2021-01", 76518) == 76518
