"""Measure a fitted model on one month of features, beside the naive baseline."""

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from monthwise import files, models, program, tables, zones
from monthwise.baseline import PairMean
from monthwise.errors import errors, errors_by, segments
from monthwise.exits import BadData
from monthwise.zones import Zones
from pandas.api.types import union_categoricals
from sklearn.pipeline import Pipeline

BATCH_ROWS = 1 << 20  # what is held in memory at once, beside the predictions


def evaluate(
    model: Pipeline,
    baseline: PairMean,
    batches: Iterable[pd.DataFrame],
    columns: list[str],
    places: Zones | None,
) -> tuple[pd.DataFrame, dict]:
    """Return trip by trip (`trip`, `prediction_min`, `duration_min`) and the errors of `model` on batches of features.

    Errors are in minutes. Trips whose zone pair the model never saw are counted in `unseen_pairs`.
    """
    parts, kinds = [], []
    for features in batches:
        with models.one_blas_thread():
            prediction = model.predict(features[columns])
        part = {"trip": features["trip"], "prediction_min": prediction, "duration_min": features["duration_min"]}
        part |= {"baseline_min": baseline.predict(features), "is_new_pair": ~baseline.knows_pair(features)}
        parts.append(pd.DataFrame(part))
        kinds.append(segments(features, places))
    trips = pd.concat(parts, ignore_index=True)
    prediction, target = trips["prediction_min"].to_numpy(), trips["duration_min"].to_numpy()
    by = {kind: union_categoricals([each[kind] for each in kinds]) for kind in kinds[0]}
    measured = errors(prediction, target) | {
        "baseline_rmse_min": errors(trips.pop("baseline_min").to_numpy(), target)["rmse_min"],
        "unseen_pairs": int(trips.pop("is_new_pair").sum()),
        "by": {kind: errors_by(segment, prediction, target) for kind, segment in by.items()},
    }
    return trips, measured


def main(job) -> str:
    settings, training = job.settings, files.read_json(job.training)
    where = f"{settings['service']} {settings['month']}"
    features = pq.ParquetFile(job.features)
    if not features.metadata.num_rows:
        raise BadData(f"{where}: no trip in {settings['validation_month']} to measure on; look at its quality.json")
    trips, metrics = evaluate(
        models.load(job.model, training["recipe"]),
        models.load(job.baseline),
        (batch.to_pandas() for batch in features.iter_batches(BATCH_ROWS)),
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
