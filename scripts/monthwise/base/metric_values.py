"""The error that decides, out of a file that has several, and errors in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

NAMES = {
    "rmse": "RMSE",
    "mae": "MAE",
    "log_loss": "log loss",
    "brier": "Brier score",
    "bias": "bias",
    "p90_abs": "90th percentile of the absolute error",
    "r2": "R2",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "accuracy": "accuracy",
}
IN_UNITS = ("rmse", "mae", "bias", "p90_abs")  # of the target


def deciding(measured: Mapping[str, Any], of_baseline: bool = False) -> float:
    """Return the error that decides: of the model in metrics.json or live.json, or of its baseline."""
    return value_of(measured["baseline"] if of_baseline else measured, measured["metric"])


def value_of(errors: Mapping[str, Any], metric: str) -> float:
    """Return one of several errors."""
    return float(errors[metric])


def excess(live_error: float, validation_error: float) -> float:
    """Return by which share a live error exceeds the validation error; 0 if both are 0."""
    return live_error / validation_error - 1 if validation_error else float(live_error > 0)


def in_words(measured: Mapping[str, Any], error: float, decimals: int = 3) -> str:
    """Return an error with its name and unit, such as `RMSE 5.123 EUR`; `measured` has `metric` and `unit`."""
    return f"{NAMES[measured['metric']]} {with_unit(measured, error, decimals)}"


def with_unit(measured: Mapping[str, Any], error: float, decimals: int = 3) -> str:
    """Return an error with its unit."""
    return f"{error:.{decimals}f} {unit_of(measured)}".rstrip()


def unit_of(measured: Mapping[str, Any]) -> str:
    """Return the unit of the deciding error: that of the target, or none."""
    return str(measured["unit"]) if measured["metric"] in IN_UNITS else ""
