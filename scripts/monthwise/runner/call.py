"""A call of `./monthwise run`: brings everything that is due up to date, and says in one line how it went.

One lock around the call; the publisher is asked; Snakemake builds in steps, first up to quality.json, so that a file
with the same rows stops there, then the rest; what is left is looked for; the call is noted and alarms are raised.
"""

import argparse
import contextlib
import os
import signal
import time
from pathlib import Path

from .. import report
from ..base import clock, exits, months, results, suggest
from ..base.job_logs import last_exit
from ..config.settings import Settings
from ..state import calls, decisions
from ..tracking import rewrite
from ..workflow import stages, targets
from . import alerts, publication, snakemake
from .events import Job, Result
from .planning import Turn
from .progress import Progress

# The most serious first; a month that is not published is no failure.
SEVERITY = (1, os.EX_CANTCREAT, os.EX_UNAVAILABLE, os.EX_DATAERR, os.EX_TEMPFAIL, os.EX_OK)
FIRST_STEP = stages.DATA[: stages.DATA.index("clean") + 1]


class Call:
    """One call of `run`, and its line for history/runs.jsonl."""

    def __init__(self, arguments: argparse.Namespace, settings: Settings):
        self.arguments, self.settings = arguments, settings
        self.turn = Turn(arguments, settings)
        self.began = time.monotonic()
        self.progress = Progress()
        self.failed: dict[tuple[str, str], dict] = {}
        self.done: list[Job] = []
        self.reasons: dict[str, str] = {}
        self.outcome = {"start": self.turn.looked, "command": "run", "months": []}
        self.decided = os.path.getsize(decisions.PATH) if os.path.exists(decisions.PATH) else 0

    def make(self) -> int:
        """Do it, write down how it went, raise alarms; return the exit code. Raises what ended it early."""
        end = None
        try:
            code, line = self._turn()
        except (Exception, KeyboardInterrupt) as error:
            end, (code, line) = error, code_and_line(error)
        done = {_key(job) for job in self.done}
        left = [job for job in self.turn.jobs if not (end and _key(job) in done)]
        self.outcome |= {
            "end": clock.now(),
            "code": code,
            "line": line,
            "jobs": {"done": len(self.done), "failed": len(self.failed), "left": len(left)},
            "reason": {key: why for key, why in self.reasons.items() if key in done},
            "failed": list(self.failed.values()),
            "rejected": {service: lines for service, lines in self.turn.rejected.items() if lines},
            "champions": decisions.changed_since(decisions.PATH, self.decided),
        }
        for changed in self.outcome["champions"]:
            print(changed)
        for said in alerts.raise_alarms(self.settings, self.turn.services, self.outcome):
            print(said)
        calls.append(self.outcome)
        self._report()
        if end:
            raise end
        return code

    def _report(self) -> None:
        """Bring the pages up to date; whatever goes wrong there is a line, and costs no run."""
        try:
            report.build(self.settings)
        except Exception as error:
            print(f"the report was not written ({type(error).__name__}); `{suggest.command('report')}` says why")

    def _turn(self) -> tuple[int, str]:
        turn = self.turn
        turn.look(changes=True)
        if _left_locks():
            turn.snakemake.unlock()
        self._say_what_was_asked()
        for line in results.gaps():
            print(line, flush=True)
        turn.find()
        turn.plan()
        if turn.cut(self.arguments.max_months):
            turn.find()
            turn.plan()
        self.reasons = {_key(job): turn.why(job) for job in turn.jobs}
        if refusal := turn.refusal():
            turn.write()  # what is stale, and why
            raise refusal
        if turn.jobs:
            self._build()
        turn.write()
        return self._how_it_went()

    def _say_what_was_asked(self) -> None:
        for about in self.turn.in_state("new") + self.turn.in_state("changed"):
            print(f"{' '.join(about)}: {self.turn.asked[about][0]}", flush=True)

    # Building

    def _build(self) -> None:
        turn = self.turn
        path = Path("logs/run", turn.looked.replace(":", "-") + ".log")
        path.parent.mkdir(parents=True, exist_ok=True)
        forced = turn.forced()
        if notice := turn.snakemake.profile.notice():
            print(notice, flush=True)
        with open(path, "a", encoding="utf-8", buffering=1) as log, self.progress.over(turn.jobs):
            rules = {job.rule for job in turn.jobs}
            if rules.intersection(FIRST_STEP):
                self._step(turn.data(), log)
                turn.faulty = {(fault["service"], fault["month"]) for fault in self.failed.values()}
                turn.find()
            if self.arguments.newest_first:
                for slice_ in self._years():
                    self._step(slice_, log, [path for path in forced if path in set(slice_)])
                forced = []
            self._step(turn.files(), log, forced)
            self._repair(log)
        # Nothing may be missing or stale, whatever Snakemake ended with.
        turn.faulty = set()
        turn.find()
        turn.is_redo = False
        turn.plan()
        if self.failed or turn.jobs:
            self._register()

    def _repair(self, log) -> None:
        """Write again what somebody deleted from the tracking store, where `register` missed it, and register it."""
        lost = [job for (rule, _), job in self.failed.items() if rule == "register" and job["code"] == os.EX_DATAERR]
        with contextlib.suppress(exits.Exit):  # then the failure stays
            for service in (fault["service"] for fault in lost):
                rewrite.write_runs(self.turn.settings, service, targets.built_months(service))
            self._ask(self.turn.files() if lost else [], log, [])

    def _step(self, files: list[str], log, forced: list[str] | None = None) -> None:
        result = self._ask(files, log, forced or [])
        # Another try is all it takes where an input changed under a job.
        if any(fault_of(job)["code"] == os.EX_TEMPFAIL for job in result.failed):
            self._ask(files, log, [])

    def _ask(self, files: list[str], log, forced: list[str]) -> Result:
        if not files:
            return Result(0)
        result = self.turn.snakemake.run(files, log, self.progress.tell, forced)
        self.done += result.done
        for job in result.done:
            self.failed.pop((job.rule, job.about), None)
        for job in result.failed:
            self.failed[job.rule, job.about] = fault_of(job)
            print(in_words(self.failed[job.rule, job.about]), flush=True)
        if result.code < 0 or result.code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
            raise exits.TryAgain("the run was stopped; rerun the command to continue")
        if result.code and not result.failed:
            raise snakemake.as_exit(result.code, f"{result.error} ({log.name})")
        return result

    def _years(self) -> list[list[str]]:
        """Return what is trained in each year of run months, newest first; decisions, a chain, follow at the end."""
        asked = set(self.turn.files())
        years: dict[str, list[str]] = {}
        for service, found in self.turn.due.items():
            for month in found.months:
                names = (targets.run_file(service, month, name) for name in ("metrics.json", "tracking.json"))
                years.setdefault(month[:4], []).extend(path for path in names if path in asked)
        return [years[year] for year in sorted(years, reverse=True)]

    def _register(self) -> None:
        """Let the registry agree with what is decided, although something failed that Snakemake would wait for."""
        for service in self.turn.services:
            with contextlib.suppress(exits.Exit):
                if targets.decided_months(service):
                    rewrite.register_decided(self.turn.settings, service)

    # How it went

    def _how_it_went(self) -> tuple[int, str]:
        turn = self.turn
        for line in turn.held_up():
            print(line)
        faults = [fault for fault in self.failed.values() if fault["code"] != os.EX_NOINPUT]
        faults.sort(key=lambda fault: (fault["month"] or "", fault["service"]))
        codes = {fault["code"] for fault in faults}
        codes |= {end.code for state, end in turn.asked.values() if state == "failed"}
        is_rejected = any(turn.rejected.values())
        codes |= {os.EX_DATAERR} if is_rejected else set()
        if turn.jobs and not codes:
            codes.add(os.EX_TEMPFAIL if not self.failed else os.EX_OK)
        code = next((each for each in SEVERITY if each in codes), max(codes, default=os.EX_OK))
        begun = {(job.service, job.month) for job in self.done if job.month and job.rule in stages.RUN}
        finished = {about for about in begun if self._is_finished(*about)}
        self.outcome["months"] = sorted(map(" ".join, finished))
        return code, self._line(faults, finished, begun - finished)

    def _is_finished(self, service: str, month: str) -> bool:
        """Whether all stages of a run month are there, and nothing of it is left to do."""
        names = targets.run_files(self.turn.settings, service, month)
        is_left = any((job.service, job.month) == (service, month) for job in self.turn.jobs)
        return not is_left and all(os.path.exists(targets.run_file(service, month, name)) for name in names)

    def _line(self, faults: list[dict], finished: set[tuple], unfinished: set[tuple]) -> str:
        turn = self.turn
        parts = []
        if self.done:
            kinds = [("", finished), ("parts of ", unfinished)]
            built = [f"{kind}{len(found)} run months ({_listed(_names(found))})" for kind, found in kinds if found]
            seconds = time.monotonic() - self.began
            parts.append(f"built {' and '.join(built) or 'data'}, {len(self.done)} jobs in {seconds:.0f} s")
        if faults:
            parts.append(f"{len(faults)} failed, first: {in_words(faults[0])}")
        if line := publication.failure(turn.asked):
            parts.append(line)
        if lines := [line for found in turn.rejected.values() for line in found.values()]:
            parts.append(lines[0] + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""))
        if turn.jobs:
            parts.append(f"{len(turn.jobs)} jobs left, first: {turn.jobs[0].rule} {turn.jobs[0].about}")
        for what, by_service in turn.missing().items():
            listed = (f"{service} {months.in_words(found)}" for service, found in by_service.items())
            parts.append(f"{what}: {', '.join(listed)}")
        is_known = self.done or faults or turn.jobs or turn.in_state("failed")
        return "; ".join(parts if is_known else ["up to date", *parts])


