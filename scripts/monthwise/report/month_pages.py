"""Pages of run months and of data months."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..base import months
from ..base.exits import WrongConfig
from ..base.redact import scrub
from ..base.resources import resource
from ..config.sections.datasets import Dataset
from ..state.artifacts import Tree
from ..state.benchmarks import Took
from ..state.calls import Rebuild
from ..state.summary import text
from ..workflow import stages, targets
from ..workflow.calendar import Calendar
from . import data_parts, figures, page, run_parts
from .month_history import History
from .overview import STATES
from .page import UP
from .parts import Part, Shown
from .place_map import Outlines, read_names
from .wording import time

if TYPE_CHECKING:
    from ..base.file_types import DatasetStatus

RUN_FILES = (
    "metrics.json",
    "comparison.json",
    "champion.json",
    "live.json",
    "drift.json",
    "training.json",
    "tracking.json",
    "evidence.json",
)
T = TypeVar("T")
YEAR = 12  # months before a data month that its distributions are compared with
TOGETHER_S = 6 * 3600  # jobs of a month that ended further apart than this belong to separate calls


def run_pages(
    folder: Path, calendar: Calendar, dataset_status: DatasetStatus, history: History, tree: Tree
) -> set[Path]:
    """Draw the pages of run months whose inputs changed; return the paths of all pages of run months."""
    dataset, page_paths = calendar.dataset, set()
    outlines = _outlines(calendar.settings.describe(dataset), tree)
    read_quality = functools.cache(lambda month: tree.json(targets.data_file(dataset, month, "quality.json")))
    for month in dataset_status["runs"]:
        path = folder / "runs" / dataset / f"{month}.html"
        page_paths.add(path)
        data_months = _data_of(calendar, month)
        content = _about(dataset, month, dataset_status, history, "runs")
        content["rows"] = {data_month: dataset_status["rows"].get(data_month) for data_month in data_months}
        content["margin"] = calendar.settings.at(dataset, month).promotion.margin
        content["url"] = calendar.config.tracking.url
        input_files = [targets.run_file(dataset, month, name) for name in RUN_FILES]
        input_files += [targets.data_file(dataset, data_month, "quality.json") for data_month in data_months]
        inputs = page.digest([content, _hashes(input_files, tree), outlines and outlines[1]])
        if page.is_drawn(path, inputs):
            continue
        paths = {name.split(".")[0]: targets.run_file(dataset, month, name) for name in RUN_FILES}
        shown: dict[str, Any] = {name: tree.json(run_path) for name, run_path in paths.items()}
        shown["quality"] = {data_month: read_quality(data_month) for data_month in data_months}
        parts = _Parts()
        parts.add("decision", "Decision", run_parts.decision, shown, month, content["margin"])
        parts.add("all-errors", "All errors", run_parts.all_errors, shown)
        parts.add("warnings", "Warnings", run_parts.warnings, shown)
        title = f"Validation errors by segment, on {months.shift(month, -1)}"
        parts.add("errors", title, run_parts.validation_segments, shown)
        parts.add("live", f"Live errors by segment, in {month}", run_parts.live_segments, shown)
        parts.add("calibration", "Predicted and actual", run_parts.calibration, shown)
        if outlines:
            parts.add("map", "Map", run_parts.places, shown, outlines[0])
        parts.add("drift", "Drift", run_parts.drift, shown)
        parts.add("quality", "Its data", run_parts.quality, shown, dataset)
        parts.add("jobs", "Jobs", _jobs, content["took"])
        parts.add("rebuilt", "Why it was built", _rebuilt, content["reasons"])
        links = _links(dataset, month, shown, content["url"])
        page.draw(path, "month.html", inputs, **content, kind="Run month", parts_made=parts.made, links=links)
    return page_paths


def data_pages(
    folder: Path, calendar: Calendar, dataset_status: DatasetStatus, history: History, tree: Tree
) -> set[Path]:
    """Draw the pages of data months whose inputs changed; return the paths of all pages of data months."""
    dataset, page_paths = calendar.dataset, set()
    read_quality = functools.cache(lambda month: tree.json(targets.data_file(dataset, month, "quality.json")))
    readers: dict[str, list[str]] = {}
    for month in dataset_status["runs"]:
        for data_month in _data_of(calendar, month):
            readers.setdefault(data_month, []).append(month)
    for month in dataset_status["data"]:
        path = folder / "data" / dataset / f"{month}.html"
        page_paths.add(path)
        content = _about(dataset, month, dataset_status, history, "data")
        content["readers"] = readers.get(month, [])
        year_before = months.span(months.shift(month, -YEAR), months.shift(month, -1))
        past_months = [past_month for past_month in year_before if past_month in dataset_status["data"]]
        source = targets.data_file(dataset, month, "source.json")
        quality_files = [targets.data_file(dataset, data_month, "quality.json") for data_month in (month, *past_months)]
        inputs = page.digest([content, _hashes([source, *quality_files], tree)])
        if page.is_drawn(path, inputs):
            continue
        shown = {
            "source": tree.json(source),
            "quality": read_quality(month),
            "year": {past_month: read_quality(past_month) for past_month in past_months},
        }
        parts = _Parts()
        parts.add("published", "As published", data_parts.published, shown)
        parts.add("rows", "Rows", data_parts.row_counts, shown)
        parts.add("distributions", "Beside the year before", data_parts.distributions, shown)
        parts.add("readers", "Read by", data_parts.readers, dataset, content["readers"])
        parts.add("jobs", "Jobs", _jobs, content["took"])
        parts.add("rebuilt", "Why it was built", _rebuilt, content["reasons"])
        links = [("source.json", f"{UP}../{source}")] if shown["source"] else []
        links += [("quality.json", f"{UP}../{quality_files[0]}")] if shown["quality"] else []
        page.draw(path, "month.html", inputs, **content, kind="Data month", parts_made=parts.made, links=links)
    return page_paths


class _Parts:
    """The parts of a page; a part is marked as broken if its files have unexpected content; others are kept."""

    def __init__(self) -> None:
        self.made: list[Part] = []

    def add(self, name: str, title: str, make: Callable[..., Part | None], *arguments: object) -> None:
        try:
            part = make(*arguments)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, ZeroDivisionError, OverflowError):
            part = Part(broken=True)
        if part:
            self.made.append(dataclasses.replace(part, name=name, title=title))


def _data_of(calendar: Calendar, month: str) -> list[str]:
    """Return the data months of a run month, oldest first: training window, validation month, and the month itself."""
    return sorted({*calendar.data_months(month), month})


def _about(
    dataset: str, month: str, dataset_status: DatasetStatus, history: History, part: Literal["data", "runs"]
) -> dict[str, Any]:
    """Return the common content of all pages: states, logs, benchmarks, reasons, previous and next month."""
    stage_names = stages.DATA if part == "data" else stages.RUN
    other: Literal["data", "runs"] = "data" if part == "runs" else "runs"
    all_months = list(dataset_status[part])
    position = all_months.index(month)
    logs = history.logs.get((dataset, month), set())
    benchmarks = history.took.get((dataset, month), {})
    return {
        "dataset": dataset,
        "month": month,
        "before": all_months[position - 1] if position else None,
        "after": all_months[position + 1] if position + 1 < len(all_months) else None,
        "other": other if month in dataset_status[other] else None,
        "stages": [
            {
                "name": stage,
                "kind": STATES[state["state"]][0],
                "state": state["state"],
                "why": state.get("why"),
                "lines": state.get("lines") or [],
                "log": f"{UP}../logs/{stage}/{dataset}/{month}.log" if stage in logs else None,
            }
            for stage, state in dataset_status[part][month].items()
        ],
        "took": {stage: benchmarks[stage] for stage in stage_names if stage in benchmarks},
        "reasons": _kept(history.reasons.get((dataset, month), []), stage_names),
    }


def _kept(rebuilds: list[Rebuild], names: Iterable[str]) -> list[Rebuild]:
    """Return the calls that built one of the stages in `names`, restricted to these stages, newest first."""
    kept_calls: list[Rebuild] = []
    for call in rebuilds:
        stages_by_reason = {reason: [name for name in names if name in built] for reason, built in call.why.items()}
        stages_by_reason = {reason: built for reason, built in stages_by_reason.items() if built}
        if stages_by_reason:
            kept_calls.insert(0, call._replace(why=stages_by_reason))
    return kept_calls


def _hashes(paths: list[str], tree: Tree) -> list[str | None]:
    return [tree.sha256(path) for path in paths]


def _outlines(description: Dataset, tree: Tree) -> tuple[Outlines, str] | None:
    """Return the map of a dataset and the hash of its input files; None if the dataset has no outlines."""
    if not description.map:
        return None
    paths = [resource(path) for path in (description.map.outlines, description.map.names) if path]
    hashes = "".join(str(tree.sha256(str(path))) for path in paths)
    return _read_outlines(*map(str, paths)), hashes


@functools.cache
def _read_outlines(path: str, names: str | None = None) -> Outlines:
    name_by_place = _read(read_names, names, "names of places") if names else {}
    return _read(lambda path: Outlines(path, name_by_place), path, "outlines of places")


def _read(read: Callable[[str], T], path: str, what: str) -> T:
    try:
        return read(path)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise WrongConfig(
            f"{path} cannot be read as {what} ({reason}); repair the file, or name another one in its config"
        ) from None


def _jobs(benchmarks: Mapping[str, Took]) -> Part | None:
    if not benchmarks:
        return None
    ends = {stage: end for stage, (end, _, _) in benchmarks.items()}
    is_one_call = max(ends.values()) - min(ends.values()) < TOGETHER_S
    rows, bar_end = [], 0.0
    for stage, (end, seconds, memory) in benchmarks.items():
        start = end - seconds if is_one_call else bar_end
        bar_end = start + seconds
        rows.append((stage, start, bar_end, f"{seconds:.1f} s" + (f", {memory:,.0f} MB" if memory else "")))
    caption = "Each job by the time at which it ended, from benchmarks/."
    if not is_one_call:
        caption = "These jobs ran hours apart: one after the other here, from benchmarks/."
    table = [
        [stage, f"{seconds:.2f}", f"{memory:,.0f}" if memory else ""]
        for stage, (_, seconds, memory) in benchmarks.items()
    ]
    return Part(svg=figures.gantt(rows), caption=caption, head=["stage", "seconds", "peak memory, MB"], rows=table)


def _rebuilt(rebuilds: Sequence[Rebuild]) -> Part | None:
    rows = [
        [
            time(call.when),
            "first built" if reason == "missing" and call is rebuilds[-1] else reason,
            ", ".join(built_stages),
        ]
        for call in rebuilds
        for reason, built_stages in call.why.items()
    ]
    return Part(head=["run of", "why", "stages"], rows=rows, is_open=True) if rows else None


def _links(dataset: str, month: str, shown: Shown, url: str | None) -> list[tuple[str, str]]:
    links = []
    for name in ("evidence.json", "champion.json", "metrics.json", "live.json"):
        if shown[name.split(".")[0]]:
            links.append((name, f"{UP}../{targets.run_file(dataset, month, name)}"))
    tracking = shown["tracking"] or {}
    run, experiment = text(tracking.get("run_id")), text(tracking.get("experiment_id"))
    if url and run and experiment and url.startswith(("http://", "https://")):
        links.append(("MLflow run", f"{scrub(url).rstrip('/')}/#/experiments/{experiment}/runs/{run}"))
    return links
