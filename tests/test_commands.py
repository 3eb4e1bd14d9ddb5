"""The commands of ./monthwise: what they say, and how they end."""

import shutil

import pytest
from conftest import publish
from workflow import Clone


@pytest.fixture
def fresh(tmp_path) -> Clone:
    return Clone(tmp_path / "clone")


def test_locate_writes_what_is_new_or_changed_and_nothing_else(fresh):
    for month in ("2021-01", "2021-02", "2021-03"):
        publish(fresh.path("published"), "green", month, rows=100)
    shutil.copy(fresh.path("published/green_tripdata_2021-01.parquet"), fresh.path("published/notes.txt"))
    asked = ("locate", "--config", "source=file:published", "first=2021-03")
    first = fresh.monthwise(*asked)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == [*(f"green 2021-0{month}: new" for month in (1, 2, 3)), "3 new"]
    sources = {path: path.stat().st_mtime_ns for path in fresh.path("data").rglob("source.json")}
    assert fresh.monthwise(*asked).stdout == "3 unchanged\n"
    publish(fresh.path("published"), "green", "2021-02", rows=100, seed=2)
    assert fresh.monthwise(*asked).stdout.splitlines() == ["green 2021-02: changed", "2 unchanged; 1 changed"]
    rewritten = [path.parent.name for path, before in sources.items() if path.stat().st_mtime_ns != before]
    assert rewritten == ["2021-02"]


def test_a_named_month_that_is_not_published_is_66(fresh):
    publish(fresh.path("published"), "green", "2021-01", rows=100)
    ended = fresh.monthwise("locate", "2021-01..2021-02", "--config", "source=file:published")
    assert ended.returncode == 66
    assert "green 2021-02 is not published" in ended.stdout
    assert fresh.path("data/green/2021-01/source.json").exists()
    assert not fresh.path("data/green/2021-02/source.json").exists()


def test_a_publisher_that_cannot_be_reached_is_69(fresh):
    fresh.edit("config/services.yaml", "https://d37ci6vzurychx.cloudfront.net/trip-data", "http://127.0.0.1:9")
    patience = {"MONTHWISE_PATIENCE": '{"tries": 2, "back_off_s": 0.01}'}
    ended = fresh.monthwise("locate", "2021-01", env=patience)
    assert ended.returncode == 69
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lokate"], "invalid choice: 'lokate'"),
        (["locate", "2021-13"], "'2021-13' is no month"),
        (["locate", "2021-03..2021-01"], "ends before it begins"),
        (["status", "--config", "first"], "write KEY=VALUE"),
        (["report", "2024-01"], "leave RANGE and --service out"),
    ],
)
def test_wrong_usage_is_64_and_one_line(fresh, arguments, said):
    ended = fresh.monthwise(*arguments)
    assert ended.returncode == 64
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_status_of_nothing_says_how_to_begin(fresh):
    ended = fresh.monthwise("status")
    assert (ended.returncode, ended.stdout.count("\n")) == (0, 1)
    assert "./monthwise run" in ended.stdout
