"""`./monthwise run` and `plan`: what is outdated or missing, refusals, exit codes, and the files of a call."""

import json
import shutil
import subprocess
from collections import Counter

import mlflow
import pyarrow.parquet as pq
import pytest
from fixtures.equal_builds import assert_equal
from fixtures.marks import nightly
from fixtures.shared_months import DATA_MONTHS, FIRST, LAST, publish
from fixtures.workflow import Clone, called_bare, listed_jobs, wait_for
from monthwise.base import files, months

MIDDLE, NEWEST = DATA_MONTHS[3], DATA_MONTHS[-1]
NEXT = months.shift(NEWEST, 1)
MAIN = "def main(job: argparse.Namespace) -> str:\n"


def run(clone: Clone, *arguments: str, code: int = 0, env: dict | None = None) -> list[str]:
    """Call `./monthwise run`, insist on its exit code, return its lines."""
    ended = clone.monthwise("run", "--jobs", "2", *arguments, env=env)
    assert ended.returncode == code, ended.stdout[-3000:] + ended.stderr[-3000:]
    return (ended.stdout + ended.stderr).splitlines()


def plan(clone: Clone, *arguments: str, code: int = 0) -> dict:
    """Call `./monthwise plan`; return logs/plan.json."""
    ended = clone.monthwise("plan", *arguments)
    assert ended.returncode == code, ended.stdout[-3000:] + ended.stderr[-3000:]
    return files.read_json(clone.path("logs/plan.json"))


def calls(clone: Clone) -> list[dict]:
    return [json.loads(line) for line in clone.path("history/runs.jsonl").read_text().splitlines()]


def did(clone: Clone) -> Counter:
    """Return rule, dataset and month of each job that Snakemake started in the last call."""
    log = max(clone.path("logs/run").iterdir())
    return Counter(listed_jobs(log.read_text()))


@pytest.fixture
def open_ended(clone: Clone) -> Clone:
    """The built months; a month that is published next is requested."""
    clone.configure({"last": "newest"})
    return clone


def test_nothing_due_is_one_line_and_builds_nothing(open_ended):
    before = {path: path.stat().st_mtime_ns for path in open_ended.path("runs").rglob("*.*")}
    assert run(open_ended) == ["up to date"]
    assert {path: path.stat().st_mtime_ns for path in open_ended.path("runs").rglob("*.*")} == before
    assert calls(open_ended)[-1]["jobs"] == {"done": 0, "failed": 0, "left": 0}


def test_a_new_month_comes_in_and_plan_has_said_so(open_ended):
    publish(open_ended.path("published"), "green", NEXT)
    planned = plan(open_ended)
    lines = run(open_ended)
    assert f"green {NEXT}: new" in lines
    assert lines[-1].startswith("built 2 run months")
    jobs = {(job["rule"], job["dataset"], job.get("month", "")) for job in planned["jobs"]}
    assert jobs == set(did(open_ended))
    assert run(open_ended) == ["up to date"]


def test_a_model_that_somebody_deleted_in_mlflow_is_written_again_when_the_next_month_comes(open_ended):
    champion = files.read_json(open_ended.path("registry/green.json"))["champion"]["month"]
    path = open_ended.path(f"runs/green/{champion}/tracking.json")
    before = files.read_json(path)
    store = f"sqlite:///{open_ended.path('mlflow.db')}"
    mlflow.MlflowClient(store, store).delete_logged_model(before["model_id"])
    stays = {"from": months.shift(NEXT, 1), "reason": "the champion serves on", "promotion": {"policy": "never"}}
    open_ended.configure({"changes": [stays]})
    publish(open_ended.path("published"), "green", NEXT)
    lines = run(open_ended)
    assert f"{champion}: the MLflow run or its model is missing" in "\n".join(lines)
    assert lines[-1].startswith("built 3 run months")  # the evidence of the champion's month names its run
    assert files.read_json(path)["model_id"] != before["model_id"]
    assert run(open_ended) == ["up to date"]
    assert "the registry agrees" in open_ended.monthwise("verify", champion, "--dataset", "green").stdout


