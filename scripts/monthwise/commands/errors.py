"""`./monthwise status --errors`: print the validation errors of the finished run months, newest last."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import files, metric_values, suggest
from ..config.settings import Settings
from ..report import wording
from ..workflow import targets
from ..workflow.listing import built_months

if TYPE_CHECKING:
    from ..base.file_types import Metrics
from . import print_table


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print challengers' validation errors beside those of the baseline or another directory, on the same rows."""
    rows = []
    for dataset in settings.choose(arguments.dataset):
        for month in arguments.range or built_months(dataset):
            metrics = _metrics(Path(), dataset, month)
            other = _metrics(arguments.against, dataset, month) if arguments.against else None
            if metrics and (other or not arguments.against):
                rows.append(_row(metrics, other))
    if not rows:
        print(f"there is no run month yet; `{suggest.command('run')}` builds them")
        return os.EX_OK
    against = arguments.against.name if arguments.against else "baseline"
    head = ["dataset", "run month", "train rows", "validated on", "rows", "metric", "challenger", against, "better by"]
    print_table([head, *rows])
    print(f"challenger, {against}: errors on the rows of the validation month")
    return os.EX_OK


def _row(metrics: Metrics, other: Metrics | None) -> list[str]:
    error = metric_values.deciding(metrics)
    against = (
        metric_values.value_of(other, metrics["metric"]) if other else metric_values.deciding(metrics, of_baseline=True)
    )
    return [
        metrics["dataset"],
        metrics["month"],
        f"{metrics['train_rows']:,}",
        metrics["validation_month"],
        f"{metrics['rows']:,}",
        wording.heading(metrics),
        f"{error:.3f}",
        f"{against:.3f}",
        f"{1 - error / against:.1%}" if against else "",
    ]


def _metrics(directory: Path, dataset: str, month: str) -> Metrics | None:
    try:
        metrics: Metrics = files.read_json(directory / targets.run_file(dataset, month, "metrics.json"))
        return metrics
    except (FileNotFoundError, ValueError):
        return None
