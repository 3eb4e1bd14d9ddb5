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
from . import over_time

if TYPE_CHECKING:
    from prometheus_client import Gauge

    from ..base.file_types import DatasetStatus, Status

NEWEST = 6  # months of a dataset in summary.md
NEEDS = 50  # lines of needs in summary.md
# Numbers of a run month in status.prom: name and help text.
ERRORS = {
    "challenger_validation_error": (
        "challenger_validation_error",
        "Challenger's error on the validation month of a run month.",
    ),
    "baseline_validation_error": (
        "baseline_validation_error",
        "Error of the challenger's baseline on the same rows.",
    ),
    "champion_validation_error": (
        "champion_validation_error",
        "Champion's error on the validation month of a run month.",
    ),
    "champion_live_error": ("champion_live_error", "Champion's error in a run month itself."),
    "baseline_live_error": (
        "baseline_live_error",
        "Error of the champion's baseline on the same rows.",
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

    stages = gauge("stages", "Stages of all months in a state.", "dataset", "state")
    needs = gauge("needs_person", "What needs attention; without a dataset: a call of `run`.", "dataset")
    champion = gauge("champion", "1 for the champion of the newest decided month.", "dataset", "month", "model")
    needs.labels("").set(len(report_status["needs"]))
    for dataset, status in report_status["datasets"].items():
        parts = (*status["data"].values(), *status["runs"].values())
        for state, count in sorted(
            Counter(stage["state"] for stages_of_month in parts for stage in stages_of_month.values()).items()
        ):
            stages.labels(dataset, state).set(count)
        needs.labels(dataset).set(len(status["needs"]))
        if status["champion"]:
            champion.labels(dataset, status["champion"]["month"], status["champion"]["model"]).set(1)
    _add_numbers(report_status["datasets"], gauge)
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


def _add_numbers(datasets: Mapping[str, DatasetStatus], gauge: Callable[..., Gauge]) -> None:
    """Add the numbers of the newest decided and the newest scored run month, and of the newest data month."""
    metrics = {name: gauge(*description, "dataset", "month") for name, description in ERRORS.items()}
    drift = gauge("drift_ratio", "Distance of a feature from the training window.", "dataset", "month", "feature")
    kept_shares = gauge("kept_share", "Share of the rows of a data month that were kept.", "dataset", "month")
    for dataset, status in datasets.items():
        numbers = status["numbers"]
        newest = {_newest(numbers, name) for name in ("champion", "challenger_validation_error", "live_excess")}
        for month in sorted(filter(None, newest)):
            values: Mapping[str, object] = numbers[month]
            for name, metric in metrics.items():
                if (value := summary.number(values.get(name))) is not None:
                    metric.labels(dataset, month).set(value)
        if drift_month := _newest(numbers, "drift"):
            for feature, ratio in numbers[drift_month]["drift"].items():
                drift.labels(dataset, drift_month, feature).set(ratio)
        if (data_month := _newest(status["rows"], "rows_out")) and status["rows"][data_month].get("rows_in"):
            counts = status["rows"][data_month]
            kept_shares.labels(dataset, data_month).set(counts["rows_out"] / counts["rows_in"])


def _newest(values_by_month: Mapping[str, Mapping[str, object]], name: str) -> str | None:
    return max((month for month, values in values_by_month.items() if name in values), default=None)


def as_markdown(report_status: Status) -> str:
    """Return the status as Markdown."""
    lines = ["# Monthwise", ""]
    for status in report_status["datasets"].values():
        lines.append(f"- {_plain(status['line'])}")
    needs = summary.all_needs(report_status)
    lines += ["", "## Needs attention", ""] if needs else ["", "Nothing needs attention."]
    lines += [f"- {_plain(summary.in_words(dataset, need))}" for dataset, need in needs[:NEEDS]]
    lines += [f"- and {len(needs) - NEEDS} more" for _ in needs[NEEDS : NEEDS + 1]]
    for dataset, status in report_status["datasets"].items():
        lines += _errors(dataset, status)
    if report_status["last_run"] and not report_status["needs"]:
        lines += [
            "",
            f"Last run {_plain(report_status['last_run']['start'])}: {_plain(report_status['last_run']['line'])}",
        ]
    return "\n".join(lines) + "\n"


def _errors(dataset: str, status: DatasetStatus) -> list[str]:
    """Return the table of errors, newest month first, and a note on the months that it omits."""
    errors_by_month = summary.errors_by_month(status)
    all_months = sorted({*errors_by_month, *status["runs"]}, reverse=True)
    if not all_months:
        return []
    lines = ["", f"## {dataset}", "", "| month | challenger | champion | baseline | live excess | served by |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | --- |"]
    for month in all_months[:NEWEST]:
        numbers, errors = status["numbers"].get(month, {}), errors_by_month.get(month, {})
        cells = [f"{errors[name]:.3f}" if name in errors else "" for name in ("challenger", "champion", "baseline")]
        cells.append(f"{numbers['live_excess']:+.1%}" if "live_excess" in numbers else "")
        lines.append(f"| {month} | {' | '.join(cells)} | {_plain(numbers.get('champion', ''))} |")
    lines += ["", f"{over_time.heading(status) or 'Errors'} on the rows of that month; {summary.MEASURED}."]
    return lines + ([f"The newest {NEWEST} of {len(all_months)} months."] if len(all_months) > NEWEST else [])


def _plain(text: str) -> str:
    """Return text on one line, with the special characters of Markdown escaped."""
    return re.sub(r"([\\`*\[\]<>|#])", r"\\\1", " ".join(str(text).split()))
