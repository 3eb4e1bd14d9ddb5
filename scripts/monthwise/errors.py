"""How far predictions are off, in minutes: over all trips, and by hour, distance band and borough."""

import itertools

import numpy as np
import pandas as pd

from .zones import Zones

# Upper ends of the distance bands, in miles.
DISTANCE_BANDS_MI = (1.0, 2.0, 4.0, 8.0, 16.0)


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


def errors_by(segment: pd.Series, prediction: np.ndarray, target: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the errors of each segment that has trips; `segment` names the one of every trip."""
    positions = segment.groupby(segment, observed=True).indices
    return {str(name): errors(prediction[where], target[where]) for name, where in positions.items()}


def segments(features: pd.DataFrame, zones: Zones | None) -> dict[str, pd.Series]:
    """Return for each kind of segment (hour, distance band, pick-up borough) the one of every trip."""
    found = {"hour": features["hour"].map("{:02d}".format), "distance_mi": _bands(features["distance_mi"])}
    if zones:
        boroughs = dict(zip(zones.ids.tolist(), zones.boroughs, strict=True))
        found["borough"] = features["pickup_zone"].map(boroughs).fillna("Unknown")
    return found


def _bands(distance_mi: pd.Series) -> pd.Series:
    ends = [0.0, *DISTANCE_BANDS_MI, np.inf]
    labels = [f"{low:g}-{high:g}" for low, high in itertools.pairwise(ends[:-1])] + [f"{ends[-2]:g}-"]
    bands = pd.cut(distance_mi.astype(float), ends, labels=labels, include_lowest=True).astype(object)
    return bands.where(bands.notna(), "missing")
