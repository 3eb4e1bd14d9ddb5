"""One call of Snakemake: what it would do, and what it did, from what it prints.

It is called as a process, in a process group of its own; a test holds its words to what is read here.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import lock
from .config import ROOT
from .exits import Exit, WrongConfig, WrongUsage
from .targets import ASKED

BEGINS = re.compile(r"^(?:local)?(rule|Error in rule) (\w+):$")
# Jobs that travel together are told four blanks further in.
IN_GROUP = re.compile(r"^    (?:(?:local)?rule \w+:$|    )")
FIELD = re.compile(r"^    (\w+): (.*)$")
FINISHED = re.compile(r"^Finished jobid: (\d+) \(Rule: (\w+)\)$")
# What Snakemake says of a job's reason, and what it is called here.
MISSING, UPDATED, PARAMS, FORCED, BY_JOB = (
    "Missing output files",
    "Updated input files",
    "Params have changed since last execution",
    "Forced execution",
    "Input files updated by another job",
)


@dataclass
class Job:
    """A job as Snakemake names it: `about` is service and month, `reason` its own words."""

    rule: str
    number: str
    service: str
    month: str | None
    inputs: list[str]
    outputs: list[str]
    log: str
    reason: str

    @property
    def about(self) -> str:
        return f"{self.service} {self.month}" if self.month else self.service

    def reasons(self) -> dict[str, list[str]]:
        """Return each reason with the files that it names."""
        found = {}
        for part in self.reason.split("; "):
            name, _, paths = part.partition(": ")
            found[name] = _listed(paths)
        return found


@dataclass
class Result:
    """What a call did: its code, the jobs that ended well, those that failed for good, and the end of what it said."""

    code: int
    done: list[Job] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


class Snakemake:
    """How this command line calls Snakemake: settings, services, cores; `environment` goes to all processes."""

    def __init__(
        self, config: Sequence[str], configfiles: Sequence[str | Path], jobs: int, environment: dict[str, str]
    ):
        self.jobs, self.environment = jobs, environment
        self.command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--nocolor"]
        self.command += ["--configfile", *map(str, configfiles)] if configfiles else []
        self.command += ["--config", *config] if config else []

    def plan(self, targets: Sequence[str], forced: Sequence[str] = ()) -> list[Job]:
        """Return the jobs that would run, in Snakemake's order; nothing is changed."""
        options = ["--cores", "1", "--dry-run", *(["--forcerun", *forced] if forced else [])]
        with self._call(options, targets) as process:
            said = process.stdout.read().splitlines()
        _insist(process.returncode, said)
        return list(jobs(said))

    def run(self, targets: Sequence[str], log, tell: Callable[[str, Job], None], forced: Sequence[str] = ()) -> Result:
        """Build; each line goes to the file `log`, and `tell` hears of jobs that are `started`, `done` or `failed`."""
        options = ["--cores", str(self.jobs), *(["--forcerun", *forced] if forced else [])]
        result, running, block = Result(0), {}, []
        with self._call(options, targets) as process, _passing_signals(process):
            for line in process.stdout:
                log.write(line)
                line = _outdented(line.rstrip("\n"))
                result.said = [*result.said[-200:], line]
                if block and line.startswith("    "):
                    block.append(line)
                    continue
                self._note(block, running, result, tell)
                block = [line] if BEGINS.match(line) else []
                if (finished := FINISHED.match(line)) and (job := running.pop(finished[1], None)):
                    result.done.append(job)
                    tell("done", job)
            self._note(block, running, result, tell)
        result.code = process.returncode
        # A job that was tried again and then ended well did not fail.
        numbers = {job.number for job in result.done}
        result.failed = list({job.number: job for job in result.failed if job.number not in numbers}.values())
        return result

    def _note(self, block: list[str], running: dict[str, Job], result: Result, tell) -> None:
        if not block or (job := _job(block)) is None:
            return
        if block[0].startswith("Error"):
            job = running.get(job.number, job)
            result.failed.append(job)
            tell("failed", job)
        else:
            running[job.number] = job
            tell("started", job)

    def touch(self, targets: Sequence[str]) -> None:
        """Record files as up to date as they are, with what they are made from."""
        with self._call(["--cores", "1", "--touch", "--forcerun", *targets], targets) as process:
            said = process.stdout.read().splitlines()
        _insist(process.returncode, said)

    def unlock(self) -> None:
        """Remove the locks that a killed Snakemake left; only for who holds the lock of lock.py."""
        with self._call(["--unlock"], []) as process:
            said = process.stdout.read().splitlines()
        _insist(process.returncode, said)

    @contextlib.contextmanager
    def _call(self, options: list[str], targets: Sequence[str]) -> Iterator[subprocess.Popen]:
        # In the working directory: jobs on other machines read it too.
        os.makedirs(".snakemake", exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", prefix="asked-", suffix=".targets", dir=os.path.abspath(".snakemake")
        ) as asked:
            asked.write("\n".join(targets))
            asked.flush()
            process = subprocess.Popen(
                [*self.command, *options],
                env=self.environment | {ASKED: asked.name, lock.TOKEN: os.environ.get(lock.TOKEN, "")},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                process_group=0,
            )
            try:
                yield process
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
            finally:
                process.stdout.close()
                if process.wait() < 0 and lock.TOKEN in os.environ:  # it was killed, its jobs were not
                    lock.end_orphans(os.environ[lock.TOKEN], process.pid)


@contextlib.contextmanager
def _passing_signals(process: subprocess.Popen) -> Iterator[None]:
    """Pass on what stops this process: Ctrl-C ends jobs at once, SIGTERM lets those that run come to their end."""

    def stop(number, _frame):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
            if number != signal.SIGTERM:
                lock.signal_processes(os.environ[lock.TOKEN], number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def jobs(lines: Sequence[str]) -> Iterator[Job]:
    """Yield the jobs that a dry run lists."""
    block: list[str] = []
    for line in map(_outdented, [*lines, ""]):
        if block and line.startswith("    "):
            block.append(line)
            continue
        if block and (job := _job(block)):
            yield job
        block = [line] if BEGINS.match(line) else []


def _outdented(line: str) -> str:
    return line[4:] if IN_GROUP.match(line) else line


def _job(block: list[str]) -> Job | None:
    """Return the job of a block of lines; None for `all`."""
    rule = BEGINS.match(block[0])[2]
    told = dict(match.groups() for line in block if (match := FIELD.match(line)))
    if rule == "all" or "jobid" not in told:
        return None
    log = told.get("log", "").partition(" (")[0]
    wildcards = dict(part.split("=", 1) for part in _listed(told.get("wildcards", "")))
    return Job(
        rule,
        told["jobid"],
        wildcards.get("service", ""),
        wildcards.get("month"),
        _listed(told.get("input", "")),
        _listed(told.get("output", "")),
        log,
        told.get("reason", ""),
    )


def _listed(text: str) -> list[str]:
    return text.split(", ") if text else []


def _insist(code: int, said: list[str]) -> None:
    """Raise what ended Snakemake before it did anything: config, usage, or whatever it says itself."""
    if code == 0:
        return
    own = [line.removeprefix("monthwise: ") for line in said if line.startswith("monthwise: ")]
    line = own[-1] if own else next((line for line in reversed(said) if line.strip()), f"Snakemake ended with {code}")
    if code == os.EX_CONFIG:
        raise WrongConfig(line)
    if code == os.EX_USAGE:
        raise WrongUsage(line)
    raise Exit(f"Snakemake: {' '.join(said[-6:])}")
