"""`./monthwise status`: show months by stages on one screen, newest first, and what needs attention.

All data comes from files.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..base import months, suggest
from ..config.settings import Settings
from ..report import over_time
from ..state import stage_states, summary
from ..state.artifacts import Tree
from ..workflow import stages
from ..workflow.calendar import Calendars
from ..workflow.listing import built_months, located_months
from . import champions, errors, print_table

if TYPE_CHECKING:
    from ..base.file_types import DatasetStatus

SYMBOLS = {
    "built": "+",
    "stale": "~",
    "failed": "X",
    "rejected": "R",
    "waiting": ".",
    "not published": "-",
    "superseded": "s",
    "pruned": "p",
}
ERRORS = ("challenger", "champion", "baseline")
SHOWN = 12  # months of a dataset, beside those that need attention


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the screen; with --json, print the content of report/status.json."""
    if arguments.champions:
        return champions.run(arguments, settings)
    if arguments.errors or arguments.against:
        return errors.run(arguments, settings)
    datasets = settings.choose(arguments.dataset)
    plan = stage_states.read_plan()
    screen = summary.status(Calendars(settings), datasets, plan, Tree())
    summary_by_dataset = screen["datasets"]
    if arguments.json:
        print(json.dumps(screen, indent=1, sort_keys=True))
        return os.EX_OK
    if not any(built_months(dataset) or located_months(dataset) for dataset in datasets):
        print(f"there is no month yet; `{suggest.command('run')}` builds what is missing")
    else:
        shown = {dataset: _shown(arguments, dataset_summary) for dataset, dataset_summary in summary_by_dataset.items()}
        _print_table(summary_by_dataset, shown, is_cut=not arguments.range)
        _print_warnings(summary_by_dataset, shown)
        _print_notes(summary_by_dataset, plan)
    for dataset, need in summary.all_needs(screen):
        if need["kind"] not in summary.NEED_A_PERSON:  # these have their own lines, with their logs
            print(f"needs attention: {summary.in_words(dataset, need)}")
    return os.EX_OK


def _shown(arguments: argparse.Namespace, dataset_summary: DatasetStatus) -> list[str]:
    """Return the months of a dataset to show, newest first."""
    all_months = sorted({*dataset_summary["data"], *dataset_summary["runs"]}, reverse=True)
    requested = set(arguments.range or all_months[:SHOWN])
    return [
        month
        for month in all_months
        if month in requested or (not arguments.range and _needs_a_person(dataset_summary, month))
    ]


def _print_table(summary_by_dataset: Mapping[str, DatasetStatus], shown: dict[str, list[str]], is_cut: bool) -> None:
    head = ["dataset", "month", "data", "run", "rows", "metric", *ERRORS, "served by"]
    rows, cut, known_months = [head], [], set()
    for dataset, dataset_summary in summary_by_dataset.items():
        errors_by_month = summary.errors_by_month(dataset_summary)
        rows += [_row(dataset, month, dataset_summary, errors_by_month.get(month, {})) for month in shown[dataset]]
        dataset_months = {*dataset_summary["data"], *dataset_summary["runs"]}
        known_months |= dataset_months
        cut += [f"{dataset}: the newest {SHOWN} of {len(dataset_months)} months"] if len(dataset_months) > SHOWN else []
    print_table(rows)
    if cut and is_cut:
        full_command = suggest.command("status", f"{min(known_months)}..{max(known_months)}")
        print(f"{', '.join(cut)}, and those that need attention; `{full_command}` shows all")
    print(f"errors: on the rows of that month; {summary.MEASURED}")
    print(f"data: {' '.join(stages.DATA)}; run: {' '.join(stages.RUN)}")
    print("  ".join(f"{symbol} {state}" for state, symbol in SYMBOLS.items()))


def _row(dataset: str, month: str, dataset_summary: DatasetStatus, month_errors: Mapping[str, float]) -> list[str]:
    data, runs = dataset_summary["data"].get(month, {}), dataset_summary["runs"].get(month, {})
    numbers = dataset_summary["numbers"].get(month, {})
    return [
        dataset,
        month,
        "".join(SYMBOLS[data[stage]["state"]] if stage in data else " " for stage in stages.DATA),
        "".join(SYMBOLS[runs[stage]["state"]] if stage in runs else " " for stage in stages.RUN),
        f"{month_errors['rows']:,}" if "rows" in month_errors else "",
        over_time.heading(dataset_summary) if month_errors else "",
        *(f"{month_errors[name]:.3f}" if name in month_errors else "" for name in ERRORS),
        numbers.get("champion", ""),
    ]


def _needs_a_person(dataset_summary: DatasetStatus, month: str) -> bool:
    states = [*dataset_summary["data"].get(month, {}).values(), *dataset_summary["runs"].get(month, {}).values()]
    return any(state["state"] in summary.NEED_A_PERSON for state in states)


def _print_warnings(summary_by_dataset: Mapping[str, DatasetStatus], shown: dict[str, list[str]]) -> None:
    """Print the warnings of quality verdicts and evaluations."""
    for dataset, dataset_summary in summary_by_dataset.items():
        for month in shown[dataset]:
            data, run_numbers = dataset_summary["rows"].get(month, {}), dataset_summary["numbers"].get(month, {})
            if data.get("verdict") == "warn" and "rule" in data:
                print(f"warning: data of {dataset} {month}, {data['rule']}")
            for line in run_numbers.get("warnings", ()):
                print(f"warning: {dataset} {month}, {line}")


def _print_notes(summary_by_dataset: Mapping[str, DatasetStatus], plan: Mapping[str, Any]) -> None:
    for dataset, dataset_summary in summary_by_dataset.items():
        for month, states in (*dataset_summary["data"].items(), *dataset_summary["runs"].items()):
            for stage, state in states.items():
                if state["state"] == "failed":
                    print(f"failed: {stage} {dataset} {month} ({state['log']}): {state['why']}")
                    print("\n".join(f"    {line}" for line in state["lines"]))
                elif state["state"] == "rejected":
                    print(f"rejected: {dataset} {month} by {state['why']}")
        unpublished = [
            month for month, states in dataset_summary["data"].items() if states["locate"]["state"] == "not published"
        ]
        for status, missing in months.not_published(unpublished, located_months(dataset)).items():
            print(f"{status}: {dataset} {months.in_words(missing)}")
    for dataset, dataset_summary in summary_by_dataset.items():
        for why, stale in summary.stale(dataset_summary).items():
            span = f"{stale[0]} to {stale[-1]}" if len(stale) > 1 else stale[0]
            print(f"stale: {dataset}, {len(stale)} months ({span}), as of {plan.get('looked', 'now')}: {why}")
