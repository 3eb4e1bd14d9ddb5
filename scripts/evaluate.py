"""Measure a fitted model and the naive baseline on one month of features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from monthwise.base import files, metric_values
from monthwise.data import distributions
from monthwise.job import command_line
from monthwise.models import evaluation

if TYPE_CHECKING:
    import argparse

    from monthwise.base.file_types import Difference, Metrics, Training


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    training: Training = files.read_json(job.training)
    month = settings["validation_month"]
    predicted, measured = evaluation.evaluate_month(job, training, month)
    metrics: Metrics = {
        **measured,
        "dataset": settings["dataset"],
        "month": settings["month"],
        "validation_month": month,
        "months": training["months"],
        "recipe": training["recipe"],
        "rows_available": training["rows_available"],
        "train_rows": training["train_rows"],
        "warnings": warnings(training, job.features, month),
    }
    evaluation.write(job, job.validation, predicted, job.metrics, metrics)
    warning_note = f"; {len(metrics['warnings'])} warnings in metrics.json" if metrics["warnings"] else ""
    error, baseline = metric_values.deciding(metrics), metric_values.deciding(metrics, of_baseline=True)
    return (
        f"{settings['dataset']} {settings['month']}: {metric_values.in_words(metrics, error)} on"
        f" {metrics['rows']:,} rows of {month} (naive baseline {baseline:.3f}){warning_note}"
    )


def warnings(training: Training, features: str, validation_month: str) -> list[Difference]:
    """Return how the rows differ from those that the model was trained on (data/distributions.py)."""
    trained = training["categories"]
    counts = {name: distributions.count(pq.read_table(features, columns=[name]).column(name)) for name in trained}
    measured = {name: category_counts for name, category_counts in counts.items() if category_counts}
    return training["leaks"] + distributions.warnings(
        trained, measured, ", ".join(training["months"]), validation_month
    )


if __name__ == "__main__":
    command_line.run(
        main,
        inputs=("model", "baseline", "training", "features"),
        outputs=("validation", "metrics", "provenance"),
    )
