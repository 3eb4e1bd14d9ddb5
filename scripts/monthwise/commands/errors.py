"""`./monthwise status --errors`: print the validation errors of the finished run months, newest last."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import files, suggest
from ..config.settings import Settings
from ..workflow import targets
from ..workflow.listing import built_months

if TYPE_CHECKING:
    from ..base.file_types import Metrics
from . import print_table


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print challengers' validation errors beside those of the baseline or another directory, on the same trips."""
    rows = []
    for service in settings.choose(arguments.service):
        for month in arguments.range or built_months(service):
            metrics = _metrics(Path(), service, month)
            other = _metrics(arguments.against, service, month) if arguments.against else None
            if metrics and (other or not arguments.against):
                rows.append(_row(metrics, other))
    if not rows:
        print(f"there is no run month yet; `{suggest.command('run')}` builds them")
        return os.EX_OK
    against = arguments.against.name if arguments.against else "baseline"
    head = ["service", "run month", "train rows", "validated on", "rows", "challenger", against, "better by"]
    print_table([head, *rows])
    print(f"challenger, {against}: RMSE in minutes on the trips of the validation month")
    return os.EX_OK


def _row(metrics: Metrics, other: Metrics | None) -> list[str]:
    against = other["rmse_min"] if other else metrics["baseline_rmse_min"]
    return [
        metrics["service"],
        metrics["month"],
        f"{metrics['train_rows']:,}",
        metrics["validation_month"],
        f"{metrics['rows']:,}",
        f"{metrics['rmse_min']:.3f}",
        f"{against:.3f}",
        f"{1 - metrics['rmse_min'] / against:.1%}",
    ]


def _metrics(directory: Path, service: str, month: str) -> Metrics | None:
    try:
        metrics: Metrics = files.read_json(directory / targets.run_file(service, month, "metrics.json"))
        return metrics
    except (FileNotFoundError, ValueError):
        return None
