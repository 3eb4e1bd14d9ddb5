"""Measure a fitted model and the naive baseline on one month of features."""

import pyarrow.parquet as pq
from monthwise.base import files
from monthwise.data import distributions
from monthwise.job import command_line
from monthwise.models import evaluation


def main(job) -> str:
    settings, training = job.settings, files.read_json(job.training)
    month = settings["validation_month"]
    trips, metrics = evaluation.evaluate_month(job, training, month)
    metrics |= {key: training[key] for key in ("months", "recipe", "rows_available", "train_rows")}
    metrics |= {key: settings[key] for key in ("service", "month", "validation_month")}
    if "categories" in training:  # models trained by an older version lack it; their metrics stay unchanged
        metrics["warnings"] = warnings(training, job.features, month)
    evaluation.write(job, job.validation, trips, job.metrics, metrics)
    warning_note = f"; {len(metrics['warnings'])} warnings in metrics.json" if metrics.get("warnings") else ""
    return (
        f"{settings['service']} {settings['month']}: RMSE {metrics['rmse_min']:.3f} min on {metrics['rows']:,} trips of"
        f" {month} (naive baseline {metrics['baseline_rmse_min']:.3f}){warning_note}"
    )


def warnings(training: dict, features: str, validation_month: str) -> list[dict]:
    """Return how the trips differ from those that the model was trained on (data/distributions.py)."""
    trained = training["categories"]
    counts = {name: distributions.count(name, pq.read_table(features, columns=[name]).column(name)) for name in trained}
    measured = {name: category_counts for name, category_counts in counts.items() if category_counts}
    return distributions.warnings(trained, measured, ", ".join(training["months"]), validation_month)


if __name__ == "__main__":
    command_line.run(
        main,
        inputs=("model", "baseline", "training", "features", "zones"),
        outputs=("validation", "metrics", "provenance"),
        many=("zones",),
    )
