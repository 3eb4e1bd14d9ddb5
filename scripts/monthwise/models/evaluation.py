"""What a fitted model predicts for features, and how far off that is beside the naive baseline."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.pipeline import Pipeline

from ..data import tables
from ..data.bins import Bins, cover
from ..data.zones import Zones
from . import model_files
from .baseline import PairMean
from .errors import Segment, errors, errors_by, segments

BATCH_ROWS = 1 << 20  # what is held in memory at once, beside the predictions
BINS = 30  # of real durations, about, and as many of predicted ones


def batches(path: str) -> Iterator[pd.DataFrame]:
    """Yield the features in a file."""
    return (batch.to_pandas() for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS))


def predict(model: Pipeline | PairMean, features: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Return minutes for each row of `features`; the model sees `columns` alone (none are named: all)."""
    with model_files.one_blas_thread():
        return model.predict(features[columns] if columns else features)


def evaluate(
    model: Pipeline | PairMean,
    baseline: PairMean,
    batches: Iterable[pd.DataFrame],
    columns: list[str],
    places: Zones | None,
) -> tuple[pd.DataFrame, dict]:
    """Return trip by trip (`trip`, `prediction_min`, `duration_min`) and the errors of `model` on batches of features.

    Errors are in minutes. Trips whose zone pair the model never saw are counted in `unseen_pairs`; `zones` has the
    error of each pick-up zone, `predicted_real` how many trips of a predicted duration had which real one.
    """
    parts, kinds, rows = [], [], []
    for features in batches:
        part = {"trip": features["trip"], "prediction_min": predict(model, features, columns)}
        part |= {"duration_min": features["duration_min"]}
        part |= {"baseline_min": baseline.predict(features), "is_new_pair": ~baseline.knows_pair(features)}
        parts.append(pd.DataFrame(part))
        where = (features["hour"], features["distance_mi"].astype(float), features["pickup_zone"])
        kinds.append(segments(*(column.to_numpy() for column in where), places))
        if places:
            rows.append(places.rows(features["pickup_zone"].to_numpy()).astype(np.int32))
    trips = pd.concat(parts, ignore_index=True)
    prediction, target = trips["prediction_min"].to_numpy(), trips["duration_min"].to_numpy()
    by = {
        kind: Segment(np.concatenate([each[kind].codes for each in kinds]), segment.names)
        for kind, segment in kinds[0].items()
    }
    measured = errors(prediction, target) | {
        "baseline_rmse_min": errors(trips.pop("baseline_min").to_numpy(), target)["rmse_min"],
        "unseen_pairs": int(trips.pop("is_new_pair").sum()),
        "by": {kind: errors_by(segment, prediction, target) for kind, segment in by.items()},
        "predicted_real": predicted_real(prediction, target),
        "zones": errors_by_zone(places, np.concatenate(rows), prediction, target) if places else {},
    }
    return trips, measured


def predicted_real(prediction: np.ndarray, target: np.ndarray) -> dict:
    """Return `width_min` of the bins, and `counts`: for each bin of predicted minutes, the trips in each real one."""
    each: Bins = cover(0.0, float(target.max()), BINS)
    cell = each.of(prediction) * each.count + each.of(target)
    counts = np.bincount(cell, minlength=each.count**2).reshape(each.count, each.count)
    return {"width_min": each.width, "counts": counts.tolist()}


def errors_by_zone(places: Zones, rows: np.ndarray, prediction: np.ndarray, target: np.ndarray) -> dict[str, dict]:
    """Return trips and error of each zone that has trips, by its id; `rows` are those of the trips among the zones."""
    count = np.bincount(rows, minlength=len(places.ids) + 1)
    rmse = np.sqrt(np.bincount(rows, (prediction - target) ** 2, len(count)) / np.maximum(count, 1))
    known = zip(places.ids.tolist(), count.tolist(), rmse.tolist(), strict=False)  # the last one is of no known zone
    return {str(zone): {"rows": trips, "rmse_min": error} for zone, trips, error in known if trips}


def write(path: str, trips: pd.DataFrame) -> None:
    """Write predictions trip by trip."""
    table = pa.Table.from_pandas(trips, preserve_index=False).replace_schema_metadata()
    tables.write(path, table.schema, table.to_batches())