def test_a_restated_month_does_what_plan_lists_with_its_reason(open_ended):
    rows = pq.read_metadata(open_ended.path(f"published/green_tripdata_{MIDDLE}.parquet")).num_rows
    publish(open_ended.path("published"), "green", MIDDLE, seed=7)
    now = pq.read_metadata(open_ended.path(f"published/green_tripdata_{MIDDLE}.parquet")).num_rows
    assert run(open_ended, "--recheck", "3")[-1] == "up to date"  # the month is older
    before = open_ended.path(f"data/green/{MIDDLE}/source.json").read_bytes()
    named = [line for line in open_ended.snakemake("--dry-run").stderr.splitlines() if line.startswith("monthwise:")]
    assert [line.partition(" changed in the folder")[0] for line in named] == [f"monthwise: green: {MIDDLE}"]
    planned = plan(open_ended)
    assert open_ended.path(f"data/green/{MIDDLE}/source.json").read_bytes() == before
    assert {job["reason"] for job in planned["jobs"]} == {f"{MIDDLE} was restated: {rows:,} -> {now:,} rows"}
    run(open_ended)
    done = did(open_ended)
    assert {(job["rule"], job["dataset"], job.get("month", "")) for job in planned["jobs"]} == set(done)
    assert max(done.values()) == 1


def test_the_same_rows_in_other_bytes_stop_at_quality(open_ended):
    path = open_ended.path(f"published/green_tripdata_{NEWEST}.parquet")
    pq.write_table(pq.read_table(path), path, compression="gzip")
    run(open_ended)
    assert {rule for rule, _, _ in did(open_ended)} == {"ingest", "clean", "evidence"}


@nightly
def test_a_rejected_month_holds_back_what_needs_it_and_is_named(open_ended):
    publish(open_ended.path("published"), "green", NEXT, rows=50)
    publish(open_ended.path("published"), "yellow", NEXT)
    lines = run(open_ended, code=65)
    assert f"green {NEXT} is rejected by rows_below: " in lines[-1]
    assert any(f"`skip: {{green: [{NEXT}]}}`" in line for line in lines[:-1])
    last = months.shift(LAST, 1)
    assert open_ended.path(f"runs/yellow/{last}/champion.json").exists()
    assert not open_ended.path(f"runs/green/{last}/metrics.json").exists()
    assert open_ended.path(f"runs/green/{last}/model.skops").exists()  # trained on the month before
    assert calls(open_ended)[-1]["rejected"]["green"].keys() == {NEXT}
    run(open_ended, code=65)
    publish(open_ended.path("published"), "green", NEXT)
    run(open_ended)
    assert open_ended.path(f"runs/green/{last}/champion.json").exists()


@nightly
def test_a_month_that_is_late_is_waited_for_while_later_ones_come(open_ended):
    later = months.shift(NEXT, 1)
    publish(open_ended.path("published"), "green", later)
    lines = run(open_ended)
    assert f"missing between months that are published: green {NEXT}" in lines[-1]
    assert any(line.startswith(f"green: no champion is decided from {later} on, {NEXT} is not") for line in lines)
    publish(open_ended.path("published"), "green", NEXT)
    run(open_ended)
    assert open_ended.path(f"runs/green/{months.shift(later, 1)}/champion.json").exists()
    assert run(open_ended) == ["up to date"]


def test_an_edited_program_is_not_let_loose_on_history(open_ended):
    open_ended.edit("scripts/drift.py", '"""', '"""Edited. ')
    lines = run(open_ended, code=64)
    assert "finished run months" in lines[-1]
    assert "`./monthwise accept` checks and records them" in lines[-1]
    assert "program changed: scripts/drift.py" in lines[-1]
    assert "--redo" in lines[-1]
    assert "closed_before" in lines[-1]
    assert calls(open_ended)[-1]["code"] == 64
    assert calls(open_ended)[-1]["reason"] == {}  # nothing was built
    status = files.read_json(open_ended.path("report/status.json"))
    assert "finished run months" in status["needs"][0]["text"]
    assert status["datasets"]["green"]["runs"][FIRST]["drift"]["state"] == "stale"
    assert "needs attention: the run that began" in open_ended.monthwise("status").stdout
    open_ended.configure({"history": {"closed_before": months.shift(LAST, 1)}})
    assert run(open_ended) == ["up to date"]


@nightly
def test_redo_builds_history_again(open_ended):
    open_ended.edit("scripts/drift.py", '"""', '"""Edited. ')
    run(open_ended, "--redo")
    assert {rule for rule, _, _ in did(open_ended)} >= {"drift", "evidence"}
    assert run(open_ended) == ["up to date"]
    run(open_ended, LAST, "--redo", "--dataset", "green")
    assert ("train", "green", LAST) in did(open_ended)
    assert not {month for rule, _, month in did(open_ended) if rule == "train"} - {LAST}


