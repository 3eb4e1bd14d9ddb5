"""`./monthwise status`: one screen, months by stages, newest first, and what needs a person; from files alone."""

import argparse
import json
import os

from .. import due, states, targets
from ..settings import Settings
from . import champions, chosen_services, errors, print_table

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
NEED_A_PERSON = ("failed", "rejected")
SHOWN = 12  # months of a service, beside those that need a person


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the screen; --json prints `looked` and, for each service, `data` and `runs` as states.of_service has them.

    There each run month also has `trips`, `rmse_min`, `baseline_rmse_min`, `live_rmse_min` and `champion`, where known.
    """
    if arguments.champions:
        return champions.run(arguments, settings)
    if arguments.errors or arguments.against:
        return errors.run(arguments, settings)
    look = states.look()
    services = chosen_services(arguments, settings)
    found = {service: states.of_service(settings, service, look) for service in services}
    if arguments.json:
        told = {service: of | {"numbers": _all_numbers(service, of["runs"])} for service, of in found.items()}
        print(json.dumps({"looked": look.get("looked"), "services": told}, indent=1, sort_keys=True))
        return os.EX_OK
    if not any(targets.built_months(service) or targets.located_months(service) for service in services):
        print("no month is there yet; ./monthwise run builds what is due")
        return os.EX_OK
    _print_table(arguments, found)
    _print_notes(found, look)
    return os.EX_OK


def _print_table(arguments: argparse.Namespace, found: dict) -> None:
    head = ["service", "month", "data", "run", "trips", "RMSE, min", "naive", "real", "served by"]
    rows = [head]
    for service, of in found.items():
        every = sorted({*of["data"], *of["runs"]}, reverse=True)
        shown = set(arguments.range or every[:SHOWN])
        shown |= {month for month in every if not arguments.range and _needs_a_person(of, month)}
        for month in every:
            if month in shown:
                rows.append(_row(service, month, of))
    print_table(rows)
    print("data: locate ingest clean featurize; run: " + " ".join(states.RUN_STAGES))
    print("  ".join(f"{symbol} {state}" for state, symbol in SYMBOLS.items()))


def _row(service: str, month: str, of: dict) -> list[str]:
    data, runs = of["data"].get(month, {}), of["runs"].get(month, {})
    known = _numbers(service, month) if runs else {}
    return [
        service,
        month,
        "".join(SYMBOLS[data[stage]["state"]] if stage in data else " " for stage in states.DATA_STAGES),
        "".join(SYMBOLS[runs[stage]["state"]] if stage in runs else " " for stage in states.RUN_STAGES),
        f"{known['trips']:,}" if "trips" in known else "",
        *(f"{known[name]:.3f}" if name in known else "" for name in ("rmse_min", "baseline_rmse_min", "live_rmse_min")),
        known.get("champion", ""),
    ]


def _all_numbers(service: str, runs: dict) -> dict[str, dict]:
    return {month: _numbers(service, month) for month in runs}


def _numbers(service: str, month: str) -> dict:
    """Return what is known of a run month: trips, errors in minutes, and the run month whose model serves."""
    metrics, live, champion = (
        due.read(targets.run_file(service, month, name)) or {}
        for name in ("metrics.json", "live.json", "champion.json")
    )
    found = {"trips": metrics.get("rows"), "live_rmse_min": live.get("rmse_min")}
    found |= {name: metrics.get(name) for name in ("rmse_min", "baseline_rmse_min")}
    if serving := champion.get("champion"):
        found["champion"] = serving["month"] if serving["kind"] == "model" else "baseline"
    return {name: value for name, value in found.items() if value is not None}


def _needs_a_person(of: dict, month: str) -> bool:
    stages = [*of["data"].get(month, {}).values(), *of["runs"].get(month, {}).values()]
    return any(stage["state"] in NEED_A_PERSON for stage in stages)


def _print_notes(found: dict, look: dict) -> None:
    stale: dict[str, list[str]] = {}
    for service, of in found.items():
        for month, stages in (*of["data"].items(), *of["runs"].items()):
            for stage, state in stages.items():
                if state["state"] == "failed":
                    print(f"failed: {stage} {service} {month} ({state['log']})")
                    print("\n".join(f"    {line}" for line in state["lines"]))
                elif state["state"] == "rejected":
                    print(f"rejected: {service} {month} by {state['why']}")
                elif state["state"] == "stale":
                    stale.setdefault(state["why"], []).append(f"{service} {month}")
        late = [month for month, stages in of["data"].items() if stages["locate"]["state"] == "not published"]
        if late:
            print(f"not published: {service} {', '.join(late)}")
    for why, abouts in stale.items():
        first = sorted(set(abouts))
        print(f"stale, as of {look['looked']}: {len(first)} months ({first[0]} to {first[-1]}): {why}")