def code_and_line(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the line of what ended a call early."""
    if isinstance(error, OSError):
        error = exits.from_os_error(error) or error
    if isinstance(error, exits.Exit):
        return error.code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return 128 + signal.SIGINT, "interrupted; rerun the command to continue"
    return 1, f"{type(error).__name__}: {error}"


def _key(job: Job) -> str:
    return f"{job.rule} {job.about}"


def fault_of(job: Job) -> dict:
    """Return what became of a failed job, as its log says."""
    code, line = last_exit(job.log)
    return {
        "rule": job.rule,
        "service": job.service,
        "month": job.month,
        "code": code or 1,
        "line": line,
        "log": job.log,
    }


def in_words(fault: dict) -> str:
    """Return a fault in one line, with its log."""
    line = fault["line"]
    about = " ".join(word for word in (fault["service"], fault["month"]) if word)
    if not line.startswith(about):
        line = f"{about}: {line}"
    return f"{line} ({fault['rule']}, {fault['log']})"


def _listed(found: list[str]) -> str:
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _names(abouts: set[tuple]) -> list[str]:
    return sorted(map(" ".join, abouts))


def _left_locks() -> bool:
    """Whether a killed Snakemake left locks; a living one would hold the lock of this call."""
    folder = ".snakemake/locks"
    return os.path.isdir(folder) and bool(os.listdir(folder))
