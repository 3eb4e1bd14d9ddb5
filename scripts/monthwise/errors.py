"""How far predictions are off, in minutes: over all trips, and by hour, distance band and borough."""

from itertools import pairwise

import numpy as np
import pandas as pd

from .zones import Zones

DISTANCE_BANDS_MI = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)  # each from above one of these to the next
UNKNOWN = "Unknown"


def errors(prediction: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Return root mean square, mean absolute, mean (prediction minus target) and 90th percentile of absolute error."""
    off = prediction - target
    return {
        "rmse_min": float(np.sqrt(np.mean(off**2))),
        "mae_min": float(np.mean(np.abs(off))),
        "bias_min": float(np.mean(off)),
        "p90_abs_min": float(np.quantile(np.abs(off), 0.9)),
        "rows": len(off),
    }


def errors_by(segments: pd.Categorical, prediction: np.ndarray, target: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the errors of each segment that has trips."""
    masks = {name: segments.codes == code for code, name in enumerate(segments.categories)}
    return {name: errors(prediction[mask], target[mask]) for name, mask in masks.items() if mask.any()}


def segments(features: pd.DataFrame, zones: Zones | None) -> dict[str, pd.Categorical]:
    """Return for each kind of segment (hour, distance band, pick-up borough) the one of every trip."""
    bands = [f"{low:g}-{high:g}" for low, high in pairwise(DISTANCE_BANDS_MI)]
    bands += [f"{DISTANCE_BANDS_MI[-1]:g}-", "missing"]
    distance = features["distance_mi"].to_numpy(float)
    band = np.maximum(np.searchsorted(DISTANCE_BANDS_MI, distance) - 1, 0)
    found = {
        "hour": _categorical(features["hour"].to_numpy(), [f"{hour:02d}" for hour in range(24)]),
        "distance_mi": _categorical(np.where(np.isnan(distance), len(bands) - 1, band), bands),
    }
    if zones:
        boroughs = sorted({*zones.boroughs, UNKNOWN})
        of_row = np.array([boroughs.index(name) for name in (*zones.boroughs, UNKNOWN)])
        found["borough"] = _categorical(of_row[zones.rows(features["pickup_zone"].to_numpy())], boroughs)
    return found


def _categorical(code: np.ndarray, names: list[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(code.astype(np.int16), names)
