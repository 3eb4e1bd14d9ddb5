"""Events of Snakemake: which jobs run and why, which failed for good, and why it ended, in one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.workflow import called_bare
from monthwise.base.exits import CannotWrite, Exit, TryAgain, WrongConfig
from monthwise.runner import events, snakemake

# Rules and files whose names are those of prose: `and, more.txt` has the separator of a list in it.
REASONS = """
import json

STEP = config["step"]

rule all:
    input: "missing.txt", "updated.txt", "params.txt", "forced.txt", "by_job.txt"

rule missing:
    output: "missing.txt"
    shell: "echo > {output}"

rule updated:
    input: "source.txt"
    output: "updated.txt"
    shell: "cat {input} > {output}"

rule params:
    output: "params.txt"
    params: settings=json.dumps({"step": STEP, "text": "; Missing output files: x"})
    shell: "echo > {output}"

rule forced:
    output: "forced.txt"
    shell: "echo > {output}"

rule by_job:
    input: "forced.txt"
    output: "by_job.txt"
    shell: "cat {input} > {output}"
"""


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Return a function that makes a caller of Snakemake for a small workflow, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def make(text: str, *config: str) -> snakemake.Snakemake:
        Path("Snakefile").write_text(text)
        return snakemake.Snakemake(config, [], 1, called_bare(), tmp_path / "Snakefile")

    return make


def run(caller: snakemake.Snakemake) -> tuple[events.Result, list[tuple[str, str]]]:
    heard = []
    with open("log.txt", "a") as log:
        result = caller.run([], log, lambda state, job: heard.append((state, job.rule)))
    return result, heard


def test_snakemake_says_every_reason_in_the_words_that_are_read(call):
    Path("source.txt").write_text("1")
    assert run(call(REASONS, "step=1"))[0].code == 0
    Path("missing.txt").unlink()
    Path("source.txt").write_text("2")
    planned = {job.rule: job.reasons() for job in call(REASONS, "step=2").plan([], ["forced"])}
    assert planned == {
        "missing": {events.MISSING: ["missing.txt"]},
        "updated": {events.UPDATED: ["source.txt"]},
        "params": {events.PARAMS: []},
        "forced": {events.FORCED: []},
        "by_job": {events.BY_JOB: ["forced.txt"]},
    }


JOBS = """
rule all:
    input: "second.txt", "a, b; c.txt", "descriptors.txt"

rule twice:
    output: "second.txt"
    log: "twice.log"
    retries: 1
    shell: "test -e first.txt && touch {output} || {{ touch first.txt; exit 1; }}"

rule {rule}:
    output: "a, b; c.txt"
    log: "never.log"
    shell: "exit 1"

rule descriptors:
    output: "descriptors.txt"
    shell: "ls /proc/$$/fd > {{output}}"
""".replace("{rule}", "never").replace("{{output}}", "{output}")


def test_a_job_that_is_tried_again_and_finishes_did_not_fail(call):
    result, heard = run(call(JOBS))
    assert result.code == 1
    assert sorted(job.rule for job in result.done) == ["descriptors", "twice"]
    assert [(job.rule, job.outputs, job.log) for job in result.failed] == [("never", ["a, b; c.txt"], "never.log")]
    assert [state for state, rule in heard if rule == "twice"] == ["started", "failed", "started", "done"]
    assert "Error in rule never:" in Path("log.txt").read_text()  # Snakemake's own words are in the log


def test_a_job_inherits_no_descriptor_of_the_events(call):
    run(call(JOBS))
    assert set(Path("descriptors.txt").read_text().split()) <= {"0", "1", "2", "255"}  # 255 is the shell's own


def test_reading_ends_with_snakemake_although_its_child_holds_the_events_open(call):
    forking = (
        'import os, time\nif not os.path.exists("child.txt"):\n    child = os.fork()\n    if not child:\n'
        '        time.sleep(3600)\n        os._exit(0)\n    open("child.txt", "w").write(str(child))\n'
    )
    jobs = call(forking + JOBS).plan([])
    child = int(Path("child.txt").read_text())
    os.kill(child, 0)  # it still exists
    os.kill(child, signal.SIGKILL)
    assert {job.rule for job in jobs} == {"twice", "never", "descriptors"}


ENDS = {
    "own line": ('print("monthwise: unknown key x", file=sys.stderr); sys.exit(78)', WrongConfig, "unknown key x"),
    "own line in a function": (
        "def f(wildcards):\n    print('monthwise: no month x', file=sys.stderr)\n    sys.exit(78)\n"
        "rule all:\n    input: f",
        WrongConfig,
        "no month x",
    ),
    "a folder that cannot be written": (
        'print("monthwise: no room", file=sys.stderr); sys.exit(73)',
        CannotWrite,
        "no room",
    ),
    "a call from another clone": (
        'print("monthwise: running", file=sys.stderr); sys.exit(75)',
        TryAgain,
        "running",
    ),
    "no such input": (
        'print("monthwise: a notice", file=sys.stderr)\nrule all:\n    input: "absent.txt"',
        Exit,
        "Snakemake: MissingInputException in rule all",
    ),
    "syntax": ("x = (", Exit, "Snakemake: TokenError: ('EOF in multi-line statement'"),
    "exception": ("1 / 0", Exit, 'Snakefile", line 2: division by zero'),
    "options": ("", Exit, "unrecognized arguments"),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_ends_snakemake_before_a_job_is_one_line(call, name):
    text, kind, words = ENDS[name]
    caller = call(f"import sys\n{text}\n")
    caller.options += ["--no-such-option"] if name == "options" else []
    with pytest.raises(kind) as ended:
        caller.plan([])
    line = str(ended.value)
    assert words in line
    assert "\n" not in line
    assert "Traceback" not in line
    result, _ = run(caller)
    assert (result.error, result.failed) == (line, [])
    assert type(snakemake.as_exit(result.code, line)) is kind


KILLED = """
rule all:
    input: "out.txt"

