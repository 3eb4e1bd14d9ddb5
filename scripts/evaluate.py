"""Measure a fitted model and the naive baseline on one month of features."""

import pyarrow.parquet as pq
from monthwise.base import files
from monthwise.base.exits import BadData
from monthwise.data import distributions, zones
from monthwise.job import command_line
from monthwise.job.provenance import provenance
from monthwise.models import evaluation, model_files
from monthwise.models.evaluation import evaluate


def main(job) -> str:
    settings, training = job.settings, files.read_json(job.training)
    label = f"{settings['service']} {settings['month']}"
    if not pq.read_metadata(job.features).num_rows:
        raise BadData(f"{label}: no trip in {settings['validation_month']} to measure on; look at its quality.json")
    trips, metrics = evaluate(
        model_files.load(job.model, training["recipe"]),
        model_files.load(job.baseline),
        evaluation.batches(job.features),
        training["columns"],
        zones.read(job.zones[0] if job.zones else None),
    )
    metrics |= {key: training[key] for key in ("months", "recipe", "rows_available", "train_rows")}
    metrics |= {key: settings[key] for key in ("service", "month", "validation_month")}
    if "categories" in training:  # models trained by an older version lack it; their metrics stay unchanged
        metrics["warnings"] = warnings(training, job.features, settings["validation_month"])
    evaluation.write(job.validation, trips)
    files.write_json(job.metrics, metrics)
    files.write_json(job.provenance, provenance())
    warning_note = f"; {len(metrics['warnings'])} warnings in metrics.json" if metrics.get("warnings") else ""
    return (
        f"{label}: RMSE {metrics['rmse_min']:.3f} min on {metrics['rows']:,} trips of {settings['validation_month']}"
        f" (naive baseline {metrics['baseline_rmse_min']:.3f}){warning_note}"
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
