"""How far predictions are off, in minutes: over all trips, and by hour, distance band and borough."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..data.zones import Zones

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


class Segment(NamedTuple):
    """One way to cut trips into segments: for each trip the position of its segment's name."""

    codes: np.ndarray
    names: list[str]


def errors_by(segment: Segment, prediction: np.ndarray, target: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the errors of each segment that has trips."""
    masks = {name: segment.codes == code for code, name in enumerate(segment.names)}
    return {name: errors(prediction[mask], target[mask]) for name, mask in masks.items() if mask.any()}


def segments(
    hour: np.ndarray, distance_mi: np.ndarray, pickup_zone: np.ndarray, zones: Zones | None
) -> dict[str, Segment]:
    """Return how trips fall into hours, distance bands and, where there are `zones`, pick-up boroughs."""
    bands = [f"{low:g}-{high:g}" for low, high in pairwise(DISTANCE_BANDS_MI)]
    bands += [f"{DISTANCE_BANDS_MI[-1]:g}-", "missing"]
    band = np.maximum(np.searchsorted(DISTANCE_BANDS_MI, distance_mi) - 1, 0)
    found = {
        "hour": _segment(hour, [f"{hour:02d}" for hour in range(24)]),
        "distance_mi": _segment(np.where(np.isnan(distance_mi), len(bands) - 1, band), bands),
    }
    if zones:
        boroughs = sorted({*zones.boroughs, UNKNOWN})
        of_row = np.array([boroughs.index(name) for name in (*zones.boroughs, UNKNOWN)])
        found["borough"] = _segment(of_row[zones.rows(pickup_zone)], boroughs)
    return found


def _segment(codes: np.ndarray, names: list[str]) -> Segment:
    return Segment(codes.astype(np.int16), names)