rule out:
    output: "out.txt"
    shell: "touch {output}; kill -9 $PPID"
"""


def test_a_lock_is_named_and_can_be_removed(call):
    caller = call(KILLED)
    assert run(caller)[0].code == -signal.SIGKILL
    error = run(caller)[0].error
    assert error.startswith("Snakemake: LockException: Error: Directory cannot be locked")
    caller.unlock()
    assert "LockException" not in run(caller)[0].error


def group(folder: Path, logs: dict[str, str | None]) -> list[events.Job]:
    """Return jobs in a chain, each with the last line of its log."""
    jobs, before = [], []
    for rule, line in logs.items():
        log = folder / f"{rule}.log"
        if line is not None:
            log.write_text(f"something\n{line}\n")
        jobs.append(events.Job(rule, rule, "green", "2024-01", before, [f"{rule}.out"], str(log), ""))
        before = [f"{rule}.out"]
    return jobs


@pytest.mark.parametrize(
    ("logs", "named"),
    [
        ({"ingest": "exit 65: broken", "clean": None, "featurize": None}, ["ingest"]),
        ({"ingest": "exit 0: done", "clean": "exit 70: broken", "featurize": None}, ["clean"]),
        ({"ingest": "exit 0: done", "clean": "at work", "featurize": None}, ["clean"]),  # killed
        ({"ingest": None, "clean": None, "featurize": None}, ["ingest"]),  # cancelled before it began
        ({"ingest": "exit 0: done", "clean": "exit 0: done"}, ["ingest", "clean"]),  # lost at the end
    ],
)
def test_of_a_group_that_failed_the_job_at_fault_is_named(tmp_path, logs, named):
    jobs = group(tmp_path, logs)
    assert [job.rule for job in events.at_fault(jobs[::-1])] == named[::-1]
    reader = events.Reader(lambda state, job: None)
    reader.jobs = {job.number: job for job in jobs}
    numbers = ", ".join(f'"{job.number}"' for job in jobs)
    reader.read(f'{{"event": "group_error", "jobids": [{numbers}]}}'.encode())
    for job in jobs:
        reader.read(f'{{"event": "job_error", "jobid": "{job.number}", "in_group": true}}'.encode())
    assert [job.rule for job in reader.settle().failed] == named


CHAIN = """
rule second:
    input: "first.txt"
    output: "second.txt"
    shell: "touch {output}"

rule first:
    output: "first.txt"
    shell: "sleep 3; touch {output}"
"""


def test_when_its_caller_is_gone_snakemake_starts_no_other_job(call):
    caller = call(CHAIN)
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, str(snakemake.RUNNER), "snakemake", *caller.options, "--cores", "1"]
    ended = subprocess.run(
        [*command, "--logger-monthwise-descriptor", str(writing)], pass_fds=[writing], capture_output=True
    )
    os.close(writing)
    assert ended.returncode
    assert Path("first.txt").exists()
    assert not Path("second.txt").exists()
