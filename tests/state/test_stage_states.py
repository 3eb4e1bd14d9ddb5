"""The state of each stage and month, and `./monthwise status`, from small folders of files."""

import json
import os
import sys
from pathlib import Path

import pytest
from monthwise.base import files, results, suggest
from monthwise.commands import main
from monthwise.config.settings import Settings
from monthwise.state import stage_states
from monthwise.workflow import stages
from monthwise.workflow.calendar import Calendar

CONFIG = {"source": "demo", "begin": {"green": "2024-01"}, "demo": {"first": "2023-11", "last": "2024-01"}}
QUALITY = {"verdict": "pass", "rows_in": 10, "rows_out": 9, "waiver": None, "rule": None}


@pytest.fixture
def workdir(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for stream in ("stdout", "stderr"):  # a command replaces them
        monkeypatch.setattr(sys, stream, getattr(sys, stream))
    for month in ("2023-11", "2023-12"):
        for name in ("source.json", "raw.file", "rows.parquet", "quality.json", "features.parquet"):
            write(f"data/green/{month}/{name}", QUALITY if name == "quality.json" else {})
    for name in (
        *stages.files_of("train"),
        *stages.files_of("evaluate"),
        *stages.files_of("promote"),
        "tracking.json",
    ):
        write(f"runs/green/2024-01/{name}", {})
    results.write_format()
    return tmp_path


def write(path: str, content: object) -> None:
    """Write text, JSON, or for other kinds of files the bytes that a complete one ends with."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if path.endswith((".file", ".parquet", ".skops")):
        content = {".file": "PAR1\x15PAR1", ".parquet": "PAR1", ".skops": "PK\x05\x06" + 18 * "\0"}[Path(path).suffix]
    files.write_json(path, content) if not isinstance(content, str) else Path(path).write_text(content)


def states(plan: dict | None = None, **changed) -> dict:
    return stage_states.of_dataset(Calendar.read(Settings((), CONFIG | changed), "green"), plan or {})


def state(states_by_month: dict, kind: str, month: str, stage: str) -> str:
    return states_by_month[kind][month][stage]["state"]


def test_what_stands_is_built_and_what_is_not_there_waits(workdir):
    green = states()
    assert state(green, "data", "2023-12", "featurize") == "built"
    assert state(green, "runs", "2024-01", "train") == "built"
    assert state(green, "runs", "2024-01", "score") == "waiting"
    assert state(green, "data", "2024-01", "locate") == "waiting"
    assert "compare" not in green["runs"]["2024-01"]  # the first month compares nothing


def test_a_failed_job_is_named_with_its_log_and_last_lines(workdir):
    write("logs/drift/green/2024-01.log", "some\nlines\nexit 1: ValueError: planted\n")
    write("logs/score/green/2024-01.log", "killed in the mid")
    write("logs/locate/green/2024-01.log", "exit 66: not out\n")
    green = states()
    assert green["runs"]["2024-01"]["drift"] == {
        "state": "failed",
        "log": "logs/drift/green/2024-01.log",
        "why": "exit 1: ValueError: planted",
        "lines": ["some", "lines", "exit 1: ValueError: planted"],
    }
    assert state(green, "runs", "2024-01", "score") == "failed"
    assert state(green, "data", "2024-01", "locate") == "waiting"


def test_rejected_unless_waived(workdir):
    rejected = QUALITY | {"verdict": "reject", "rule": {"name": "rows_below", "number": 9, "bound": 100}}
    write("data/green/2023-12/quality.json", rejected)
    assert states()["data"]["2023-12"]["clean"] == {"state": "rejected", "why": "rows_below: 9, bound 100"}
    write("data/green/2023-12/quality.json", rejected | {"waiver": "looked at"})
    assert state(states(), "data", "2023-12", "clean") == "built"


def test_warnings_of_data_and_of_the_validation_month_are_shown(workdir, monkeypatch, capfd):
    rule = {"name": "days_share_below", "number": 0.8, "bound": 0.9, "detail": "24 of 30 days have rows"}
    write("data/green/2023-11/quality.json", QUALITY | {"verdict": "warn", "rule": rule})
    write("runs/green/2024-01/metrics.json", {"warnings": [{"text": "hour: it is unlike"}, {"text": None}, "torn"]})

    def shown(*flags: str) -> str:
        monkeypatch.setattr("sys.argv", ["monthwise", "status", "--config", "source=demo", *flags])
        with pytest.raises(SystemExit):
            main()
        return capfd.readouterr().out

    assert "warning: data of green 2023-11, days_share_below: 0.8, bound 0.9 (24 of 30 days have rows)" in shown()
    assert "warning: green 2024-01, hour: it is unlike" in shown()
    green = json.loads(shown("--json"))["datasets"]["green"]
    assert green["numbers"]["2024-01"]["warnings"] == ["hour: it is unlike"]
    assert green["rows"]["2023-11"]["rule"] == "days_share_below: 0.8, bound 0.9 (24 of 30 days have rows)"


def test_stale_and_not_published_are_as_the_last_look_saw_them(workdir):
    jobs = [
        {
            "rule": "train",
            "dataset": "green",
            "month": "2024-01",
            "reason": "recipe changed: boosted",
            "missing": False,
        },
        {"rule": "drift", "dataset": "green", "month": "2024-01", "reason": "missing", "missing": True},
    ]
    plan = {"looked": "2024-02-01T00:00:00Z", "jobs": jobs, "not_published": {"green": ["2024-01"]}}
    green = states(plan)
    assert green["runs"]["2024-01"]["train"] == {"state": "stale", "why": "recipe changed: boosted"}
    assert state(green, "data", "2024-01", "locate") == "not published"


def test_what_the_settings_no_longer_ask_for_is_superseded(workdir):
    green = states(
        skip={"green": ["2023-12"]}, begin={"green": "2023-12"}, demo={"first": "2023-09", "last": "2024-01"}
    )
    assert state(green, "runs", "2024-01", "train") == "superseded"
    assert state(green, "runs", "2024-01", "promote") == "built"


def test_pruned(workdir):
    for name in ("raw.file", "rows.parquet", "features.parquet"):
        Path("data/green/2023-11", name).unlink()
    green = states(history={"closed_before": "2024-02"})
    assert state(green, "data", "2023-11", "ingest") == "pruned"
    assert state(green, "data", "2023-11", "clean") == "built"


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "7"])
def test_torn_files_are_no_traceback(workdir, content, monkeypatch, capfd):
    for path in list(Path().rglob("*.json")):
        path.write_text(content)
    write("logs/plan.json", content)
    Path(results.FORMAT_FILE).unlink()
    results.write_format()
    for flag in ([], ["--json"], ["--champions"]):
        monkeypatch.setattr("sys.argv", ["monthwise", "status", "--config", "source=demo", *flag])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
    capfd.readouterr()


def test_json_has_everything(workdir, monkeypatch, capfd):
    monkeypatch.setattr("sys.argv", ["monthwise", "status", "--json", "--config", "source=demo"])
    monkeypatch.setenv(suggest.CALL, "{}")  # as it is again after the test
    with pytest.raises(SystemExit):
        main()
    status = json.loads(capfd.readouterr().out)
    assert status["datasets"]["green"]["data"]["2023-12"]["clean"] == {"state": "built"}


@pytest.mark.parametrize("name", ["raw.file", "rows.parquet", "features.parquet", "quality.json"])
def test_a_file_that_is_not_whole_has_failed_and_a_missing_one_waits(workdir, name):
    path = Path("data/green/2023-12", name)
    stage = stages.STAGE_OF_FILE[name]
    path.write_bytes(b"{" if path.suffix == ".json" else path.read_bytes()[:-1])
    torn = states()["data"]["2023-12"][stage]
    assert torn["state"] == "failed"
    assert f"{path} is not whole: delete it" in torn["why"]
    path.unlink()
    assert state(states(), "data", "2023-12", stage) == "waiting"


def test_what_is_not_as_the_evidence_says_is_stale(workdir):
    run, data = Path("runs/green/2024-01"), Path("data/green/2023-11")
    names = [run / "metrics.json", run / "champion.json", data / "features.parquet", data / "quality.json"]
    evidence = {"files": {str(path): files.sha256(path) for path in names}}
    evidence["provenance"] = {"models": {str(run / "model.skops"): files.sha256(run / "model.skops")}}
    write(f"{run}/evidence.json", evidence)
    assert {state(states(), "runs", "2024-01", stage) for stage in ("train", "evaluate", "promote")} == {"built"}

    later = (run / "evidence.json").stat().st_mtime + 10
    for path, stage in (
        (run / "metrics.json", "evaluate"),
        (run / "model.skops", "train"),
        (data / "features.parquet", "evidence"),
        (data / "quality.json", "evidence"),
    ):
        before = path.read_bytes()
        path.write_bytes(b" " + before)
        os.utime(path, (later, later))
        stages_of_run = states()["runs"]["2024-01"]
        assert stages_of_run[stage]["state"] == "stale"
        assert stages_of_run[stage]["why"].startswith(f"{path} is not what the evidence says")
        path.write_bytes(before)
        os.utime(path, (later, later))
        assert state(states(), "runs", "2024-01", stage) == "built"  # written again with the same content


def test_a_published_file_of_text_is_whole_unless_it_is_empty(workdir):
    path = Path("data/green/2023-12/raw.file")
    path.write_text("PAR1,time\n1,2023-12-01")
    assert state(states(), "data", "2023-12", "ingest") == "built"
    path.write_text("")
    assert state(states(), "data", "2023-12", "ingest") == "failed"
