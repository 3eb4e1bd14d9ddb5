"""Measure a fitted model on one month of features, beside the naive baseline."""

import pyarrow.parquet as pq
from monthwise import evaluation, files, models, program, unlike, zones
from monthwise.evaluation import evaluate
from monthwise.exits import BadData
from monthwise.provenance import provenance


def main(job) -> str:
    settings, training = job.settings, files.read_json(job.training)
    where = f"{settings['service']} {settings['month']}"
    if not pq.read_metadata(job.features).num_rows:
        raise BadData(f"{where}: no trip in {settings['validation_month']} to measure on; look at its quality.json")
    trips, metrics = evaluate(
        models.load(job.model, training["recipe"]),
        models.load(job.baseline),
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
    counts = {name: unlike.count(name, pq.read_table(features, columns=[name]).column(name)) for name in trained}
    measured = {name: of for name, of in counts.items() if of}
    return unlike.warnings(trained, measured, ", ".join(training["months"]), validation_month)


if __name__ == "__main__":
    program.run(
        main,
        inputs=("model", "baseline", "training", "features", "zones"),
        outputs=("validation", "metrics", "provenance"),
        many=("zones",),
    )
