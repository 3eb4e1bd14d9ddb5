"""Run one call of `./monthwise run`: bring everything up to date, and summarize the result in one line.

One lock covers the whole call. The call checks the publisher. Snakemake builds in steps: first up to quality.json, so
that a file with unchanged rows stops there, then the rest. The call then looks for jobs that are left, records itself
and sends alerts.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from .. import report
from ..base import clock, exits, months, results, suggest
from ..config.settings import Settings
from ..state import calls, decisions
from ..tracking import rewrite
from ..workflow import stages, targets
from ..workflow.listing import built_months, decided_months
from . import alerts, publication, snakemake
from .events import Job, Result
from .faults import code_and_line, fault_of, in_words, most_serious
from .planning import Plan
from .progress import Progress

if TYPE_CHECKING:
    from ..base.file_types import Fault, Outcome

RunMonth = tuple[str, str]  # dataset and month
FIRST_STEP = stages.DATA[: stages.DATA.index("clean") + 1]


class Call:
    """One call of `run`, and its line in history/runs.jsonl."""

    def __init__(self, arguments: argparse.Namespace, settings: Settings):
        self.arguments, self.settings = arguments, settings
        self.plan = Plan(arguments, settings)
        self.began = time.monotonic()
        self.progress = Progress()
        self.failed: dict[tuple[str, str], Fault] = {}
        self.done: list[Job] = []
        self.reasons: dict[str, str] = {}
        self.finished: list[str] = []  # dataset and month
        self.decided = os.path.getsize(decisions.PATH) if os.path.exists(decisions.PATH) else 0

    def run(self) -> int:
        """Build, record the outcome and send alerts; return the exit code.

        Raises the error that ended the call early, if there is one.
        """
        end: Exception | KeyboardInterrupt | None = None
        try:
            code, line = self._check_and_build()
        except (Exception, KeyboardInterrupt) as error:
            end, (code, line) = error, code_and_line(error)
        finished_keys = {_key(job) for job in self.done}
        jobs_left = [job for job in self.plan.jobs if not (end and _key(job) in finished_keys)]
        self.outcome: Outcome = {
            "start": self.plan.checked_at,
            "end": clock.now(),
            "command": "run",
            "code": code,
            "line": line,
            "months": self.finished,
            "jobs": {"done": len(self.done), "failed": len(self.failed), "left": len(jobs_left)},
            "reason": {key: reason for key, reason in self.reasons.items() if key in finished_keys},
            "failed": list(self.failed.values()),
            "rejected": {dataset: lines for dataset, lines in self.plan.rejected.items() if lines},
            "champions": decisions.changed_since(decisions.PATH, self.decided),
        }
        for champion_line in self.outcome["champions"]:
            print(champion_line)
        for problem in alerts.send_alerts(self.settings, self.plan.datasets, self.outcome):
            print(problem)
        calls.append(self.outcome)
        self._report()
        if end:
            raise end
        return code

    def _report(self) -> None:
        """Update the report pages. An error here becomes a line and does not fail the run."""
        try:
            report.build(self.settings)
        except Exception as error:
            print(f"the report was not written ({type(error).__name__}); `{suggest.command('report')}` says why")

    def _check_and_build(self) -> tuple[int, str]:
        plan = self.plan
        plan.check_publisher(changes=True)
        if _left_locks():
            plan.snakemake.unlock()
        self._print_new_months()
        for line in results.gaps():
            print(line, flush=True)
        plan.find_available()
        plan.plan_jobs()
        if plan.limit_months(self.arguments.max_months):
            plan.find_available()
            plan.plan_jobs()
        self.reasons = {_key(job): plan.why(job) for job in plan.jobs}
        if refusal := plan.refusal():
            plan.write()  # records what is stale, and why
            raise refusal
        if plan.jobs:
            self._build()
        plan.write()
        return self._summarize()

    def _print_new_months(self) -> None:
        for dataset_month in self.plan.with_answer("new") + self.plan.with_answer("changed"):
            print(f"{' '.join(dataset_month)}: {self.plan.answers[dataset_month].state}", flush=True)

    # Building

    def _build(self) -> None:
        plan = self.plan
        path = Path("logs/run", plan.checked_at.replace(":", "-") + ".log")
        path.parent.mkdir(parents=True, exist_ok=True)
        forced = plan.forced_files()
        if notice := plan.snakemake.profile.notice():
            print(notice, flush=True)
        with open(path, "a", encoding="utf-8", buffering=1) as log, self.progress.over(plan.jobs):
            rules = {job.rule for job in plan.jobs}
            if rules.intersection(FIRST_STEP):
                self._build_files(plan.data_files(), log)
                faults = self.failed.values()
                plan.failed_months = {(fault["dataset"], fault["month"]) for fault in faults if fault["month"]}
                plan.find_available()
            if self.arguments.newest_first:
                for year_files in self._years():
                    self._build_files(year_files, log, [path for path in forced if path in set(year_files)])
                forced = []
            self._build_files(plan.all_files(), log, forced)
            self._repair(log)
        # Look for missing and stale files, whatever exit code Snakemake returned.
        plan.failed_months = set()
        plan.find_available()
        plan.is_redo = False
        plan.plan_jobs()
        if self.failed or plan.jobs:
            self._register()

    def _repair(self, log: IO[str]) -> None:
        """Rewrite runs that were deleted from the tracking store, and register them.

        This applies to datasets whose `register` job failed because it missed runs.
        """
        register_faults = [
            fault for (rule, _), fault in self.failed.items() if rule == "register" and fault["code"] == os.EX_DATAERR
        ]
        with contextlib.suppress(exits.Exit):  # if this fails, the fault stays recorded
            for dataset in (fault["dataset"] for fault in register_faults):
                rewrite.write_runs(self.plan.calendars[dataset], built_months(dataset))
            self._run_snakemake(self.plan.all_files() if register_faults else [], log, [])

    def _build_files(self, files: list[str], log: IO[str], forced: list[str] | None = None) -> None:
        result = self._run_snakemake(files, log, forced or [])
        # If an input changed while a job ran, a second try is enough.
        if any(fault_of(job)["code"] == os.EX_TEMPFAIL for job in result.failed):
            self._run_snakemake(files, log, [])

    def _run_snakemake(self, files: list[str], log: IO[str], forced: list[str]) -> Result:
        if not files:
            return Result(0)
        result = self.plan.snakemake.run(files, log, self.progress.update, forced)
        self.done += result.done
        for job in result.done:
            self.failed.pop((job.rule, job.subject), None)
        for job in result.failed:
            self.failed[job.rule, job.subject] = fault_of(job)
            print(in_words(self.failed[job.rule, job.subject]), flush=True)
        if result.code < 0 or result.code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
            raise exits.TryAgain("the run was stopped; rerun the command to continue")
        if result.code and not result.failed:
            raise snakemake.as_exit(result.code, f"{result.error} ({log.name})")
        return result

    def _years(self) -> list[list[str]]:
        """Return the training files of each year of run months, newest year first.

        Decisions are a chain. They follow at the end.
        """
        requested = set(self.plan.all_files())
        years: dict[str, list[str]] = {}
        for dataset, available in self.plan.available.items():
            for month in available.months:
                names = (targets.run_file(dataset, month, name) for name in ("metrics.json", "tracking.json"))
                years.setdefault(month[:4], []).extend(path for path in names if path in requested)
        return [years[year] for year in sorted(years, reverse=True)]

    def _register(self) -> None:
        """Update the registry with the decisions, even if a job failed that Snakemake would wait for."""
        for dataset in self.plan.datasets:
            with contextlib.suppress(exits.Exit):
                if decided_months(dataset):
                    rewrite.register_decided(self.plan.calendars[dataset])

    # How it went

    def _summarize(self) -> tuple[int, str]:
        plan = self.plan
        for line in plan.stopped_chains():
            print(line)
        faults = [fault for fault in self.failed.values() if fault["code"] != os.EX_NOINPUT]
        faults.sort(key=lambda fault: (fault["month"] or "", fault["dataset"]))
        codes = {fault["code"] for fault in faults}
        codes |= publication.exit_codes(plan.answers)
        is_rejected = any(plan.rejected.values())
        codes |= {os.EX_DATAERR} if is_rejected else set()
        if plan.jobs and not codes:
            codes.add(os.EX_TEMPFAIL if not self.failed else os.EX_OK)
        code = most_serious(codes)
        begun = {(job.dataset, job.month) for job in self.done if job.month and job.rule in stages.RUN}
        finished = {run_month for run_month in begun if self._is_finished(*run_month)}
        self.finished = sorted(map(" ".join, finished))
        return code, self._line(faults, finished, begun - finished)

    def _is_finished(self, dataset: str, month: str) -> bool:
        """Return whether a run month has the files of all its stages, and no jobs left."""
        names = targets.run_files(self.plan.calendars[dataset], month)
        is_left = any((job.dataset, job.month) == (dataset, month) for job in self.plan.jobs)
        return not is_left and all(os.path.exists(targets.run_file(dataset, month, name)) for name in names)

    def _line(self, faults: list[Fault], finished: set[RunMonth], unfinished: set[RunMonth]) -> str:
        plan = self.plan
        parts = []
        if self.done:
            kinds = [("", finished), ("parts of ", unfinished)]
            built = [
                f"{kind}{len(run_months)} run months ({_listed(_names(run_months))})"
                for kind, run_months in kinds
                if run_months
            ]
            seconds = time.monotonic() - self.began
            parts.append(f"built {' and '.join(built) or 'data'}, {len(self.done)} jobs in {seconds:.0f} s")
        if faults:
            parts.append(f"{len(faults)} failed, first: {in_words(faults[0])}")
        if line := publication.failure(plan.answers):
            parts.append(line)
        if lines := [line for rejected in plan.rejected.values() for line in rejected.values()]:
            parts.append(lines[0] + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""))
        if plan.jobs:
            parts.append(f"{len(plan.jobs)} jobs left, first: {plan.jobs[0].rule} {plan.jobs[0].subject}")
        for status, months_by_dataset in plan.missing().items():
            listed = (f"{dataset} {months.in_words(missing)}" for dataset, missing in months_by_dataset.items())
            parts.append(f"{status}: {', '.join(listed)}")
        is_known = self.done or faults or plan.jobs or plan.with_answer("failed")
        return "; ".join(parts if is_known else ["up to date", *parts])


def _key(job: Job) -> str:
    return f"{job.rule} {job.subject}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _names(run_months: set[RunMonth]) -> list[str]:
    return sorted(map(" ".join, run_months))


def _left_locks() -> bool:
    """Return whether a killed Snakemake left locks. A running Snakemake would hold the lock of this call."""
    folder = ".snakemake/locks"
    return os.path.isdir(folder) and bool(os.listdir(folder))
