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
from ..state import stage_states, summary
from ..state.artifacts import Tree
from ..workflow import stages
from ..workflow.calendar import Calendars
from ..workflow.listing import built_months, located_months
from . import champions, errors, print_table

if TYPE_CHECKING:
    from ..base.file_types import ServiceStatus

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
SHOWN = 12  # months of a service, beside those that need attention


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the screen; with --json, print the content of report/status.json."""
    if arguments.champions:
        return champions.run(arguments, settings)
    if arguments.errors or arguments.against:
        return errors.run(arguments, settings)
    services = settings.choose(arguments.service)
    plan = stage_states.read_plan()
    screen = summary.status(Calendars(settings), services, plan, Tree())
    summary_by_service = screen["services"]
    if arguments.json:
        print(json.dumps(screen, indent=1, sort_keys=True))
        return os.EX_OK
    if not any(built_months(service) or located_months(service) for service in services):
        print(f"there is no month yet; `{suggest.command('run')}` builds what is missing")
    else:
        shown = {service: _shown(arguments, service_summary) for service, service_summary in summary_by_service.items()}
        _print_table(summary_by_service, shown, is_cut=not arguments.range)
        _print_warnings(summary_by_service, shown)
        _print_notes(summary_by_service, plan)
    for service, need in summary.all_needs(screen):
        if need["kind"] not in summary.NEED_A_PERSON:  # these have their own lines, with their logs
            print(f"needs attention: {summary.in_words(service, need)}")
    return os.EX_OK


def _shown(arguments: argparse.Namespace, service_summary: ServiceStatus) -> list[str]:
    """Return the months of a service to show, newest first."""
    all_months = sorted({*service_summary["data"], *service_summary["runs"]}, reverse=True)
    requested = set(arguments.range or all_months[:SHOWN])
    return [
        month
        for month in all_months
        if month in requested or (not arguments.range and _needs_a_person(service_summary, month))
    ]


def _print_table(summary_by_service: Mapping[str, ServiceStatus], shown: dict[str, list[str]], is_cut: bool) -> None:
    head = ["service", "month", "data", "run", "trips", *ERRORS, "served by"]
    rows, cut, known_months = [head], [], set()
    for service, service_summary in summary_by_service.items():
        errors_by_month = summary.errors_by_month(service_summary)
        rows += [_row(service, month, service_summary, errors_by_month.get(month, {})) for month in shown[service]]
        service_months = {*service_summary["data"], *service_summary["runs"]}
        known_months |= service_months
        cut += [f"{service}: the newest {SHOWN} of {len(service_months)} months"] if len(service_months) > SHOWN else []
    print_table(rows)
    if cut and is_cut:
        full_command = suggest.command("status", f"{min(known_months)}..{max(known_months)}")
        print(f"{', '.join(cut)}, and those that need attention; `{full_command}` shows all")
    print(f"RMSE in minutes on the trips of that month; {summary.MEASURED}")
    print(f"data: {' '.join(stages.DATA)}; run: {' '.join(stages.RUN)}")
    print("  ".join(f"{symbol} {state}" for state, symbol in SYMBOLS.items()))


def _row(service: str, month: str, service_summary: ServiceStatus, month_errors: Mapping[str, float]) -> list[str]:
    data, runs = service_summary["data"].get(month, {}), service_summary["runs"].get(month, {})
    return [
        service,
        month,
        "".join(SYMBOLS[data[stage]["state"]] if stage in data else " " for stage in stages.DATA),
        "".join(SYMBOLS[runs[stage]["state"]] if stage in runs else " " for stage in stages.RUN),
        f"{month_errors['trips']:,}" if "trips" in month_errors else "",
        *(f"{month_errors[name]:.3f}" if name in month_errors else "" for name in ERRORS),
        service_summary["numbers"].get(month, {}).get("champion", ""),
    ]


def _needs_a_person(service_summary: ServiceStatus, month: str) -> bool:
    states = [*service_summary["data"].get(month, {}).values(), *service_summary["runs"].get(month, {}).values()]
    return any(state["state"] in summary.NEED_A_PERSON for state in states)


def _print_warnings(summary_by_service: Mapping[str, ServiceStatus], shown: dict[str, list[str]]) -> None:
    """Print the warnings of quality verdicts and evaluations."""
    for service, service_summary in summary_by_service.items():
        for month in shown[service]:
            data, run_numbers = service_summary["rows"].get(month, {}), service_summary["numbers"].get(month, {})
            if data.get("verdict") == "warn" and "rule" in data:
                print(f"warning: data of {service} {month}, {data['rule']}")
            for line in run_numbers.get("warnings", ()):
                print(f"warning: {service} {month}, {line}")


def _print_notes(summary_by_service: Mapping[str, ServiceStatus], plan: Mapping[str, Any]) -> None:
    for service, service_summary in summary_by_service.items():
        for month, states in (*service_summary["data"].items(), *service_summary["runs"].items()):
            for stage, state in states.items():
                if state["state"] == "failed":
                    print(f"failed: {stage} {service} {month} ({state['log']}): {state['why']}")
                    print("\n".join(f"    {line}" for line in state["lines"]))
                elif state["state"] == "rejected":
                    print(f"rejected: {service} {month} by {state['why']}")
        unpublished = [
            month for month, states in service_summary["data"].items() if states["locate"]["state"] == "not published"
        ]
        for status, missing in months.not_published(unpublished, located_months(service)).items():
            print(f"{status}: {service} {months.in_words(missing)}")
    for service, service_summary in summary_by_service.items():
        for why, stale in summary.stale(service_summary).items():
            span = f"{stale[0]} to {stale[-1]}" if len(stale) > 1 else stale[0]
            print(f"stale: {service}, {len(stale)} months ({span}), as of {plan.get('looked', 'now')}: {why}")
