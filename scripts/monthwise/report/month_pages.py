"""Pages of run months and of data months."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..base import months
from ..base.exits import WrongConfig
from ..base.redact import scrub
from ..base.resources import resource
from ..config.sections.services import Service
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
from .wording import time
from .zone_map import Outlines

if TYPE_CHECKING:
    from ..base.file_types import ServiceStatus

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
YEAR = 12  # months before a data month that its distributions are compared with
TOGETHER_S = 6 * 3600  # jobs of a month that ended further apart than this belong to separate calls


def run_pages(
    folder: Path, calendar: Calendar, service_status: ServiceStatus, history: History, tree: Tree
) -> set[Path]:
    """Draw the pages of run months whose inputs changed; return the paths of all pages of run months."""
    service, page_paths = calendar.service, set()
    outlines = _outlines(calendar.settings.describe(service), tree)
    read_quality = functools.cache(lambda month: tree.json(targets.data_file(service, month, "quality.json")))
    for month in service_status["runs"]:
        path = folder / "runs" / service / f"{month}.html"
        page_paths.add(path)
        data_months = _data_of(calendar, month)
        content = _about(service, month, service_status, history, "runs")
        content["rows"] = {data_month: service_status["rows"].get(data_month) for data_month in data_months}
        content["margin"] = calendar.settings.at(service, month).promotion.margin
        content["url"] = calendar.config.tracking.url
        input_files = [targets.run_file(service, month, name) for name in RUN_FILES]
        input_files += [targets.data_file(service, data_month, "quality.json") for data_month in data_months]
        inputs = page.digest([content, _hashes(input_files, tree), outlines and outlines[1]])
        if page.is_drawn(path, inputs):
            continue
        shown: dict[str, Any] = {
            name.split(".")[0]: tree.json(targets.run_file(service, month, name)) for name in RUN_FILES
        }
        shown["quality"] = {data_month: read_quality(data_month) for data_month in data_months}
        parts = _Parts()
        parts.add("decision", "Decision", run_parts.decision, shown, month, content["margin"])
        parts.add("warnings", "Warnings", run_parts.warnings, shown)
        validation = months.shift(month, -1)
        parts.add("errors", f"Validation errors by segment, on {validation}", run_parts.validation_segments, shown)
        parts.add("live", f"Live errors by segment, in {month}", run_parts.live_segments, shown)
        parts.add("calibration", "Predicted and real", run_parts.calibration, shown)
        if outlines:
            parts.add("map", "Map", run_parts.zones, shown, outlines[0])
        parts.add("drift", "Drift", run_parts.drift, shown)
        parts.add("quality", "Its data", run_parts.quality, shown, service)
        parts.add("jobs", "Jobs", _jobs, content["took"])
        parts.add("rebuilt", "Why it was built", _rebuilt, content["reasons"])
        links = _links(service, month, shown, content["url"])
        page.draw(path, "month.html", inputs, **content, kind="Run month", parts_made=parts.made, links=links)
    return page_paths


def data_pages(
    folder: Path, calendar: Calendar, service_status: ServiceStatus, history: History, tree: Tree
) -> set[Path]:
    """Draw the pages of data months whose inputs changed; return the paths of all pages of data months."""
    service, page_paths = calendar.service, set()
    read_quality = functools.cache(lambda month: tree.json(targets.data_file(service, month, "quality.json")))
    readers: dict[str, list[str]] = {}
    for month in service_status["runs"]:
        for data_month in _data_of(calendar, month):
            readers.setdefault(data_month, []).append(month)
    for month in service_status["data"]:
        path = folder / "data" / service / f"{month}.html"
        page_paths.add(path)
        content = _about(service, month, service_status, history, "data")
        content["readers"] = readers.get(month, [])
        year_before = months.span(months.shift(month, -YEAR), months.shift(month, -1))
        past_months = [past_month for past_month in year_before if past_month in service_status["data"]]
        source = targets.data_file(service, month, "source.json")
        quality_files = [targets.data_file(service, data_month, "quality.json") for data_month in (month, *past_months)]
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
        parts.add("readers", "Read by", data_parts.readers, service, content["readers"])
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
    service: str, month: str, service_status: ServiceStatus, history: History, part: Literal["data", "runs"]
) -> dict[str, Any]:
    """Return the common content of all pages: states, logs, benchmarks, reasons, previous and next month."""
    stage_names = stages.DATA if part == "data" else stages.RUN
    other: Literal["data", "runs"] = "data" if part == "runs" else "runs"
    all_months = list(service_status[part])
    position = all_months.index(month)
    logs = history.logs.get((service, month), set())
    benchmarks = history.took.get((service, month), {})
    return {
        "service": service,
        "month": month,
        "before": all_months[position - 1] if position else None,
        "after": all_months[position + 1] if position + 1 < len(all_months) else None,
        "other": other if month in service_status[other] else None,
        "stages": [
            {
                "name": stage,
                "kind": STATES[state["state"]][0],
                "state": state["state"],
                "why": state.get("why"),
                "lines": state.get("lines") or [],
                "log": f"{UP}../logs/{stage}/{service}/{month}.log" if stage in logs else None,
            }
            for stage, state in service_status[part][month].items()
        ],
        "took": {stage: benchmarks[stage] for stage in stage_names if stage in benchmarks},
        "reasons": _kept(history.reasons.get((service, month), []), stage_names),
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


def _outlines(description: Service, tree: Tree) -> tuple[Outlines, str] | None:
    """Return the map of a service and the hash of its input files; None if the service has no outlines."""
    if not description.outlines:
        return None
    paths = [resource(path) for path in (description.outlines, description.zones) if path]
    hashes = "".join(str(tree.sha256(str(path))) for path in paths)
    return _read_outlines(*map(str, paths)), hashes


@functools.cache
def _read_outlines(path: str, zones: str | None = None) -> Outlines:
    try:
        return Outlines(path, zones)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise WrongConfig(
            f"{path} cannot be read as outlines of zones ({reason}); repair the file, or name another one in"
            " config/services.yaml"
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


def _links(service: str, month: str, shown: Shown, url: str | None) -> list[tuple[str, str]]:
    links = []
    for name in ("evidence.json", "champion.json", "metrics.json", "live.json"):
        if shown[name.split(".")[0]]:
            links.append((name, f"{UP}../{targets.run_file(service, month, name)}"))
    tracking = shown["tracking"] or {}
    run, experiment = text(tracking.get("run_id")), text(tracking.get("experiment_id"))
    if url and run and experiment and url.startswith(("http://", "https://")):
        links.append(("MLflow run", f"{scrub(url).rstrip('/')}/#/experiments/{experiment}/runs/{run}"))
    return links
