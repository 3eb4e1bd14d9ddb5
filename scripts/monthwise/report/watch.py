"""What machines and mails read: status.json, status.prom for node_exporter's textfile collector, summary.md."""

import datetime
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ..base import clock, files
from ..state import summary

NEWEST = 6  # months of a service in summary.md
NEEDS = 50  # lines of what needs attention in summary.md
# Numbers of a run month in status.prom: name and help.
ERRORS = {
    "challenger_validation_rmse_min": (
        "challenger_validation_rmse_minutes",
        "Challenger's error on the validation month of a run month.",
    ),
    "baseline_validation_rmse_min": (
        "baseline_validation_rmse_minutes",
        "Error of the challenger's baseline on the same trips.",
    ),
    "champion_validation_rmse_min": (
        "champion_validation_rmse_minutes",
        "Champion's error on the validation month of a run month.",
    ),
    "champion_live_rmse_min": ("champion_live_rmse_minutes", "Champion's error in a run month itself."),
    "baseline_live_rmse_min": (
        "baseline_live_rmse_minutes",
        "Error of the champion's baseline on the same trips.",
    ),
    "live_excess": ("live_excess_ratio", "Champion's live error over its validation error of a run month, less 1."),
}


def write(folder: Path, told: dict) -> None:
    """Write the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    files.replace_file(folder / "status.json", files.to_json(told | {"built": clock.now()}))
    files.replace_file(folder / "status.prom", _metrics(told))
    files.replace_file(folder / "summary.md", as_markdown(told).encode("utf-8", "replace"))


def _metrics(told: dict) -> bytes:
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"monthwise_{name}", about, labels, registry=registry)

    stages = gauge("stages", "Stages of all months in a state.", "service", "state")
    needs = gauge("needs_person", "What needs attention; without a service: a call of `run`.", "service")
    champion = gauge("champion", "1 for who serves in the newest decided month.", "service", "month", "model")
    needs.labels("").set(len(told["needs"]))
    for service, of in told["services"].items():
        parts = (*of["data"].values(), *of["runs"].values())
        for state, count in sorted(Counter(stage["state"] for each in parts for stage in each.values()).items()):
            stages.labels(service, state).set(count)
        needs.labels(service).set(len(of["needs"]))
        if of["champion"]:
            champion.labels(service, of["champion"]["month"], of["champion"]["model"]).set(1)
    _add_numbers(told["services"], gauge)
    last = told["last_run"]
    if last and last["end"] and last["code"] is not None:
        try:
            end = datetime.datetime.fromisoformat(last["end"]).timestamp()
        except ValueError:
            end = 0
        gauge("last_run_end_seconds", "When the last run ended, since 1970.").set(end)
        gauge("last_run_exit_code", "How it ended.").set(last["code"])
    gauge("report_seconds", "When this file was written, since 1970.").set_to_current_time()
    return generate_latest(registry)


def _add_numbers(services: dict[str, dict], gauge: Callable) -> None:
    """Add the numbers of the newest decided and the newest scored run month, and of the newest data month."""
    metrics = {name: gauge(*of_metric, "service", "month") for name, of_metric in ERRORS.items()}
    drift = gauge("drift_ratio", "Distance of a feature from the training window.", "service", "month", "feature")
    kept = gauge("kept_share", "Share of the rows of a data month that were kept.", "service", "month")
    for service, of in services.items():
        numbers = of["numbers"]
        newest = {_newest(numbers, name) for name in ("champion", "challenger_validation_rmse_min", "live_excess")}
        for month in sorted(newest - {None}):
            for name, metric in metrics.items():
                if name in numbers[month]:
                    metric.labels(service, month).set(numbers[month][name])
        if month := _newest(numbers, "drift"):
            for feature, ratio in numbers[month]["drift"].items():
                drift.labels(service, month, feature).set(ratio)
        if (month := _newest(of["rows"], "rows_out")) and of["rows"][month].get("rows_in"):
            kept.labels(service, month).set(of["rows"][month]["rows_out"] / of["rows"][month]["rows_in"])


def _newest(of_months: dict[str, dict], name: str) -> str | None:
    return max((month for month, known in of_months.items() if name in known), default=None)


def as_markdown(told: dict) -> str:
    """Return how things stand as Markdown."""
    lines = ["# Monthwise", ""]
    for of in told["services"].values():
        lines.append(f"- {_plain(of['line'])}")
    needs = summary.all_needs(told)
    lines += ["", "## Needs attention", ""] if needs else ["", "Nothing needs attention."]
    lines += [f"- {_plain(summary.in_words(service, need))}" for service, need in needs[:NEEDS]]
    lines += [f"- and {len(needs) - NEEDS} more" for _ in needs[NEEDS : NEEDS + 1]]
    for service, of in told["services"].items():
        lines += _errors(service, of)
    if told["last_run"] and not told["needs"]:
        lines += ["", f"Last run {_plain(told['last_run']['start'])}: {_plain(told['last_run']['line'])}"]
    return "\n".join(lines) + "\n"


def _errors(service: str, of: dict) -> list[str]:
    """Return the table of errors, newest month first, and what it leaves out."""
    measured = summary.errors_by_month(of)
    every = sorted({*measured, *of["runs"]}, reverse=True)
    if not every:
        return []
    lines = ["", f"## {service}", "", "| month | challenger | champion | baseline | live excess | served by |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | --- |"]
    for month in every[:NEWEST]:
        known, errors = of["numbers"].get(month, {}), measured.get(month, {})
        cells = [f"{errors[name]:.3f}" if name in errors else "" for name in ("challenger", "champion", "baseline")]
        cells.append(f"{known['live_excess']:+.1%}" if "live_excess" in known else "")
        lines.append(f"| {month} | {' | '.join(cells)} | {_plain(known.get('champion', ''))} |")
    lines += ["", f"RMSE in minutes on the trips of that month; {summary.MEASURED}."]
    return lines + ([f"The newest {NEWEST} of {len(every)} months."] if len(every) > NEWEST else [])


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*\[\]<>|#])", r"\\\1", " ".join(str(text).split()))
