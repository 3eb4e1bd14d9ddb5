"""`./monthwise status --champions`: print the champion of each month, since when it is champion, and its live error."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from ..base import files, metric_values, months, suggest
from ..config.settings import Settings
from ..report import wording
from ..state import decisions
from ..workflow import targets
from ..workflow.calendar import Calendar
from ..workflow.listing import decided_months
from . import print_table

if TYPE_CHECKING:
    from ..base.file_types import Champion, Live, Model

HEAD = [
    "dataset",
    "month",
    "served by",
    "since",
    "decision",
    "metric",
    "live error",
    "baseline",
    "live excess",
    "before",
]


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print one line per month; for a month without a decision, say where the chain stops."""
    rows, stops = [], []
    for dataset in settings.choose(arguments.dataset):
        calendar, decided = Calendar.read(settings, dataset), decided_months(dataset)
        if not decided:
            continue
        superseded = _superseded(dataset)
        for month in arguments.range or months.span(calendar.begin, decided[-1]):
            champion: Champion | None = _read(dataset, month, "champion.json")
            live: Live | None = _read(dataset, month, "live.json")
            if champion:
                rows.append(_row(champion, live, superseded.get(month, [])))
            elif month >= calendar.begin:
                stops.append(
                    f"{dataset} {month}: no decision, so the chain stops here;"
                    f" `{suggest.command('run', month, dataset=dataset)}` decides it"
                )
    if not rows:
        print(f"there is no champion yet; `{suggest.command('run')}` decides")
        return os.EX_OK
    print_table([HEAD, *rows])
    print("live error, baseline: on the rows of that month; live excess: over the validation error")
    for line in stops:
        print(line)
    return os.EX_OK


def _row(champion: Champion, live: Live | None, before: list[str]) -> list[str]:
    return [
        champion["dataset"],
        champion["month"],
        _name(champion["champion"]),
        champion["since"],
        champion["decision"],
        wording.heading(champion),
        f"{metric_values.deciding(live):.3f}" if live else "",
        f"{metric_values.deciding(live, of_baseline=True):.3f}" if live else "",
        f"{live['live_excess']:+.1%}" if live else "",
        ", ".join(before),
    ]


def _name(champion: Model) -> str:
    return champion["month"] if champion["kind"] == "model" else "baseline"


def _superseded(dataset: str) -> dict[str, list[str]]:
    """Return for each month the champions of its earlier decisions, oldest first."""
    names_by_month: dict[str, list[str]] = {}
    for decision in decisions.decisions():
        if decision["dataset"] == dataset:
            names_by_month.setdefault(decision["month"], []).append(_name(decision["champion"]))
    return {month: [name for name in names[:-1] if name != names[-1]] for month, names in names_by_month.items()}


def _read(dataset: str, month: str, file: str) -> Any | None:
    return files.read_json_if_whole(targets.run_file(dataset, month, file))
