"""Measure a fitted model on one month of features, beside the naive baseline."""

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
    where = f"{settings['service']} {settings['month']}"
    if not pq.read_metadata(job.features).num_rows:
        raise BadData(f"{where}: no trip in {settings['validation_month']} to measure on; look at its quality.json")
    trips, metrics = evaluate(
        model_files.load(job.model, training["recipe"]),
        model_files.load(job.baseline),
        evaluation.batches(job.features),
        training["columns"],
        zones.read(job.zones[0] if job.zones else None),
    )
    metrics |= {key: training[key] for key in ("months", "recipe", "rows_available", "train_rows")}
    metrics |= {key: settings[key] for key in ("service", "month", "validation_month")}
    if "categories" in training:  # a model that an older version trained lacks it, and its metrics stay what they were
        metrics["warnings"] = warnings(training, job.features, settings["validation_month"])
    evaluation.write(job.validation, trips)
    files.write_json(job.metrics, metrics)
    files.write_json(job.provenance, provenance())
    warned = f"; {len(metrics['warnings'])} warnings in metrics.json" if metrics.get("warnings") else ""
    return (
        f"{where}: RMSE {metrics['rmse_min']:.3f} min on {metrics['rows']:,} trips of {settings['validation_month']}"
        f" (naive baseline {metrics['baseline_rmse_min']:.3f}){warned}"
    )


def warnings(training: dict, features: str, validation_month: str) -> list[dict]:
    """Return what is unlike the trips that the model was trained on (unlike.py)."""
    trained = training["categories"]
    counts = {name: distributions.count(name, pq.read_table(features, columns=[name]).column(name)) for name in trained}
    measured = {name: of for name, of in counts.items() if of}
    return distributions.warnings(trained, measured, ", ".join(training["months"]), validation_month)


if __name__ == "__main__":
    command_line.run(
        main,
        inputs=("model", "baseline", "training", "features", "zones"),
        outputs=("validation", "metrics", "provenance"),
        many=("zones",),
    )
