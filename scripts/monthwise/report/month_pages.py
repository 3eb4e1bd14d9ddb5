"""The page of each run month and of each data month."""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path

from ..base import months
from ..base.exits import WrongConfig
from ..base.redact import scrub
from ..base.resources import resource
from ..config.settings import Settings
from ..state.artifacts import Tree
from ..state.summary import text
from ..workflow import stages, targets
from . import data_parts, figures, page, run_parts
from .month_history import History
from .overview import STATES
from .page import UP
from .wording import time
from .zone_map import Outlines

RUN_FILES = ("metrics.json", "comparison.json", "champion.json", "live.json", "drift.json", "training.json")
RUN_FILES += ("tracking.json", "evidence.json")
YEAR = 12  # months before a data month, that its distributions are set beside
TOGETHER_S = 6 * 3600  # jobs of one month that ended further apart than this were not built in one go
# What a part may have; month.html shows it in this order.
PART = ("broken", "told", "facts", "caption", "keys", "svg", "map", "errors_at", "trips_at", "figures", "head", "rows")
PART += ("is_open",)


def run_pages(folder: Path, settings: Settings, service: str, of: dict, history: History, tree: Tree) -> set[Path]:
    """Draw the pages of run months whose inputs changed; return all there should be."""
    found = set()
    outlines = _outlines(settings.describe(service), tree)
    quality = functools.cache(lambda month: tree.json(targets.data_file(service, month, "quality.json")))
    for month in of["runs"]:
        path = folder / "runs" / service / f"{month}.html"
        found.add(path)
        read = _data_of(settings, service, month)
        about = _about(service, month, of, history, "runs")
        about["rows"] = {each: of["rows"].get(each) for each in read}
        about["margin"] = settings.at(service, month)["promotion"]["margin"]
        about["url"] = settings.config["tracking"]["url"]
        files = [targets.run_file(service, month, name) for name in RUN_FILES]
        files += [targets.data_file(service, each, "quality.json") for each in read]
        inputs = page.digest([about, _hashes(files, tree), outlines and outlines[1]])
        if page.is_drawn(path, inputs):
            continue
        shown = {name.split(".")[0]: tree.json(targets.run_file(service, month, name)) for name in RUN_FILES}
        shown["quality"] = {each: quality(each) for each in read}
        parts = _Parts()
        parts.add("decision", "Decision", run_parts.decision, shown, about)
        parts.add("warnings", "Warnings", run_parts.warnings, shown)
        validation = months.shift(month, -1)
        parts.add("errors", f"Validation errors by segment, on {validation}", run_parts.validation_segments, shown)
        parts.add("live", f"Live errors by segment, in {month}", run_parts.live_segments, shown)
        parts.add("calibration", "Predicted and real", run_parts.calibration, shown)
        if outlines:
            parts.add("map", "Map", run_parts.zones, shown, outlines[0])
        parts.add("drift", "Drift", run_parts.drift, shown)
        parts.add("quality", "Its data", run_parts.quality, shown, service)
        parts.add("jobs", "Jobs", _jobs, about)
        parts.add("rebuilt", "Why it was built", _rebuilt, about)
        links = _links(service, month, shown, about["url"])
        page.draw(path, "month.html", inputs, **about, kind="Run month", parts_made=parts.made, links=links)
    return found


def data_pages(folder: Path, settings: Settings, service: str, of: dict, history: History, tree: Tree) -> set[Path]:
    """Draw the pages of data months whose inputs changed; return all there should be."""
    found = set()
    quality = functools.cache(lambda month: tree.json(targets.data_file(service, month, "quality.json")))
    readers: dict[str, list[str]] = {}
    for month in of["runs"]:
        for each in _data_of(settings, service, month):
            readers.setdefault(each, []).append(month)
    for month in of["data"]:
        path = folder / "data" / service / f"{month}.html"
        found.add(path)
        about = _about(service, month, of, history, "data")
        about["readers"] = readers.get(month, [])
        year = [each for each in months.span(months.shift(month, -YEAR), months.shift(month, -1)) if each in of["data"]]
        source = targets.data_file(service, month, "source.json")
        qualities = [targets.data_file(service, each, "quality.json") for each in (month, *year)]
        inputs = page.digest([about, _hashes([source, *qualities], tree)])
        if page.is_drawn(path, inputs):
            continue
        shown = {"source": tree.json(source), "quality": quality(month), "year": {each: quality(each) for each in year}}
        parts = _Parts()
        parts.add("published", "As published", data_parts.published, shown)
        parts.add("rows", "Rows", data_parts.row_counts, shown)
        parts.add("distributions", "Beside the year before", data_parts.distributions, shown)
        parts.add("readers", "Read by", data_parts.readers, about)
        parts.add("jobs", "Jobs", _jobs, about)
        parts.add("rebuilt", "Why it was built", _rebuilt, about)
        links = [("source.json", f"{UP}../{source}")] if shown["source"] else []
        links += [("quality.json", f"{UP}../{qualities[0]}")] if shown["quality"] else []
        page.draw(path, "month.html", inputs, **about, kind="Data month", parts_made=parts.made, links=links)
    return found


