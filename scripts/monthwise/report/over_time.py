"""Charts of index.html: errors, rows, drops, drift and durations over all months of a dataset."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from ..base import months
from ..workflow import stages
from . import charts, wording
from .month_history import History
from .parts import Chart, Row

if TYPE_CHECKING:
    from ..base.file_types import DatasetStatus

WORK = stages.by_layer()
SHOWN_DROPS, SHOWN_FEATURES = 6, 12  # reasons in the chart of drops, including `other`; rows of the heat map of drift
# Lines of the chart of errors: class and description.
LINES = {
    "challenger": "challenger of the next month, validation error",
    "champion": "champion, live error",
    "baseline": "its baseline, live error",
}
DRIFT_BOUNDS = (1.0, 2.0, 4.0, 8.0)  # multiples of the noise; drift.py marks a feature above the second one as drifted


def span(some_months: Collection[str]) -> list[str]:
    """Return all months from the first to the last of `some_months`."""
    return months.span(min(some_months), max(some_months)) if some_months else []


def _linked(dataset: str, dataset_status: DatasetStatus, part: Literal["data", "runs"]) -> Callable[[str], str | None]:
    """Return a function that links a month to its page in `part`, or in the other part; None if it has no page."""
    pages: dict[str, Collection[str]] = {"data": dataset_status["data"], "runs": dataset_status["runs"]}
    other = "data" if part == "runs" else "runs"

    def link(month: str) -> str | None:
        for folder in (part, other):
            if month in pages[folder]:
                return f"{folder}/{dataset}/{month}.html"
        return None

    return link


def errors(dataset: str, dataset_status: DatasetStatus, measured: Mapping[str, Mapping[str, float]]) -> Chart | None:
    """Return the chart of errors on the rows of each month (summary.errors_by_month), with a band per champion."""
    if not measured:
        return None
    link, shown_months = _linked(dataset, dataset_status, "runs"), span({**dataset_status["runs"], **measured})
    series = {name: [measured.get(month, {}).get(name) for month in shown_months] for name in LINES}
    known_errors = [value for values in series.values() for value in values if value is not None]
    low, high = min(known_errors), max(known_errors)
    pad = (high - low or 1) * 0.08
    frame = charts.Months(shown_months, max(low - pad, 0), high + pad, heading(dataset_status))
    champions = [dataset_status["numbers"].get(month, {}).get("champion") for month in shown_months]
    frame.bands(champions)
    for name in ("baseline", "challenger", "champion"):  # the last one is drawn on top
        frame.line(name, series[name], dots=name == "champion")
    numbers_by_month = dataset_status["numbers"]
    excess = {month: numbers["live_excess"] for month, numbers in numbers_by_month.items() if "live_excess" in numbers}
    caption = "No month is scored yet."
    if excess:
        worst = max(excess, key=lambda month: abs(excess[month]))
        caption = f"Live error furthest from its validation error: {worst}, {excess[worst]:+.1%}."
    caption += " On the rows of each month; each band is one champion."
    rows: list[Row] = [
        [(month, link(month)), *(_error(values[index]) for values in series.values()), champions[index] or ""]
        for index, month in enumerate(shown_months)
    ]
    head = ["month", *LINES, "served by"]
    return Chart("Error by month", caption, frame.svg(link), head, rows, LINES)


def heading(dataset_status: DatasetStatus) -> str:
    """Return name and unit of the errors of a dataset, those of its newest month."""
    known = [numbers for numbers in dataset_status["numbers"].values() if "metric" in numbers]
    return wording.heading(known[-1]) if known else ""


def _error(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def rows(dataset: str, dataset_status: DatasetStatus, shown_months: list[str]) -> Chart | None:
    """Return the chart of kept and dropped rows."""
    link = _linked(dataset, dataset_status, "data")
    row_counts = [dataset_status["rows"].get(month, {}) for month in shown_months]
    kept = [counts.get("rows_out") for counts in row_counts]
    dropped = [
        counts["rows_in"] - counts["rows_out"] if "rows_in" in counts and "rows_out" in counts else None
        for counts in row_counts
    ]
    if not any(kept):
        return None
    totals = [(kept_count or 0) + (dropped_count or 0) for kept_count, dropped_count in zip(kept, dropped, strict=True)]
    frame = charts.Months(shown_months, 0, max(totals), "rows")
    frame.stacks({"plain": kept, "strong": dropped})
    known = [(value, month) for value, month in zip(kept, shown_months, strict=True) if value]
    caption = f"From {min(known)[0]:,} rows in {min(known)[1]} to {max(known)[0]:,} in {max(known)[1]}."
    rows: list[Row] = [
        [
            (month, link(month)),
            *("" if value is None else f"{value:,}" for value in (kept_count, dropped_count)),
            counts.get("verdict", ""),
        ]
        for month, counts, kept_count, dropped_count in zip(shown_months, row_counts, kept, dropped, strict=True)
    ]
    keys, head = {"plain": "kept", "strong": "dropped"}, ["month", "kept", "dropped", "verdict"]
    return Chart("Rows by month", caption, frame.svg(link), head, rows, keys)


def drops(dataset: str, dataset_status: DatasetStatus, shown_months: list[str]) -> Chart | None:
    """Return the chart of the share of dropped rows by reason."""
    link = _linked(dataset, dataset_status, "data")
    row_counts = [dataset_status["rows"].get(month, {}) for month in shown_months]
    names = sorted({name for counts in row_counts for name in counts.get("drops", {})})
    layers = {name: [name] for name in names[:SHOWN_DROPS]}
    if len(names) > SHOWN_DROPS:
        layers |= {"other": names[SHOWN_DROPS - 1 :]}
        layers.pop(names[SHOWN_DROPS - 1])
    shares = {
        layer: [
            sum(counts["drops"].get(name, 0) for name in reasons) / max(counts["rows_in"], 1) * 100
            if "rows_in" in counts and "drops" in counts
            else None
            for counts in row_counts
        ]
        for layer, reasons in layers.items()
    }
    totals = [sum(values[index] or 0 for values in shares.values()) for index in range(len(shown_months))]
    if not shares or not any(totals):
        return None
    frame = charts.Months(shown_months, 0, max(totals), "% of rows")
    classes = {name: f"c{index}" for index, name in enumerate(layers)}
    frame.stacks({classes[name]: values for name, values in shares.items()})
    worst = max(zip(totals, shown_months, strict=True))
    caption = f"Most in {worst[1]}: {worst[0]:.1f} % of its rows."
    rows: list[Row] = [
        [(month, link(month)), *("" if values[index] is None else f"{values[index]:.2f}" for values in shares.values())]
        for index, month in enumerate(shown_months)
    ]
    keys = {classes[name]: name.replace("_", " ") for name in layers}
    head = ["month", *keys.values()]
    svg = frame.svg(link)
    return Chart("Dropped rows by reason", caption, svg, head, rows, keys)


def drift(dataset: str, dataset_status: DatasetStatus, shown_months: list[str]) -> Chart | None:
    """Return the heat map of drift by feature, in multiples of its noise."""
    link = _linked(dataset, dataset_status, "runs")
    month_ratios = [dataset_status["numbers"].get(month, {}).get("drift", {}) for month in shown_months]
    last = next((ratios for ratios in reversed(month_ratios) if ratios), None)
    if not last:
        return None
    all_names = sorted({name for ratios in month_ratios for name in ratios}, key=lambda name: -last.get(name, 0))
    names = all_names[:SHOWN_FEATURES]
    values = {name: [ratios.get(name) for ratios in month_ratios] for name in names}
    newest = max(month for month, ratios in zip(shown_months, month_ratios, strict=True) if ratios)
    caption = (
        f"Times the training window's own noise. Furthest in {newest}: {names[0]}, {last.get(names[0], 0):.1f} times."
    )
    caption += f" The furthest {len(names)} of {len(all_names)} features." if len(all_names) > len(names) else ""
    rows: list[Row] = [
        [(month, link(month)), *("" if ratios.get(name) is None else f"{ratios[name]:.2f}" for name in names)]
        for month, ratios in zip(shown_months, month_ratios, strict=True)
    ]
    labels = ["below 1", *(f"{low:g} to {high:g}" for low, high in pairwise(DRIFT_BOUNDS))]
    keys = {f"h{kind}": label for kind, label in enumerate([*labels, f"{DRIFT_BOUNDS[-1]:g} and more"])}
    svg = charts.heat(shown_months, values, DRIFT_BOUNDS, link)
    return Chart("Drift by feature", caption, svg, ["month", *names], rows, keys)


def durations(dataset: str, dataset_status: DatasetStatus, history: History) -> dict[str, dict[str, float]]:
    """Return the seconds of each layer of stages, by month."""
    seconds_by_month = {}
    for month in span({**dataset_status["data"], **dataset_status["runs"]}):
        benchmarks = history.took.get((dataset, month), {})
        seconds = {
            name: sum(benchmarks[stage].seconds for stage in layer if stage in benchmarks)
            for name, layer in WORK.items()
        }
        seconds_by_month[month] = {name: round(value, 2) for name, value in seconds.items()} if benchmarks else {}
    return seconds_by_month


def work(dataset: str, dataset_status: DatasetStatus, durations: Mapping[str, Mapping[str, float]]) -> Chart | None:
    """Return the chart of the seconds of each layer of stages."""
    link = _linked(dataset, dataset_status, "runs")
    measured = [seconds for seconds in durations.values() if seconds]
    if not measured:
        return None
    classes = {name: f"c{index}" for index, name in enumerate(WORK)}
    frame = charts.Months(list(durations), 0, max(sum(seconds.values()) for seconds in measured), "seconds")
    frame.stacks({classes[name]: [seconds.get(name) for seconds in durations.values()] for name in WORK})
    usual = {name: statistics.median(seconds[name] for seconds in measured) for name in WORK}
    longest = max(usual, key=lambda name: usual[name])
    caption = f"Longest: {longest}, {usual[longest]:.1f} of {sum(usual.values()):.1f} s in a usual month."
    rows: list[Row] = [
        [(month, link(month)), *(f"{seconds[name]:.1f}" if seconds else "" for name in WORK)]
        for month, seconds in durations.items()
    ]
    svg = frame.svg(link)
    keys = {classes[name]: name for name in WORK}
    return Chart("Duration of jobs", caption, svg, ["month", *WORK], rows, keys)
