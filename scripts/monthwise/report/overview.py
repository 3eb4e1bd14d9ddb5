"""The index page: what needs attention, the state of every month and stage, and charts over all months."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from ..state import summary
from ..workflow import stages
from . import over_time, page
from .month_history import History
from .parts import Row

if TYPE_CHECKING:
    from ..base.file_types import DatasetStatus, Numbers, StageState, State, Status

ERRORS = ("challenger", "champion", "baseline")
# State: class of its cell (style.css defines colour and symbol), and its meaning.
STATES = {
    "built": ("b", "up to date with settings, programs and published files"),
    "stale": ("s", "an input has changed: the next run rebuilds it, or says why not"),
    "failed": ("f", "a job failed, or a file is not whole: needs attention"),
    "rejected": ("r", "a rule of config refuses the published file: needs attention"),
    "waiting": ("w", "not requested yet, or an input is missing"),
    "not published": ("n", "the publisher does not have the month yet"),
    "superseded": ("o", "a file from before that the settings no longer request"),
    "pruned": ("p", "deleted by prune; results and evidence stay"),
}


def draw(folder: Path, report_status: Status, history: History) -> None:
    """Draw index.html if its inputs changed."""
    datasets = report_status["datasets"]
    durations = {dataset: over_time.durations(dataset, status, history) for dataset, status in datasets.items()}
    inputs = page.digest([report_status, durations])
    path = folder / "index.html"
    if page.is_drawn(path, inputs):
        return
    years = sorted({month[:4] for status in datasets.values() for month in _all_months(status)}, reverse=True)
    present = {state for status in datasets.values() for state in _states(status)}
    page.draw(
        path,
        "index.html",
        inputs,
        status=report_status,
        is_empty=not any(_all_months(status) for status in datasets.values()),
        sections=[_section(dataset, status, durations[dataset]) for dataset, status in datasets.items()],
        years=years,
        states={state: STATES[state] for state in STATES if state in present},
        measured=summary.MEASURED,
        needs=summary.all_needs(report_status),
        stale=[
            (dataset, reason, stale_months)
            for dataset, status in datasets.items()
            for reason, stale_months in summary.stale(status).items()
        ],
    )


def _all_months(status: DatasetStatus) -> list[str]:
    return sorted({*status["data"], *status["runs"]}, reverse=True)


def _states(status: DatasetStatus) -> Iterator[State]:
    for states in (*status["data"].values(), *status["runs"].values()):
        for state in states.values():
            yield state["state"]


def _section(dataset: str, status: DatasetStatus, durations: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    run_months = over_time.span(status["runs"])
    data_months = over_time.span(status["data"])
    measured = summary.errors_by_month(status)
    charts = [
        over_time.errors(dataset, status, measured),
        over_time.rows(dataset, status, data_months),
        over_time.drops(dataset, status, data_months),
    ]
    charts += [over_time.drift(dataset, status, run_months), over_time.work(dataset, status, durations)]
    return {
        "dataset": dataset,
        "line": status["line"],
        "heading": over_time.heading(status),
        "matrix": Markup(
            "".join(_row(dataset, month, status, measured.get(month, {})) for month in _all_months(status))
        ),
        "count": len(_all_months(status)),
        "charts": [chart for chart in charts if chart],
        "changes": [_change(dataset, month, status["numbers"][month]) for month in summary.changes(status)],
    }


def _change(dataset: str, month: str, numbers: Numbers) -> Row:
    reason = (numbers.get("decision", ""), numbers.get("reason", ""))
    return [(month, run_link(dataset, month)), numbers["champion"], *reason]


# The matrix


def _row(dataset: str, month: str, status: DatasetStatus, measured: Mapping[str, float]) -> str:
    data, runs = status["data"].get(month, {}), status["runs"].get(month, {})
    numbers, counts = status["numbers"].get(month, {}), status["rows"].get(month, {})
    run_page, data_page = run_link(dataset, month), data_link(dataset, month)
    kinds = sorted({STATES[state["state"]][0] for state in (*data.values(), *runs.values())})
    cells = [_cell(data.get(stage), data_page, stage) for stage in stages.DATA]
    cells += [_cell(runs.get(stage), run_page, stage) for stage in stages.RUN]
    count = f"{counts['rows_out']:,}" if "rows_out" in counts else "data"
    link = f'<a href="{data_page}">{count}</a>' if data else ""
    errors = "".join(f"<td class=num>{measured[name]:.3f}" if name in measured else "<td>" for name in ERRORS)
    excess = f"{numbers['live_excess']:+.0%}" if "live_excess" in numbers else ""
    champion = escape(numbers.get("champion", ""))
    return (
        f'<tr id="{dataset}-{month}" data-s="{"".join(kinds)}"><th scope=row>'
        f'<a href="{run_page if runs else data_page}">{month}</a><td class=num>{link}{"".join(cells)}'
        f"{errors}<td class=num>{excess}<td class=num>{champion}\n"
    )


def _cell(state: StageState | None, link: str, stage: str) -> str:
    if state is None:
        return "<td>"
    name = state["state"]
    kind = STATES[name][0]
    if "why" not in state:
        return f"<td class={kind}>{name}"
    return f'<td class={kind}><a href="{link}#{stage}" title="{escape(state["why"])}">{name}</a>'


def run_link(dataset: str, month: str) -> str:
    """Return the link from index.html to the page of a run month."""
    return f"runs/{dataset}/{month}.html"


def data_link(dataset: str, month: str) -> str:
    """Return the link from index.html to the page of a data month."""
    return f"data/{dataset}/{month}.html"