class _Parts:
    """The parts of a page; one whose files do not hold what they should says so, and the others stand."""

    def __init__(self):
        self.made: list[dict] = []

    def add(self, name: str, title: str, make: Callable[..., dict | None], *given: object) -> None:
        try:
            part = make(*given)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, ZeroDivisionError, OverflowError):
            part = {"broken": True}
        if part:
            self.made.append(dict.fromkeys(PART) | {"name": name, "title": title} | part)


def _data_of(settings: Settings, service: str, month: str) -> list[str]:
    """Return the data months of a run month, oldest first: to train on, to be measured on, and its own."""
    return sorted({*targets.data_months(settings, service, month), month})


def _about(service: str, month: str, of: dict, history: History, part: str) -> dict:
    """Return what all pages show: states, logs, benchmarks, reasons, and the months beside this one."""
    names = stages.DATA if part == "data" else stages.RUN
    all_months = list(of[part])
    at = all_months.index(month)
    logs = history.logs.get((service, month), set())
    took = history.took.get((service, month), {})
    return {
        "service": service,
        "month": month,
        "before": all_months[at - 1] if at else None,
        "after": all_months[at + 1] if at + 1 < len(all_months) else None,
        "other": ("data" if part == "runs" else "runs") if month in of["data" if part == "runs" else "runs"] else None,
        "stages": [
            {
                "name": stage,
                "kind": STATES[state["state"]][0],
                "state": state["state"],
                "why": state.get("why"),
                "lines": state.get("lines") or [],
                "log": f"{UP}../logs/{stage}/{service}/{month}.log" if stage in logs else None,
            }
            for stage, state in of[part][month].items()
        ],
        "took": {stage: list(took[stage]) for stage in names if stage in took},
        "reasons": _kept(history.reasons.get((service, month), []), names),
    }


def _kept(reasons: list[dict], names: Iterable[str]) -> list[dict]:
    """Return the calls that built one of the stages of these `names`, with these alone, newest first."""
    found = []
    for call in reasons:
        why = {reason: [name for name in names if name in made] for reason, made in call["why"].items()}
        why = {reason: made for reason, made in why.items() if made}
        if why:
            found.insert(0, {"when": call["when"], "why": why})
    return found


def _hashes(paths: list[str], tree: Tree) -> list[str | None]:
    return [tree.sha256(path) for path in paths]


def _outlines(description: dict, tree: Tree) -> tuple[Outlines, str] | None:
    """Return the map of a service, and the hash of what it is drawn from; None where none is given."""
    if not description.get("outlines"):
        return None
    paths = [resource(description["outlines"]), *([resource(description["zones"])] if description.get("zones") else [])]
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


def _jobs(about: dict) -> dict | None:
    took = about["took"]
    if not took:
        return None
    ends = {stage: end for stage, (end, _, _) in took.items()}
    together = max(ends.values()) - min(ends.values()) < TOGETHER_S
    rows, at = [], 0.0
    for stage, (end, seconds, memory) in took.items():
        start = end - seconds if together else at
        at = start + seconds
        rows.append((stage, start, at, f"{seconds:.1f} s" + (f", {memory:,.0f} MB" if memory else "")))
    caption = "Each job by the time at which it ended, from benchmarks/."
    if not together:
        caption = "These jobs ran hours apart: one after the other here, from benchmarks/."
    table = [
        [stage, f"{seconds:.2f}", f"{memory:,.0f}" if memory else ""] for stage, (_, seconds, memory) in took.items()
    ]
    return {
        "svg": figures.gantt(rows),
        "caption": caption,
        "head": ["stage", "seconds", "peak memory, MB"],
        "rows": table,
    }


def _rebuilt(about: dict) -> dict | None:
    rows = [
        [
            time(call["when"]),
            "first built" if why == "missing" and call is about["reasons"][-1] else why,
            ", ".join(made),
        ]
        for call in about["reasons"]
        for why, made in call["why"].items()
    ]
    return {"head": ["run of", "why", "stages"], "rows": rows, "is_open": True} if rows else None


def _links(service: str, month: str, shown: dict, url: str | None) -> list[tuple[str, str]]:
    found = []
    for name in ("evidence.json", "champion.json", "metrics.json", "live.json"):
        if shown[name.split(".")[0]]:
            found.append((name, f"{UP}../{targets.run_file(service, month, name)}"))
    tracking = shown["tracking"] or {}
    run, experiment = text(tracking.get("run_id")), text(tracking.get("experiment_id"))
    if url and run and experiment and url.startswith(("http://", "https://")):
        found.append(("MLflow run", f"{scrub(url).rstrip('/')}/#/experiments/{experiment}/runs/{run}"))
    return found
