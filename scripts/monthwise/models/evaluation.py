"""Predict with a fitted model and measure its errors and those of the naive baseline."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.pipeline import Pipeline

from ..base import files
from ..base.exits import BadData
from ..data import tables, zones
from ..data.bins import Bins, cover
from ..data.zones import Zones
from ..job.provenance import provenance
from . import model_files
from .baseline import PairMean
from .errors import Segment, errors, errors_by, segments

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..base.file_types import Evaluation, Model, PredictedReal, Training, ZoneError

BATCH_ROWS = 1 << 20  # rows in memory at once, besides the predictions
BINS = 30  # approximate number of bins of real durations, and of predicted ones


def evaluate_month(job: argparse.Namespace, fit: Training | Model, month: str) -> tuple[pd.DataFrame, Evaluation]:
    """Return `evaluate` of the model and features of a job; `fit` has the recipe and columns of the model.

    Raises BadData if the features, which are those of `month`, have no rows.
    """
    if not pq.read_metadata(job.features).num_rows:
        run_month = f"{job.settings['service']} {job.settings['month']}"
        raise BadData(f"{run_month}: no trip in {month} to measure on; look at its quality.json")
    return evaluate(
        model_files.load(job.model, fit["recipe"]),
        model_files.load(job.baseline),
        batches(job.features),
        fit["columns"],
        zones.read(job.zones[0] if job.zones else None),
    )


def batches(path: str) -> Iterator[pd.DataFrame]:
    """Yield the features in a file in batches."""
    return (batch.to_pandas() for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS))


def predict(model: Pipeline | PairMean, features: pd.DataFrame, columns: list[str]) -> npt.NDArray[np.float64]:
    """Return predicted minutes for each row of `features`; the model gets `columns` only (all if empty)."""
    with model_files.one_blas_thread():
        minutes: npt.NDArray[np.float64] = model.predict(features[columns] if columns else features)
    return minutes


def evaluate(
    model: Pipeline | PairMean,
    baseline: PairMean,
    batches: Iterable[pd.DataFrame],
    columns: list[str],
    places: Zones | None,
) -> tuple[pd.DataFrame, Evaluation]:
    """Return one row per trip (`trip`, `prediction_min`, `duration_min`), and the errors of `model` over all batches.

    Errors are in minutes. `unseen_pairs` counts trips whose zone pair is not in the training data. `zones` has the
    error of each pick-up zone. `predicted_real` has the number of trips for each predicted and real duration.
    """
    parts, segments_by_batch, zone_rows = [], [], []
    for features in batches:
        part = {"trip": features["trip"], "prediction_min": predict(model, features, columns)}
        part |= {"duration_min": features["duration_min"]}
        part |= {"baseline_min": baseline.predict(features), "is_new_pair": ~baseline.knows_pair(features)}
        parts.append(pd.DataFrame(part))
        hour, pickup_zone = features["hour"].to_numpy(), features["pickup_zone"].to_numpy()
        segments_by_batch.append(segments(hour, features["distance_mi"].to_numpy(float), pickup_zone, places))
        if places:
            zone_rows.append(places.rows(pickup_zone).astype(np.int32))
    trips = pd.concat(parts, ignore_index=True)
    prediction, target = trips["prediction_min"].to_numpy(), trips["duration_min"].to_numpy()
    segments_by_kind = {
        kind: Segment(
            np.concatenate([batch_segments[kind].codes for batch_segments in segments_by_batch]), segment.names
        )
        for kind, segment in segments_by_batch[0].items()
    }
    measured: Evaluation = {
        **errors(prediction, target),
        "baseline_rmse_min": errors(trips.pop("baseline_min").to_numpy(), target)["rmse_min"],
        "unseen_pairs": int(trips.pop("is_new_pair").sum()),
        "by": {kind: errors_by(segment, prediction, target) for kind, segment in segments_by_kind.items()},
        "predicted_real": predicted_real(prediction, target),
        "zones": errors_by_zone(places, np.concatenate(zone_rows), prediction, target) if places else {},
    }
    return trips, measured


def predicted_real(prediction: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> PredictedReal:
    """Return `width_min` of the bins, and `counts[i][j]`: trips in bin i of predicted and bin j of real minutes."""
    duration_bins: Bins = cover(0.0, float(target.max()), BINS)
    cell = duration_bins.of(prediction) * duration_bins.number + duration_bins.of(target)
    counts = np.bincount(cell, minlength=duration_bins.number**2).reshape(duration_bins.number, duration_bins.number)
    return {"width_min": duration_bins.width, "counts": counts.tolist()}


def errors_by_zone(
    places: Zones, rows: npt.NDArray[Any], prediction: npt.NDArray[np.float64], target: npt.NDArray[np.float64]
) -> dict[str, ZoneError]:
    """Return number of trips and error by zone id, for zones with trips; `rows` has the zone row of each trip."""
    count = np.bincount(rows, minlength=len(places.ids) + 1)
    rmse = np.sqrt(np.bincount(rows, (prediction - target) ** 2, len(count)) / np.maximum(count, 1))
    known = zip(
        places.ids.tolist(), count.tolist(), rmse.tolist(), strict=False
    )  # the last entry of count and rmse is of unknown zones
    return {str(zone): {"rows": trips, "rmse_min": error} for zone, trips, error in known if trips}


def write(
    job: argparse.Namespace, trips_path: str, trips: pd.DataFrame, errors_path: str, measured: Evaluation
) -> None:
    """Write one row per trip as parquet, the errors as JSON, and the provenance of the job."""
    table = pa.Table.from_pandas(trips, preserve_index=False).replace_schema_metadata()
    tables.write(trips_path, table.schema, table.to_batches())
    files.write_json(errors_path, measured)
    files.write_json(job.provenance, provenance())
