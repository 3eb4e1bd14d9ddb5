"""`./monthwise status`: one screen, months by stages, newest first, and what needs attention; from files alone."""

import argparse
import json
import os

from ..base import months, suggest
from ..config.settings import Settings
from ..state import stage_states, summary
from ..state.artifacts import Tree
from ..workflow import stages, targets
from . import champions, errors, print_table

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
    """Print the screen; --json prints what report/status.json holds."""
    if arguments.champions:
        return champions.run(arguments, settings)
    if arguments.errors or arguments.against:
        return errors.run(arguments, settings)
    services = settings.choose(arguments.service)
    look = stage_states.look()
    told = summary.standing(settings, services, look, Tree())
    found = told["services"]
    if arguments.json:
        print(json.dumps(told, indent=1, sort_keys=True))
        return os.EX_OK
    if not any(targets.built_months(service) or targets.located_months(service) for service in services):
        print(f"there is no month yet; `{suggest.command('run')}` builds what is missing")
    else:
        shown = {service: _shown(arguments, of) for service, of in found.items()}
        _print_table(found, shown, is_cut=not arguments.range)
        _print_warnings(found, shown)
        _print_notes(found, look)
    for service, need in summary.all_needs(told):
        if need["kind"] not in summary.NEED_A_PERSON:  # these have their lines, with their logs
            print(f"needs attention: {summary.in_words(service, need)}")
    return os.EX_OK


def _shown(arguments: argparse.Namespace, of: dict) -> list[str]:
    """Return the months of a service that have a row, newest first."""
    every = sorted({*of["data"], *of["runs"]}, reverse=True)
    asked = set(arguments.range or every[:SHOWN])
    return [month for month in every if month in asked or (not arguments.range and _needs_a_person(of, month))]


def _print_table(found: dict, shown: dict[str, list[str]], is_cut: bool) -> None:
    head = ["service", "month", "data", "run", "trips", *ERRORS, "served by"]
    rows, cut, months = [head], [], set()
    for service, of in found.items():
        measured = summary.errors_by_month(of)
        rows += [_row(service, month, of, measured.get(month, {})) for month in shown[service]]
        every = {*of["data"], *of["runs"]}
        months |= every
        cut += [f"{service}: the newest {SHOWN} of {len(every)} months"] if len(every) > SHOWN else []
    print_table(rows)
    if cut and is_cut:
        whole = suggest.command("status", f"{min(months)}..{max(months)}")
        print(f"{', '.join(cut)}, and those that need attention; `{whole}` shows all")
    print(f"RMSE in minutes on the trips of that month; {summary.MEASURED}")
    print(f"data: {' '.join(stages.DATA)}; run: {' '.join(stages.RUN)}")
    print("  ".join(f"{symbol} {state}" for state, symbol in SYMBOLS.items()))


def _row(service: str, month: str, of: dict, measured: dict) -> list[str]:
    data, runs = of["data"].get(month, {}), of["runs"].get(month, {})
    return [
        service,
        month,
        "".join(SYMBOLS[data[stage]["state"]] if stage in data else " " for stage in stages.DATA),
        "".join(SYMBOLS[runs[stage]["state"]] if stage in runs else " " for stage in stages.RUN),
        f"{measured['trips']:,}" if "trips" in measured else "",
        *(f"{measured[name]:.3f}" if name in measured else "" for name in ERRORS),
        of["numbers"].get(month, {}).get("champion", ""),
    ]


def _needs_a_person(of: dict, month: str) -> bool:
    states = [*of["data"].get(month, {}).values(), *of["runs"].get(month, {}).values()]
    return any(state["state"] in summary.NEED_A_PERSON for state in states)


def _print_warnings(found: dict, shown: dict[str, list[str]]) -> None:
    """Print what a verdict and an evaluation warn of."""
    for service, of in found.items():
        for month in shown[service]:
            data, run = of["rows"].get(month, {}), of["numbers"].get(month, {})
            if data.get("verdict") == "warn" and "rule" in data:
                print(f"warning: data of {service} {month}, {data['rule']}")
            for line in run.get("warnings", ()):
                print(f"warning: {service} {month}, {line}")


def _print_notes(found: dict, look: dict) -> None:
    for service, of in found.items():
        for month, states in (*of["data"].items(), *of["runs"].items()):
            for stage, state in states.items():
                if state["state"] == "failed":
                    print(f"failed: {stage} {service} {month} ({state['log']}): {state['why']}")
                    print("\n".join(f"    {line}" for line in state["lines"]))
                elif state["state"] == "rejected":
                    print(f"rejected: {service} {month} by {state['why']}")
        late = [month for month, states in of["data"].items() if states["locate"]["state"] == "not published"]
        for what, missing in months.not_published(late, targets.located_months(service)).items():
            print(f"{what}: {service} {months.in_words(missing)}")
    for service, of in found.items():
        for why, stale in summary.stale(of).items():
            span = f"{stale[0]} to {stale[-1]}" if len(stale) > 1 else stale[0]
            print(f"stale: {service}, {len(stale)} months ({span}), as of {look.get('looked', 'now')}: {why}")