def test_an_edited_setting_of_a_closed_month_is_named_and_refused(open_ended):
    open_ended.configure({"history": {"closed_before": LAST}})
    assert run(open_ended) == ["up to date"]
    open_ended.configure({"train": {"recipe": "linear", "parameters": {"solver": "lasso", "alpha": 0.5}}})
    lines = run(open_ended, "--redo", code=78)
    assert "closed run months" in lines[-1]
    assert "parameters.alpha" in lines[-1]
    assert f"from: {LAST}" in lines[-1]


@nightly
def test_a_few_months_at_a_time_then_all_is_as_at_once(unbuilt, built, tmp_path):
    clone = Clone(tmp_path / "clone", like=unbuilt)
    run(clone, "--max-months", "2")
    assert sorted(path.name for path in clone.path("runs/green").iterdir()) == [FIRST, months.shift(FIRST, 1)]
    run(clone, "--newest-first")
    assert_equal(clone, built)


@nightly
def test_after_months_off_one_call_makes_what_a_call_each_month_would_have(unbuilt, built, tmp_path):
    clone = Clone(tmp_path / "clone", like=unbuilt)
    clone.configure({"last": "newest"})
    later = tmp_path / "later"
    clone.path("published").rename(later)
    clone.path("published").mkdir()
    for number, month in enumerate(DATA_MONTHS):
        for dataset in ("green", "yellow"):
            name = f"{dataset}_tripdata_{month}.parquet"
            shutil.copy2(later / name, clone.path("published") / name)
        if number in (1, 2, len(DATA_MONTHS) - 1):  # called in the first two months, then again after some off
            run(clone)
    assert_equal(clone, built)
    assert run(clone) == ["up to date"]


def test_a_failing_job_is_named_with_its_log_and_the_next_call_completes(unbuilt, tmp_path):
    clone = Clone(tmp_path / "clone", like=unbuilt)
    last = months.shift(FIRST, 1)
    clone.configure({"datasets": ["green"], "last": last})
    planted = f"    if job.settings['month'] == '{last}':\n        raise ValueError('planted')\n"
    clone.edit("scripts/train.py", MAIN, f"{MAIN}{planted}")
    lines = run(clone, code=1)
    assert f"1 failed, first: green {last}: ValueError: planted (train, logs/train/green/{last}.log)" in lines[-1]
    assert clone.path("registry/green.json").exists()
    failed = calls(clone)[-1]["failed"]
    assert {(fault["rule"], fault["month"], fault["code"]) for fault in failed} == {("train", last, 1)}
    clone.edit("scripts/train.py", planted, "")
    run(clone, "--redo")
    assert clone.path(f"runs/green/{last}/champion.json").exists()
    assert run(clone) == ["up to date"]


@nightly
def test_of_eight_callers_one_works(unbuilt, tmp_path):
    clone = Clone(tmp_path / "clone", like=unbuilt)
    command = ["./monthwise", "run", FIRST, "--jobs", "2"]
    callers = [
        subprocess.Popen(command, cwd=clone.folder, env=called_bare(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(8)
    ]
    wait_for(lambda: sum(caller.poll() is not None for caller in callers) >= 7)
    at_work = [caller for caller in callers if caller.poll() is None]
    if at_work:  # else the seventh ended unnoticed
        assert at_work[0].wait(timeout=600) == 0
    codes = [caller.returncode for caller in callers]
    assert sorted(codes) == [0, *[75] * 7]
    refused = [caller for caller in callers if caller.returncode == 75]
    assert all(b"is already running" in caller.communicate()[0] for caller in refused)
    assert max(did(clone).values()) == 1


def test_a_snakemake_of_its_own_and_run_keep_out_of_each_others_way(open_ended):
    publish(open_ended.path("published"), "green", NEXT)
    slow = "import time\n    while not os.path.exists('go'):\n        time.sleep(0.05)\n"
    open_ended.edit("scripts/ingest.py", MAIN, f"{MAIN}    {slow}")
    first = subprocess.Popen(
        [".venv/bin/python", "-m", "snakemake", "--cores", "1", "--", f"data/green/{NEXT}/raw.file"],
        cwd=open_ended.folder,
        env=called_bare(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(open_ended.path(f"logs/ingest/green/{NEXT}.log").exists)
    assert "snakemake (process group" in run(open_ended, code=75)[-1]
    open_ended.path("go").touch()
    assert first.wait(timeout=600) == 0


def test_wrong_calls_are_one_line(open_ended):
    for arguments, word in (
        (["2021-13"], "no month"),
        (["--max-months", "0"], "number from 1"),
        (["--recheck", "x"], "`all`"),
    ):
        lines = run(open_ended, *arguments, code=64)
        assert len(lines) == 1
        assert word in lines[0]
    shutil.rmtree(open_ended.path("published"))
    assert len(run(open_ended, code=78)) == 1
