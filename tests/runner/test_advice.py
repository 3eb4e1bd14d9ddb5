"""The advice about rejected or missing months is followed, and works."""

import argparse
import itertools
import re
from pathlib import Path

import pytest
import yaml
from monthwise.base import files, months
from monthwise.config import layers
from monthwise.config.settings import Settings
from monthwise.runner.planning import Plan
from monthwise.workflow import targets

FIRST, LAST = "2023-11", "2024-04"
DATA = months.span(FIRST, LAST)
DEMO = {"source": "demo", "begin": {"green": "2024-01"}, "demo": {"first": FIRST, "last": LAST}}
LINE = re.compile(r"`((?:quality|skip|begin): .*?)`")


@pytest.fixture
def workdir(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for month in DATA:
        write(month, "source.json", {})
        write(month, "quality.json", {"verdict": "pass", "rows_out": 9})
    return tmp_path


def write(month: str, name: str, content: dict) -> None:
    path = Path(targets.data_file("green", month, name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(files.to_json(content))


def reject(month: str, rows_out: int = 9, waiver: str | None = None) -> None:
    rule = {"name": "kept_share_below", "number": 0.967, "bound": 0.968}
    quality = {"dataset": "green", "month": month, "verdict": "reject", "rule": rule, "rows_out": rows_out}
    write(month, "quality.json", quality | {"waiver": waiver})


def plan_call(overrides: dict) -> Plan:
    """Return what a call plans from the files, without Snakemake."""
    arguments = argparse.Namespace(range=None, dataset=None, recheck=None, redo=False, jobs=1, configfile=[])
    arguments.overrides, arguments.config = [], overrides
    plan = Plan(arguments, Settings((), overrides))
    plan.check_publisher(changes=False)
    plan.find_available()
    return plan


def advised(line: str) -> list[dict]:
    return [yaml.safe_load(text) for text in LINE.findall(line)]


def follow(overrides: dict, advice: dict, month: str) -> Plan:
    """Follow a piece of advice; a waiver is in quality.json once `clean` has run."""
    changed = layers.merge(overrides, advice)
    if "quality" in advice:
        reject(month, waiver=Settings((), changed).config.quality.waive["green"][month])
    return plan_call(changed)


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("rejected", [*itertools.combinations(DATA, 1), *itertools.combinations(DATA[:4], 2)])
def test_what_a_rejected_month_advises_works_when_followed(workdir, rejected, length):
    overrides = DEMO | {"window": {"length": length}, "begin": {"green": months.shift(FIRST, length + 1)}}
    for month in rejected:
        reject(month)
    plan = plan_call(overrides)
    needed = plan.calendars["green"].data_months(*plan.available["green"].months)
    assert set(plan.rejected["green"]) == set(rejected)
    for month, line in plan.rejected["green"].items():
        pieces = advised(line)
        assert "\n" not in line
        assert {"quality": {"waive": {"green": {month: "reason"}}}} in pieces
        for advice in pieces:
            after = follow(overrides, advice, month)
            assert month not in after.rejected["green"]
            assert month not in after.available["green"].waiting_for.values()
            read = after.calendars["green"].data_months(*after.available["green"].months)
            assert min(read) >= min(needed), f"{advice} asks for a month that is not there"
            assert after.available["green"].months
            reject(month)


def test_a_month_of_the_first_window_advises_a_later_begin(workdir):
    reject("2023-11")
    assert advised(plan_call(DEMO).rejected["green"]["2023-11"])[1:] == [{"begin": {"green": "2024-02"}}]
    reject("2023-12")
    lines = plan_call(DEMO).rejected["green"]
    assert [advised(lines[month])[1:] for month in ("2023-11", "2023-12")] == [[{"begin": {"green": "2024-03"}}]] * 2


def test_a_month_in_the_middle_advises_to_skip_it_with_those_that_are_skipped(workdir):
    reject("2024-02")
    line = plan_call(DEMO | {"skip": {"green": ["2024-03"]}}).rejected["green"]["2024-02"]
    assert advised(line)[1:] == [{"skip": {"green": ["2024-02", "2024-03"]}}]


def test_a_month_without_rows_is_not_to_be_waived(workdir):
    reject("2024-02", rows_out=0)
    assert [*advised(plan_call(DEMO).rejected["green"]["2024-02"])[0]] == ["skip"]


@pytest.mark.parametrize("missing", DATA[:-1])
def test_what_a_missing_month_advises_works_when_followed(workdir, missing):
    published = workdir / "published"
    published.mkdir()
    for month in DATA:
        if month != missing:
            (published / f"green_tripdata_{month}.parquet").touch()
    Path(targets.data_file("green", missing, "source.json")).unlink()
    overrides = {"source": f"file:{published}", "begin": {"green": "2024-01"}}
    (line,) = plan_call(overrides).stopped_chains()
    assert f"{missing} is not published" in line
    pieces = advised(line)
    assert pieces
    for advice in pieces:
        assert plan_call(layers.merge(overrides, advice)).stopped_chains() == []


def test_holes_in_a_folder_are_named_as_holes(workdir):
    published = workdir / "published"
    published.mkdir()
    for month in ("2023-11", "2023-12", "2024-04"):
        (published / f"green_tripdata_{month}.parquet").touch()
    for month in DATA:
        Path(targets.data_file("green", month, "source.json")).unlink()
    plan = plan_call({"source": f"file:{published}", "begin": {"green": "2024-01"}})
    hole = "missing between months that are published"
    assert plan.missing() == {hole: {"green": ["2024-01", "2024-02", "2024-03"]}}
    assert months.in_words(plan.missing()[hole]["green"]) == "2024-01 to 2024-03"
    assert "2024-01 is not published" in plan.stopped_chains()[0]


def test_months_in_a_row_are_a_span():
    assert months.in_words(["2024-02", "2023-12", "2024-01", "2025-01"]) == "2023-12 to 2024-02, 2025-01"
    months_by_reason = months.not_published(["2024-05", "2024-02"], ["2024-01", "2024-03"])
    assert months_by_reason == {
        "missing between months that are published": ["2024-02"],
        "not published yet": ["2024-05"],
    }


def test_a_call_reads_config_once(workdir, monkeypatch):
    read, calls = layers.read, []
    monkeypatch.setattr(layers, "read", lambda *arguments: calls.append(arguments) or read(*arguments))
    reject("2023-11")
    assert plan_call(DEMO).rejected["green"]
    assert len(calls) == 1
