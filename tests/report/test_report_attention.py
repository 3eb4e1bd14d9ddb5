"""Calls of `run` in the report: which need attention, and what each built."""

import argparse
import json
from pathlib import Path

import pytest
from fixtures.report_history import CONFIG, MONTH, build, status
from monthwise.base import exits, lock
from monthwise.config.settings import Settings
from monthwise.runner import call
from monthwise.runner.events import Job
from monthwise.state import calls
from monthwise.workflow.calendar import Calendars


def note_call(code: int, **changed) -> None:
    """Append a call of `run` that ended with `code`."""
    line = {"start": "2024-02-18T05:17:00Z", "end": "2024-02-18T05:17:09Z", "code": code, "line": "no | way"}
    line |= {"jobs": {"done": 0, "failed": 0, "left": 3}, "failed": [], "reason": {f"train green {MONTH}": "edited"}}
    with open(calls.PATH, "a") as file:
        file.write(json.dumps(line | changed) + "\n")


REFUSED = "the run that began 2024-02-18T05:17:00Z ended with {}: no | way"


@pytest.mark.parametrize("code", [64, 78, 69, 75, 73, 65, 1, 130])
def test_a_call_that_did_not_do_its_work_needs_a_person_and_built_nothing(workdir, code, monkeypatch, capfd):
    build()
    assert "Nothing needs attention" in Path("report/index.html").read_text()
    note_call(code)
    status_json = build()
    text = REFUSED.format(code)
    assert status_json["needs"] == [{"kind": "call", "text": text}]
    page, lines = Path("report/index.html").read_text(), Path("report/summary.md").read_text()
    assert f"<li>{text}</li>" in page
    assert page.count("no | way") == 1
    assert "- " + text.replace("|", "\\|") in lines
    assert "Nothing needs attention" not in page + lines
    assert 'monthwise_needs_person{dataset=""} 1.0' in Path("report/status.prom").read_text()
    assert "edited" not in Path(f"report/runs/green/{MONTH}.html").read_text()
    assert f"needs attention: {text}\n" in status(monkeypatch, capfd)
    note_call(0)
    assert build()["needs"] == []


def test_a_call_whose_failed_job_is_listed_is_not_listed_again(workdir):
    Path(f"runs/green/{MONTH}/drift.json").unlink()
    Path(f"logs/drift/green/{MONTH}.log").write_text("exit 1: planted")
    fault = {"dataset": "green", "month": MONTH, "rule": "drift", "code": 1}
    note_call(1, failed=[fault])
    status_json = build()
    assert [need["stage"] for need in status_json["datasets"]["green"]["needs"]] == ["drift"]
    assert status_json["needs"] == []
    registering = {"dataset": "green", "month": None, "rule": "register", "code": 1}  # no stage of a month
    note_call(1, failed=[fault, registering])
    assert len(build()["needs"]) == 1
    note_call(69, failed=[fault])  # and the publisher is not reachable
    assert len(build()["needs"]) == 1


def test_a_run_that_was_killed_needs_a_person_until_the_next_one(workdir):
    holder = {"command": "run", "process_group": 1, "since": "2024-02-18T05:17:00Z", "token": "none"}
    Path(lock.PATH).write_text(json.dumps(holder))
    assert "2024-02-18T05:17:00Z was killed" in build()["needs"][0]["text"]
    with lock.hold("run"):
        assert build()["needs"] == []
    assert build()["needs"] == []
    Path(lock.PATH).write_text(json.dumps(holder | {"command": "snakemake"}))  # which ends like this, killed or not
    assert build()["needs"] == []


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (exits.WrongUsage("no"), 64, "no"),
        (
            PermissionError(13, "denied", "x"),
            73,
            "permission denied: x; change its permissions, then rerun the command",
        ),
        (KeyboardInterrupt(), 130, "interrupted; rerun the command to continue"),
        (ValueError("planted"), 1, "ValueError: planted"),
    ],
)
def test_whatever_ends_a_call_is_noted_and_raised(workdir, monkeypatch, error, code, line):
    a_call = call.Call(argparse.Namespace(dataset=None, range=None), Settings((), CONFIG))
    monkeypatch.setattr(a_call, "_check_and_build", lambda: (_ for _ in ()).throw(error))
    with pytest.raises(type(error)):
        a_call.run()
    noted = calls.read()[-1]
    assert (noted["code"], noted["line"]) == (code, line)
    assert line in json.loads(Path("report/status.json").read_text())["needs"][0]["text"]


def test_a_run_month_counts_as_built_only_if_all_its_stages_finished(workdir):
    a_call = call.Call(argparse.Namespace(dataset=None, range=None), Settings((), CONFIG))
    a_call.plan.calendars = Calendars(a_call.settings)
    jobs = [("train", "2023-11"), ("train", MONTH), ("drift", MONTH), ("clean", "2024-01")]
    a_call.done = [Job(rule, "1", "green", month, [], [], "", "") for rule, month in jobs]
    a_call._summarize()
    assert a_call.finished == ["green 2023-11", f"green {MONTH}"]
    Path(f"runs/green/{MONTH}/drift.json").unlink()
    _, line = a_call._summarize()
    assert a_call.finished == ["green 2023-11"]
    assert line.startswith(f"built 1 run months (green 2023-11) and parts of 1 run months (green {MONTH}), 4 jobs")
