"""Errors of predictions, by task; losses of single rows, of which the deciding errors are means; segments.

A prediction is a number, the probability of the positive class, or for more classes a row of probabilities. A target is
a number, 0 or 1, or the position of a class.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy.typing as npt
    import pandas as pd

    from ..base.file_types import Calibration, Errors, PlaceError, PredictedActual

    Floats = npt.NDArray[np.float64]

SMALLEST = 1e-15  # a probability of 0 has no finite logarithm
MISSING = "missing"
MOST_SEGMENTS = 50  # of a category: the most frequent values; the others share one segment
OTHERS = "others"
BINS = 10  # of predicted probabilities


def losses(metric: str, prediction: Floats, target: Floats) -> Floats:
    """Return the loss of each row for a deciding error (base/tasks.py): its mean, or the root of it, is the error."""
    if metric in ("rmse", "mae"):
        residual: Floats = prediction - target
        return residual**2 if metric == "rmse" else np.abs(residual)
    if prediction.ndim == 1:
        of_target = np.where(target == 1, prediction, 1 - prediction)
    else:
        of_target = prediction[np.arange(len(target)), target.astype(np.intp)]
    if metric == "log_loss":
        nats: Floats = -np.log(np.maximum(of_target, SMALLEST))
        return nats
    if prediction.ndim == 1:
        return losses("rmse", prediction, target)
    # Brier 1950: the sum over classes of (probability - 1 or 0) ** 2.
    squares: Floats = np.sum(prediction**2, axis=1) - 2 * of_target + 1
    return squares


def error_of(metric: str, mean_loss: Floats | float) -> Any:
    """Return the error for means of `losses`."""
    return np.sqrt(mean_loss) if metric == "rmse" else mean_loss


def errors(prediction: Floats, target: Floats, task: str) -> Errors:
    """Return all errors: prediction minus target; those that are undefined, such as of a single class, are left out.

    Regression: rmse, mae, bias (mean), p90_abs (90th percentile of the absolute error), r2. Classes: log_loss, brier,
    accuracy; of two also roc_auc and average_precision (sklearn.metrics).
    """
    if task == "regression":
        residual = prediction - target
        squares, variation = float(np.mean(residual**2)), float(np.var(target))
        measured: Errors = {
            "rows": len(residual),
            "rmse": float(np.sqrt(squares)),
            "mae": float(np.mean(np.abs(residual))),
            "bias": float(np.mean(residual)),
            "p90_abs": float(np.quantile(np.abs(residual), 0.9)),
        }
        return {**measured, "r2": 1 - squares / variation} if variation > 0 else measured
    measured = {
        "rows": len(target),
        "log_loss": float(np.mean(losses("log_loss", prediction, target))),
        "brier": float(np.mean(losses("brier", prediction, target))),
        "accuracy": float(np.mean(predicted_class(prediction) == target)),
    }
    if prediction.ndim == 1 and 0 < target.mean() < 1:
        from sklearn.metrics import average_precision_score, roc_auc_score  # `compare` of a regression needs neither

        measured["roc_auc"] = float(roc_auc_score(target, prediction))
        measured["average_precision"] = float(average_precision_score(target, prediction))
    return measured


def predicted_class(prediction: Floats) -> npt.NDArray[np.integer[Any]]:
    """Return the position of the most probable class of each row."""
    return (prediction >= 0.5).astype(np.int64) if prediction.ndim == 1 else prediction.argmax(axis=1)


class Segment(NamedTuple):
    """One partition of rows into segments: `codes` has the position in `names` for each row."""

    codes: npt.NDArray[np.int32]
    names: list[str]

    def rows(self) -> dict[str, npt.NDArray[np.intp]]:
        """Return the rows of each segment that has some, in the order of `names`."""
        order = np.argsort(self.codes, kind="stable")
        ends = np.searchsorted(self.codes[order], np.arange(len(self.names) + 1))
        return {
            name: order[ends[code] : ends[code + 1]]
            for code, name in enumerate(self.names)
            if ends[code] < ends[code + 1]
        }


def by_band(values: Floats, edges: Sequence[float]) -> Segment:
    """Return rows by band: above one of the edges, up to the next one; the first band has everything up to its end."""
    names = [f"{low:g}-{high:g}" for low, high in pairwise(edges)] + [f"{edges[-1]:g}-", MISSING]
    band = np.maximum(np.searchsorted(edges, values) - 1, 0)
    return Segment(np.where(np.isnan(values), len(names) - 1, band).astype(np.int32), names)


def by_value(values: pd.Series[Any], is_hour: bool = False) -> Segment:
    """Return rows by value, in order; of many values the most frequent ones, and the others together."""
    import pandas as pd

    codes, uniques = pd.factorize(values, use_na_sentinel=False)
    is_code = values.dtype.kind == "i"  # a missing one is -1
    name_of_unique = np.array([_name_of(value, is_hour, is_code) for value in uniques], object)
    name_codes, unique_names = pd.factorize(name_of_unique)  # a text can be `missing`, too
    codes, names = name_codes[codes], unique_names.tolist()
    counts = np.bincount(codes, minlength=len(names))
    ranked = sorted(range(len(names)), key=lambda code: (names[code] == OTHERS, -counts[code], names[code]))
    kept = sorted(ranked[:MOST_SEGMENTS], key=lambda code: _order(names[code]))
    position = np.full(len(names), len(kept), np.int32)
    position[kept] = np.arange(len(kept))
    return Segment(position[codes], [names[code] for code in kept] + [OTHERS] * (len(names) > len(kept)))


def _name_of(value: object, is_hour: bool, is_code: bool) -> str:
    if value is None or value != value or (is_code and value == -1):
        return MISSING
    if isinstance(value, str):
        return value
    return f"{int(value):02d}" if is_hour else f"{value:.15g}"  # type: ignore[call-overload]  # a number of numpy


def _order(name: str) -> tuple[bool, float, str]:
    try:
        return name in (MISSING, OTHERS), float(name), name
    except ValueError:
        return name in (MISSING, OTHERS), 0.0, name


def errors_by(segment: Segment, prediction: Floats, target: Floats, task: str) -> dict[str, Errors]:
    """Return the errors of each segment that has rows."""
    return {name: errors(prediction[rows], target[rows], task) for name, rows in segment.rows().items()}


def errors_by_place(places: npt.NDArray[np.int64], loss: Floats, metric: str) -> dict[str, PlaceError]:
    """Return the number of rows and the error of each place; `loss` has one per row. Missing ones are left out."""
    known, codes = np.unique(places, return_inverse=True)
    counts = np.bincount(codes)
    error = error_of(metric, np.bincount(codes, loss) / counts)
    triples = zip(known.tolist(), counts.tolist(), error.tolist(), strict=True)
    return {str(place): {"rows": rows, "error": place_error} for place, rows, place_error in triples if place >= 0}


def predicted_actual(prediction: Floats, target: Floats) -> PredictedActual:
    """Return first edge and width of bins, and `counts[i][j]`: rows in predicted bin i and actual bin j."""
    from ..data.bins import NUMBER, cover

    low, high = np.quantile(target, (0.002, 0.998)).tolist()
    value_bins = cover(min(low, 0.0), high, NUMBER)
    cell = value_bins.of(prediction) * value_bins.number + value_bins.of(target)
    counts = np.bincount(cell, minlength=value_bins.number**2).reshape(value_bins.number, value_bins.number)
    return {"first": value_bins.first, "width": value_bins.width, "counts": counts.tolist()}


def calibration(prediction: Floats, target: Floats) -> list[Calibration]:
    """Return for each bin of predicted probability its rows, the mean probability and the share that was right.

    Of two classes, the probability of the positive one; of more, that of the predicted class.
    """
    is_right = target == 1 if prediction.ndim == 1 else predicted_class(prediction) == target
    probability = prediction if prediction.ndim == 1 else prediction.max(axis=1)
    position = np.minimum((probability * BINS).astype(np.intp), BINS - 1)
    rows = np.bincount(position, minlength=BINS)
    predicted, actual = (
        np.bincount(position, values, BINS) / np.maximum(rows, 1) for values in (probability, is_right)
    )
    return [
        {"rows": int(rows[i]), "predicted": float(predicted[i]), "actual": float(actual[i])}
        for i in range(BINS)
        if rows[i]
    ]


def confusion(prediction: Floats, target: Floats, classes: int) -> list[list[int]]:
    """Return `counts[i][j]`: rows of which class i was predicted and class j is the actual one."""
    cell = predicted_class(prediction) * classes + target.astype(np.int64)
    counts: list[list[int]] = np.bincount(cell, minlength=classes**2).reshape(classes, classes).tolist()
    return counts


def segments_of(features: Mapping[str, Any], segments: Mapping[str, Sequence[float] | None]) -> dict[str, Segment]:
    """Return the segments that config names; `features` has a pandas Series for each of them."""
    return {
        name: by_band(features[name].to_numpy(np.float64, na_value=np.nan), edges)
        if edges
        else by_value(features[name], name == "hour")
        for name, edges in segments.items()
    }
