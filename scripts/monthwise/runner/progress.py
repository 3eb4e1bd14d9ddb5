"""Show progress while jobs run: one bar over all jobs on a terminal, else one line per month."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..base import files, metric_values
from ..state import benchmarks
from ..workflow import stages, targets

if TYPE_CHECKING:
    import rich.progress
from .events import Job


class Progress:
    """Shows the progress of jobs; `update` takes each event."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}
        self.count: dict[str, int] = {}
        self.running: dict[str, Job] = {}
        self.bar: rich.progress.Progress | None = None

    @contextlib.contextmanager
    def over(self, planned: Sequence[Job]) -> Iterator[None]:
        """Show the progress of planned jobs inside the `with` block."""
        for job in planned:
            if job.rule not in stages.DATA:
                self.left[job.subject] = self.left.get(job.subject, 0) + 1
        if not sys.stdout.isatty():
            yield
            self._print_rest()
            return
        from rich import progress  # only needed on a terminal

        columns = (
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("{task.description}"),
        )
        with progress.Progress(*columns) as self.bar:
            self.task = self.bar.add_task("starting", total=len(planned))
            yield
        self.bar = None
        self._print_rest()

    def update(self, state: str, job: Job) -> None:
        """Record that a job is `started`, `done` or `failed`."""
        if state == "started":
            self.running[job.number] = job
        else:
            self.running.pop(job.number, None)
            if state == "done":
                self._done(job)
        if self.bar:
            description = ", ".join(f"{running.subject} {running.rule}" for running in self.running.values())
            self.bar.update(self.task, advance=state != "started", description=description)

    def _done(self, job: Job) -> None:
        if job.rule == "clean":
            quality = files.read_json_if_whole(targets.data_file(job.dataset, job.month, "quality.json")) or {}
            rows, kept = quality.get("rows_in", 0), quality.get("rows_out", 0)
            benchmark = benchmarks.read(f"benchmarks/clean/{job.dataset}/{job.month}.tsv")
            speed = f", {rows / benchmark.seconds:,.0f} rows/s" if benchmark and benchmark.seconds else ""
            self._print(f"{job.subject}: {rows:,} rows, {kept:,} kept{speed}")
        if job.rule in stages.DATA or not job.month:
            return
        self.count[job.subject] = self.count.get(job.subject, 0) + 1
        if self.count[job.subject] == self.left.get(job.subject):
            self._print_month(job.subject)

    def _print_rest(self) -> None:
        for run_month in sorted(self.count):
            self._print_month(run_month)

    def _print_month(self, run_month: str) -> None:
        jobs = self.count.pop(run_month)
        dataset, month = run_month.split()
        metrics = files.read_json_if_whole(targets.run_file(dataset, month, "metrics.json"))
        champion = files.read_json_if_whole(targets.run_file(dataset, month, "champion.json"))
        parts = [f"{jobs} jobs"]
        if metrics:
            baseline = f"baseline {metric_values.deciding(metrics, of_baseline=True):.3f}"
            error = metric_values.in_words(metrics, metric_values.deciding(metrics))
            parts.append(f"challenger's validation {error}, {baseline}")
        if champion:
            current = champion["champion"]
            parts.append(f"{champion['decision']}, served by the {current['kind']} of {current['month']}")
        self._print(f"{run_month}: {'; '.join(parts)}")

    def _print(self, line: str) -> None:
        (self.bar.console.print(line, highlight=False) if self.bar else print(line, flush=True))
