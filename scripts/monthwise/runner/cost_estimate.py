"""Estimate what jobs cost, from the `benchmarks/` of jobs of the same stage and dataset, by the rows that they read.

Without past jobs: seconds and CPU per job and million rows, as measured on green months of 75,000 rows and yellow
months of 3 million, warm, on one core of 2026.
"""

from __future__ import annotations

import heapq
import os
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..base import files
from ..state import benchmarks
from ..workflow import stages, targets
from ..workflow.calendar import Calendars
from ..workflow.listing import located_months
from .events import Job

if TYPE_CHECKING:
    from ..base.file_types import Cost

START_S = 3.5  # two calls of Snakemake, and the warm processes
PER_JOB_S = 0.05  # time of Snakemake to start a job and to record its end


class Past:
    """Durations of the past jobs of a directory, and the row counts of its months."""

    def __init__(self, calendars: Calendars):
        self.calendars = calendars
        self.rows: dict[tuple[str, str], int | None] = {}
        self.lines: dict[tuple[str, str], tuple[float, float] | None] = {}

    def of_month(self, dataset: str, month: str) -> int | None:
        """Return the row count of a data month as published; None if it is not known."""
        key = (dataset, month)
        if key not in self.rows:
            quality = files.read_json_if_whole(targets.data_file(dataset, month, "quality.json"))
            self.rows[key] = quality["rows_in"] if quality and "rows_in" in quality else None
        return self.rows[key]

    def typical(self, dataset: str) -> int:
        """Return the row count to assume for an unknown month: that of the newest known one."""
        known = [self.of_month(dataset, month) for month in located_months(dataset)]
        return next((rows for rows in reversed(known) if rows), 100_000)

    def seconds(self, job: Job) -> tuple[float, bool]:
        """Return the estimated seconds of a job, and whether past jobs are the source."""
        key = (job.rule, job.dataset)
        if key not in self.lines:
            self.lines[key] = self._fit(*key)
        line = self.lines[key]
        base, per_million = stages.STAGES[job.rule].rate
        base, per_row = line or (base, per_million / 1e6)
        return base + per_row * self._rows(job), line is not None

    def _rows(self, job: Job) -> int:
        if not job.month:
            return 0
        months = [job.month]
        if job.rule not in (*stages.DATA, "score", "drift"):
            months = self.calendars[job.dataset].data_months(job.month) or [job.month]
        known = [self.of_month(job.dataset, month) for month in months]
        return max((rows for rows in known if rows), default=None) or self.typical(job.dataset)

    def _fit(self, rule: str, dataset: str) -> tuple[float, float] | None:
        """Return seconds at zero rows and seconds per row.

        The result is a line through past jobs, or their median if the number of rows explains nothing.
        """
        points = []
        folder = f"benchmarks/{rule}/{dataset}"
        names = sorted(os.listdir(folder))[-60:] if os.path.isdir(folder) else []
        paths: list[tuple[str, str]] = [
            (name.removesuffix(".tsv"), f"{folder}/{name}") for name in names if name.endswith(".tsv")
        ]
        if os.path.isfile(f"{folder}.tsv"):
            paths.append(("", f"{folder}.tsv"))
        for month, path in paths:
            if benchmark := benchmarks.read(path):
                points.append((self._rows(Job(rule, "", dataset, month, [], [], "", "")), benchmark.seconds))
        if not points:
            return None
        rows, seconds = zip(*points, strict=True)
        if len(points) > 3 and max(rows) > 1.5 * min(rows):
            slope, base = statistics.linear_regression(rows, seconds)
            if slope > 0 and base >= 0:
                return base, slope
        return statistics.median(seconds), 0.0


def cost(calendars: Calendars, planned: Sequence[Job], cores: int) -> Cost:
    """Return `jobs`, `cpu_s` and `wall_s` of planned jobs on a number of cores, and `known`.

    `known` is the share of the jobs that have past jobs.
    """
    if not planned:
        return {"jobs": 0, "cpu_s": 0.0, "wall_s": 0.0, "known": 1.0}
    past = Past(calendars)
    seconds: dict[str, float] = {}
    known = 0
    for job in planned:
        seconds[job.number], is_known = past.seconds(job)
        known += is_known
    return {
        "jobs": len(planned),
        "cpu_s": round(sum(seconds.values()), 1),
        "wall_s": round(START_S + _makespan(planned, seconds, cores), 1),
        "known": round(known / len(planned), 3),
    }


def _makespan(planned: Sequence[Job], seconds: dict[str, float], cores: int) -> float:
    """Return when the last job ends, in seconds, if each job starts once its inputs exist and a core is free."""
    maker = {path: job.number for job in planned for path in job.outputs}
    waits = {job.number: {maker[path] for path in job.inputs if path in maker} for job in planned}
    readers: dict[str, list[str]] = {}
    for number, upstream in waits.items():
        for upstream_number in upstream:
            readers.setdefault(upstream_number, []).append(number)
    ready = [number for number, upstream in waits.items() if not upstream]
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < cores:
            number = ready.pop(0)
            heapq.heappush(running, (now + seconds[number] + PER_JOB_S, number))
        now, ended = heapq.heappop(running)
        for number in readers.get(ended, ()):
            waits[number].discard(ended)
            if not waits[number]:
                ready.append(number)
    return now
