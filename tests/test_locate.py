"""The facts that are written about a month before it is fetched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.workflow import REPOSITORY
from monthwise import publisher
from monthwise.base import exits
from monthwise.publisher import folder
from servers.misbehaving_server import Answer, MisbehavingServer

PATIENCE = {"connect_s": 300, "read_s": 300, "tries": 2, "back_off_s": 0.01}
FILE = "green_tripdata_{month}.parquet"


@pytest.fixture
def mirror(tmp_path):
    """A folder with January and March of 2021."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for month in ("2021-01", "2021-03"):
        (mirror / FILE.format(month=month)).write_bytes(b"PAR1" + month.encode())
        os.utime(mirror / FILE.format(month=month), ns=(0, 1_614_556_800_123_456_789))
    return mirror


def settings(source, month="2021-01", **changed):
    named = {"dataset": "green", "month": month, "file": FILE.format(month=month), "pattern": FILE}
    return {"source": source, **named, "patience": PATIENCE, **changed}


def run_locate(job_settings, source):
    """Run the program; return its exit code and its last line, and insist on no traceback."""
    command = [sys.executable, "scripts/locate.py", "--settings", json.dumps(job_settings), "--source", str(source)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert "Traceback" not in ended.stdout + ended.stderr
    last = ended.stdout.splitlines()[-1]
    assert last.startswith(f"exit {ended.returncode}: ")
    return ended.returncode, last


def test_the_facts_of_a_file_in_a_folder(mirror, tmp_path):
    source = tmp_path / "data" / "source.json"
    code, line = run_locate(settings(f"file:{mirror}"), source)
    assert code == 0
    assert "green 2021-01 is published" in line
    assert json.loads(source.read_text()) == {
        "format": 3,
        "dataset": "green",
        "month": "2021-01",
        "kind": "file",
        "file": "green_tripdata_2021-01.parquet",
        "size": 11,
        "etag": None,
        "last_modified": "2021-03-01T00:00:00.123456Z",
    }


def test_a_month_that_is_not_in_the_folder_is_not_published(mirror, tmp_path):
    source = tmp_path / "source.json"
    code, line = run_locate(settings(f"file:{mirror}", "2021-04"), source)
    assert code == os.EX_NOINPUT
    assert f"green 2021-04 is not published: there is no {mirror}" in line
    assert "newest published month is 2021-03" in line
    assert list(tmp_path.iterdir()) == [mirror]


def test_a_folder_without_any_month_says_so(mirror):
    for path in mirror.iterdir():
        path.unlink()
    with pytest.raises(exits.NotPublished, match="no month of this dataset is published"):
        publisher.locate(settings(f"file:{mirror}"))


def test_a_folder_that_does_not_exist_is_wrong_config(tmp_path):
    code, line = run_locate(settings(f"file:{tmp_path}/nowhere"), tmp_path / "source.json")
    assert code == os.EX_CONFIG
    assert f"{tmp_path}/nowhere" in line


@pytest.mark.parametrize("source", ["ftp:x", "file", "file:", "http", ""])
def test_a_source_of_no_known_kind_is_wrong_config(source):
    with pytest.raises(exits.WrongConfig, match="https, file:FOLDER or demo"):
        publisher.locate(settings(source))


def test_a_month_of_the_web_is_located_by_the_program(mirror, tmp_path):
    with MisbehavingServer(mirror) as server:
        code, _ = run_locate(settings("https", url=server.url), tmp_path / "source.json")
        assert code == 0
        facts = json.loads((tmp_path / "source.json").read_text())
        assert (facts["kind"], facts["size"]) == ("https", 11)


def test_a_month_that_is_not_out_ends_with_66_and_leaves_nothing(mirror, tmp_path):
    with MisbehavingServer(mirror) as server:
        code, line = run_locate(settings("https", "2021-05", url=server.url), tmp_path / "source.json")
    assert code == os.EX_NOINPUT
    assert "green 2021-05" in line
    assert "the newest published month before it is 2021-03" in line
    assert list(tmp_path.iterdir()) == [mirror]


def test_a_publisher_that_is_down_ends_with_69_and_leaves_what_was_known(mirror, tmp_path):
    source = tmp_path / "source.json"
    source.write_text("what was known")
    with MisbehavingServer(mirror) as server:
        server.behave("green_tripdata_2021-01.parquet", Answer(status=503))
        code, line = run_locate(settings("https", url=server.url), source)
    assert code == os.EX_UNAVAILABLE
    assert "answers 503" in line
    assert source.read_text() == "what was known"


def test_locate_does_not_import_more_than_its_http_client(mirror, tmp_path):
    with MisbehavingServer(mirror) as server:
        job_settings = json.dumps(settings("https", url=server.url))
        command = [sys.executable, "-X", "importtime", "scripts/locate.py", "--settings", job_settings]
        command += ["--source", str(tmp_path / "source.json")]
        imported = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stderr
    assert "urllib3" in imported
    assert not [name for name in ("numpy", "pyarrow", "pandas", "yaml") if f" {name}\n" in imported]


def test_the_newest_month_of_a_folder_costs_only_the_standard_library(mirror):
    program = (
        "import sys; from monthwise.publisher import folder;"
        f"print(folder.months({str(mirror)!r}, {FILE!r})[-1], 'urllib3' in sys.modules, 'pyarrow' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY / "scripts", capture_output=True, text=True, check=True
    ).stdout
    assert answer == "2021-03 False False\n"


def test_only_files_that_fit_the_pattern_are_months(mirror):
    for name in ("green_tripdata_2021-13.parquet", "yellow_tripdata_2022-01.parquet", "green_tripdata_2022-01.csv"):
        (mirror / name).touch()
    (mirror / ".green_tripdata_2022-01.parquet").touch()
    (mirror / "green_tripdata_2022-02.parquet").mkdir()
    (mirror / "green_tripdata_.parquet").touch()
    assert folder.months(mirror, FILE) == ["2021-01", "2021-03"]
    assert folder.months(mirror, "fhv_{month}.parquet") == []


def test_a_file_name_may_have_year_and_month_apart(tmp_path):
    for name in ("03-sales-2024", "11-sales-2023", "13-sales-2023", "3-sales-2024", "sales-2024-03"):
        (tmp_path / f"{name}.csv").touch()
    pattern = "{mm}-sales-{year}.csv"
    assert folder.months(tmp_path, pattern) == ["2023-11", "2024-03"]
    with pytest.raises(exits.NotPublished, match=r"sales 2024-01 is missing between .* the newest is 2024-03"):
        publisher.locate(
            settings(f"file:{tmp_path}", "2024-01", dataset="sales", file="01-sales-2024.csv", pattern=pattern)
        )


def test_a_relative_folder_lies_in_the_repository():
    assert publisher.resolve_folder("file:mirrors/tlc") == REPOSITORY / "mirrors" / "tlc"
    assert publisher.resolve_folder("file:/data/tlc") == Path("/data/tlc")


def test_an_unchanged_answer_is_not_written_again(mirror, tmp_path):
    source = tmp_path / "source.json"
    facts = publisher.locate(settings(f"file:{mirror}"))
    assert publisher.update(source, facts)
    os.utime(source, (1, 1))
    assert not publisher.update(source, publisher.locate(settings(f"file:{mirror}")))
    assert os.stat(source).st_mtime == 1
    (mirror / facts["file"]).write_bytes(b"PAR1 restated")
    assert publisher.update(source, publisher.locate(settings(f"file:{mirror}")))
    assert json.loads(source.read_text())["size"] == 13


def test_the_command_and_the_program_write_the_same_bytes(mirror, tmp_path):
    run_locate(settings(f"file:{mirror}"), tmp_path / "program.json")
    publisher.update(tmp_path / "command.json", publisher.locate(settings(f"file:{mirror}")))
    assert (tmp_path / "program.json").read_bytes() == (tmp_path / "command.json").read_bytes()
