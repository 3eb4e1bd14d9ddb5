"""Predict with a fitted model and measure its errors and those of the naive baseline."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.pipeline import Pipeline

from ..base import files
from ..base.exits import BadData
from ..data import tables
from ..job.provenance import provenance
from . import frames, metrics, model_files
from .baseline import GroupMean

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..base.file_types import Evaluation, Model, Training

    Floats = npt.NDArray[np.float64]


class Predicted(NamedTuple):
    """Predictions for the rows of a month, in order; of more than two classes, one column of probabilities each."""

    rows: npt.NDArray[np.int64]
    prediction: Floats
    target: Floats

    def table(self) -> pa.Table:
        """Return the content of validation.parquet or predictions.parquet."""
        arrays = {"row": self.rows} | prediction_columns(self.prediction) | {"target": self.target}
        return pa.table({name: pa.array(np.ascontiguousarray(values)) for name, values in arrays.items()})


def prediction_columns(prediction: Floats) -> dict[str, Floats]:
    """Return predictions by column: `prediction`, or `prediction_0`, `prediction_1`, ... for the classes."""
    if prediction.ndim == 1:
        return {"prediction": prediction}
    return {f"prediction_{code}": prediction[:, code] for code in range(prediction.shape[1])}


def evaluate_month(job: argparse.Namespace, fit: Training | Model, month: str) -> tuple[Predicted, Evaluation]:
    """Return `evaluate` of the model and features of a job; `fit` has the recipe and columns of the model.

    Raises BadData if the features, which are those of `month`, have no rows.
    """
    if not pq.read_metadata(job.features).num_rows:
        run_month = f"{job.settings['dataset']} {job.settings['month']}"
        raise BadData(f"{run_month}: no row in {month} to measure on; look at its quality.json")
    return evaluate(
        model_files.load(job.model, fit["recipe"]),
        model_files.load(job.baseline),
        frames.batches(job.features),
        fit["columns"],
        job.settings,
    )


def predict(model: Pipeline | GroupMean, features: pd.DataFrame, columns: Sequence[str], task: str) -> Floats:
    """Return the prediction for each row of `features` (metrics.py); the model gets `columns` only (all if empty)."""
    with model_files.one_blas_thread():
        seen = features[list(columns)] if columns else features
        if task == "regression":
            numbers: Floats = model.predict(seen)
            return numbers
        shares: Floats = model.predict_proba(seen)
    return shares[:, 1] if task == "binary" else shares


def evaluate(
    model: Pipeline | GroupMean,
    baseline: GroupMean,
    batches: Iterable[pd.DataFrame],
    columns: list[str],
    settings: Mapping[str, Any],
) -> tuple[Predicted, Evaluation]:
    """Return the predictions, and the errors of `model` and of `baseline` over all batches.

    `settings` are those of the job. `unseen_rows` counts rows whose value of the baseline's first feature is new.
    """
    task, metric, segments, place = (settings[name] for name in ("task", "metric", "segments", "places"))
    seen_by_name: dict[str, list[pd.Series[Any]]] = {name: [] for name in {*segments, *filter(None, [place])}}
    parts, naive_parts, unseen = [], [], 0
    for features in batches:
        rows, target = (features[name].to_numpy() for name in ("row", "target"))
        parts.append(Predicted(rows, predict(model, features, columns, task), target))
        naive_parts.append(predict(baseline, features, [], task))
        unseen += int(np.count_nonzero(~baseline.knows(features)))
        for name, values in seen_by_name.items():
            values.append(features[name])
    predicted = Predicted(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    _, prediction, target = predicted
    column_by_name = {name: _joined(values) for name, values in seen_by_name.items()}
    measured: dict[str, Any] = {
        **{name: settings[name] for name in ("task", "metric", "unit")},
        **metrics.errors(prediction, target, task),
        "baseline": metrics.errors(np.concatenate(naive_parts), target, task),
        "unseen_rows": unseen,
        "by": {
            kind: metrics.errors_by(segment, prediction, target, task)
            for kind, segment in metrics.segments_of(column_by_name, segments).items()
        },
        "places": {},
        **_shapes(predicted, settings),
    }
    if place:
        loss = metrics.losses(metric, prediction, target)
        measured["places"] = metrics.errors_by_place(column_by_name[place].to_numpy(np.int64), loss, metric)
    return predicted, cast("Evaluation", measured)


def _shapes(predicted: Predicted, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page draws: predicted against actual numbers, or calibration and confusion of classes."""
    prediction, target, classes = predicted.prediction, predicted.target, settings["classes"]
    if settings["task"] == "regression":
        return {"predicted_actual": metrics.predicted_actual(prediction, target)}
    return {
        "classes": classes,
        "calibration": metrics.calibration(prediction, target),
        "confusion": metrics.confusion(prediction, target, len(classes)),
    }


def _joined(parts: list[pd.Series[Any]]) -> pd.Series[Any]:
    if isinstance(parts[0].dtype, pd.CategoricalDtype):
        return pd.Series(pd.api.types.union_categoricals(parts))
    return pd.concat(parts, ignore_index=True)


def write(
    job: argparse.Namespace, rows_path: str, predicted: Predicted, errors_path: str, measured: Mapping[str, Any]
) -> None:
    """Write the predictions as parquet, the errors as JSON, and the provenance of the job."""
    table = predicted.table()
    tables.write(rows_path, table.schema, table.to_batches())
    files.write_json(errors_path, measured)
    files.write_json(job.provenance, provenance())
