"""Measure a fitted model on one month of features, beside the naive baseline."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from monthwise import files, models, program, tables, zones
from monthwise.baseline import PairMean
from monthwise.errors import errors, errors_by, segments
from monthwise.exits import BadData
from monthwise.zones import Zones
from sklearn.pipeline import Pipeline


def evaluate(
    model: Pipeline,
    baseline: PairMean,
    features: pd.DataFrame,
    columns: list[str],
    places: Zones | None,
) -> tuple[pd.DataFrame, dict]:
    """Return trip by trip (`trip`, `prediction_min`, `duration_min`) and the errors of `model` on `features`.

    Errors are in minutes. Trips whose zone pair the model never saw are counted in `unseen_pairs`.
    """
    target = features["duration_min"].to_numpy()
    with models.one_blas_thread():
        prediction = model.predict(features[columns])
    measured = errors(prediction, target) | {
        "baseline_rmse_min": errors(baseline.predict(features), target)["rmse_min"],
        "unseen_pairs": int((~baseline.knows_pair(features)).sum()),
        "by": {kind: errors_by(segment, prediction, target) for kind, segment in segments(features, places).items()},
    }
    trips = pd.DataFrame({"trip": features["trip"], "prediction_min": prediction, "duration_min": target})
    return trips, measured


def main(job) -> str:
    settings, training = job.settings, files.read_json(job.training)
    features = pq.read_table(job.features).to_pandas()
    where = f"{settings['service']} {settings['month']}"
    if features.empty:
        raise BadData(f"{where}: no trip in {settings['validation_month']} to measure on; look at its quality.json")
    trips, metrics = evaluate(
        models.load(job.model, training["recipe"]),
        models.load(job.baseline),
        features,
        training["columns"],
        zones.read(job.zones[0] if job.zones else None),
    )
    metrics |= {key: training[key] for key in ("months", "recipe", "rows_available", "train_rows")}
    metrics |= {key: settings[key] for key in ("service", "month", "validation_month")}
    predictions = pa.Table.from_pandas(trips, preserve_index=False).replace_schema_metadata()
    tables.write(job.validation, predictions.schema, predictions.to_batches())
    files.write_json(job.metrics, metrics)
    return (
        f"{where}: RMSE {metrics['rmse_min']:.3f} min on {metrics['rows']:,} trips of {settings['validation_month']}"
        f" (naive baseline {metrics['baseline_rmse_min']:.3f})"
    )


if __name__ == "__main__":
    program.run(
        main,
        inputs=("model", "baseline", "training", "features", "zones"),
        outputs=("validation", "metrics"),
        many=("zones",),
    )
