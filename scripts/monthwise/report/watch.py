"""Files for machines and mails: status.json, status.prom for node_exporter's textfile collector, summary.md."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import clock, files
from ..state import summary

if TYPE_CHECKING:
    from prometheus_client import Gauge

    from ..base.file_types import ServiceStatus, Status

NEWEST = 6  # months of a service in summary.md
NEEDS = 50  # lines of needs in summary.md
# Numbers of a run month in status.prom: name and help text.
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


def write(folder: Path, report_status: Status) -> None:
    """Write status.json, status.prom and summary.md."""
    folder.mkdir(parents=True, exist_ok=True)
    files.replace_file(folder / "status.json", files.to_json({**report_status, "built": clock.now()}))
    files.replace_file(folder / "status.prom", _metrics(report_status))
    files.replace_file(folder / "summary.md", as_markdown(report_status).encode("utf-8", "replace"))


def _metrics(report_status: Status) -> bytes:
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"monthwise_{name}", help_text, labels, registry=registry)

    stages = gauge("stages", "Stages of all months in a state.", "service", "state")
    needs = gauge("needs_person", "What needs attention; without a service: a call of `run`.", "service")
    champion = gauge("champion", "1 for the champion of the newest decided month.", "service", "month", "model")
    needs.labels("").set(len(report_status["needs"]))
    for service, status in report_status["services"].items():
        parts = (*status["data"].values(), *status["runs"].values())
        for state, count in sorted(
            Counter(stage["state"] for stages_of_month in parts for stage in stages_of_month.values()).items()
        ):
            stages.labels(service, state).set(count)
        needs.labels(service).set(len(status["needs"]))
        if status["champion"]:
            champion.labels(service, status["champion"]["month"], status["champion"]["model"]).set(1)
    _add_numbers(report_status["services"], gauge)
    last = report_status["last_run"]
    if last and last["end"] and last["code"] is not None:
        try:
            end = datetime.datetime.fromisoformat(last["end"]).timestamp()
        except ValueError:
            end = 0
        gauge("last_run_end_seconds", "When the last run ended, since 1970.").set(end)
        gauge("last_run_exit_code", "How it ended.").set(last["code"])
    gauge("report_seconds", "When this file was written, since 1970.").set_to_current_time()
    return generate_latest(registry)


def _add_numbers(services: Mapping[str, ServiceStatus], gauge: Callable[..., Gauge]) -> None:
    """Add the numbers of the newest decided and the newest scored run month, and of the newest data month."""
    metrics = {name: gauge(*description, "service", "month") for name, description in ERRORS.items()}
    drift = gauge("drift_ratio", "Distance of a feature from the training window.", "service", "month", "feature")
    kept_shares = gauge("kept_share", "Share of the rows of a data month that were kept.", "service", "month")
    for service, status in services.items():
        numbers = status["numbers"]
        newest = {_newest(numbers, name) for name in ("champion", "challenger_validation_rmse_min", "live_excess")}
        for month in sorted(filter(None, newest)):
            values: Mapping[str, object] = numbers[month]
            for name, metric in metrics.items():
                if (value := summary.number(values.get(name))) is not None:
                    metric.labels(service, month).set(value)
        if drift_month := _newest(numbers, "drift"):
            for feature, ratio in numbers[drift_month]["drift"].items():
                drift.labels(service, drift_month, feature).set(ratio)
        if (data_month := _newest(status["rows"], "rows_out")) and status["rows"][data_month].get("rows_in"):
            counts = status["rows"][data_month]
            kept_shares.labels(service, data_month).set(counts["rows_out"] / counts["rows_in"])


def _newest(values_by_month: Mapping[str, Mapping[str, object]], name: str) -> str | None:
    return max((month for month, values in values_by_month.items() if name in values), default=None)


def as_markdown(report_status: Status) -> str:
    """Return the status as Markdown."""
    lines = ["# Monthwise", ""]
    for status in report_status["services"].values():
        lines.append(f"- {_plain(status['line'])}")
    needs = summary.all_needs(report_status)
    lines += ["", "## Needs attention", ""] if needs else ["", "Nothing needs attention."]
    lines += [f"- {_plain(summary.in_words(service, need))}" for service, need in needs[:NEEDS]]
    lines += [f"- and {len(needs) - NEEDS} more" for _ in needs[NEEDS : NEEDS + 1]]
    for service, status in report_status["services"].items():
        lines += _errors(service, status)
    if report_status["last_run"] and not report_status["needs"]:
        lines += [
            "",
            f"Last run {_plain(report_status['last_run']['start'])}: {_plain(report_status['last_run']['line'])}",
        ]
    return "\n".join(lines) + "\n"


def _errors(service: str, status: ServiceStatus) -> list[str]:
    """Return the table of errors, newest month first, and a note on the months that it omits."""
    errors_by_month = summary.errors_by_month(status)
    all_months = sorted({*errors_by_month, *status["runs"]}, reverse=True)
    if not all_months:
        return []
    lines = ["", f"## {service}", "", "| month | challenger | champion | baseline | live excess | served by |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | --- |"]
    for month in all_months[:NEWEST]:
        numbers, errors = status["numbers"].get(month, {}), errors_by_month.get(month, {})
        cells = [f"{errors[name]:.3f}" if name in errors else "" for name in ("challenger", "champion", "baseline")]
        cells.append(f"{numbers['live_excess']:+.1%}" if "live_excess" in numbers else "")
        lines.append(f"| {month} | {' | '.join(cells)} | {_plain(numbers.get('champion', ''))} |")
    lines += ["", f"RMSE in minutes on the trips of that month; {summary.MEASURED}."]
    return lines + ([f"The newest {NEWEST} of {len(all_months)} months."] if len(all_months) > NEWEST else [])


def _plain(text: str) -> str:
    """Return text on one line, with the special characters of Markdown escaped."""
    return re.sub(r"([\\`*\[\]<>|#])", r"\\\1", " ".join(str(text).split()))
