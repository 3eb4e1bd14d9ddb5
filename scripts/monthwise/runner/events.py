"""Read events of Snakemake, as the plugin in snakemake_plugins/ writes them.

They say which jobs start, finish or fail, and why.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..base.job_logs import last_exit

# Snakemake gives the reason of a job as prose; a test makes it give each of these. They come in this order.
FORCED = "Forced execution"
MISSING = "Missing output files"
UPDATED = "Updated input files"
BY_JOB = "Input files updated by another job"
PARAMS = "Params have changed since last execution"
REASON = re.compile(rf"(?:^|; )({MISSING}|{UPDATED}|{BY_JOB}): ")
CALLED_FROM = re.compile(r'\n  File ".*", line \d+, in .*')
ERROR_LENGTH = 500


@dataclass
class Job:
    """A job as Snakemake names it. `subject` is dataset and month; `reason` is Snakemake's own text."""

    rule: str
    number: str
    dataset: str
    month: str  # empty for `register`, which is one job for all months
    inputs: list[str]
    outputs: list[str]
    log: str
    reason: str

    @property
    def subject(self) -> str:
        return f"{self.dataset} {self.month}" if self.month else self.dataset

    def reasons(self) -> dict[str, list[str]]:
        """Return each reason with the files that it names."""
        return parse_reason(self.reason)


def parse_reason(reason: str) -> dict[str, list[str]]:
    """Return the reasons in a text, each with its files. After PARAMS come settings, which may be any text."""
    if reason.startswith(FORCED):
        return {FORCED: []}
    files, params, _ = reason.partition(PARAMS)
    parts = REASON.split(files.removesuffix("; "))[1:]
    files_by_reason = {
        name: paths.split(", ") if paths else [] for name, paths in zip(parts[::2], parts[1::2], strict=True)
    }
    return files_by_reason | ({PARAMS: []} if params else {})


@dataclass
class Result:
    """What a call did: its code, finished jobs, jobs that failed for good, and the error that ended Snakemake."""

    code: int = 0
    done: list[Job] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    error: str = ""  # one line; empty if no exception ended it


class Reader:
    """Reads events one by one; calls `notify` for each job that is `started`, `done` or `failed`."""

    def __init__(self, notify: Callable[[str, Job], None]):
        self.notify = notify
        self.jobs: dict[str, Job] = {}
        self.result = Result()
        self.groups: list[list[Job]] = []

    def read(self, line: bytes) -> None:
        """Process one event."""
        event = json.loads(line)
        name = event["event"]
        if name == "error":
            self.result.error = _in_one_line(event["message"])
        elif name == "job_info" and event["rule"] != "all":
            job = _job(event)
            self.jobs[job.number] = job
            self.notify("started", job)
        elif name == "group_error":
            self.groups.append([self.jobs[str(number)] for number in event["jobids"] if str(number) in self.jobs])
        elif name in ("job_finished", "job_error") and str(event["jobid"]) in self.jobs:
            self._ended(self.jobs[str(event["jobid"])], event)

    def _ended(self, job: Job, event: dict[str, Any]) -> None:
        if event["event"] == "job_finished":
            self.result.done.append(job)
            self.notify("done", job)
            return
        if not event["in_group"]:
            self.result.failed.append(job)
        self.notify("failed", job)

    def settle(self) -> Result:
        """Return the final result. A job that failed, was retried and then finished does not count as failed."""
        done = {job.number for job in self.result.done}
        failed = [*self.result.failed, *(job for group in self.groups for job in at_fault(group))]
        self.result.failed = list({job.number: job for job in failed if job.number not in done}.values())
        return self.result


def at_fault(group: Sequence[Job]) -> list[Job]:
    """Return the jobs that made a group fail. Snakemake names the whole group, but each job has its own log."""
    unfinished = [job for job in group if last_exit(job.log)[0] != 0]
    if named := [job for job in unfinished if last_exit(job.log)[0]]:
        return named
    missing = {path for job in unfinished for path in job.outputs}
    return [job for job in unfinished if not missing.intersection(job.inputs)] or list(group)


def _job(event: dict[str, Any]) -> Job:
    wildcards = event["wildcards"]
    return Job(
        event["rule"],
        str(event["jobid"]),
        wildcards.get("dataset", ""),
        wildcards.get("month", ""),
        event["input"],
        event["output"],
        event["log"][0] if event["log"] else "",
        event["reason"],
    )


def _in_one_line(message: str) -> str:
    """Return a Snakemake exception without its traceback, as one line."""
    text = " ".join(CALLED_FROM.sub("", message).removesuffix("\nTraceback:").split())
    return text if len(text) <= ERROR_LENGTH else text[:ERROR_LENGTH].rpartition(" ")[0] + " ..."
