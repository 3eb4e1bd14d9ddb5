"""How far predictions are off, in minutes: over all trips, and by hour, distance band and borough."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..data.zones import Zones

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..base.file_types import Errors

DISTANCE_BANDS_MI = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)  # a band is above one of these, up to the next
UNKNOWN = "Unknown"


def errors(prediction: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> Errors:
    """Return RMSE, mean absolute error, bias (mean prediction minus target) and 90th percentile of absolute error."""
    residual = prediction - target
    return {
        "rmse_min": float(np.sqrt(np.mean(residual**2))),
        "mae_min": float(np.mean(np.abs(residual))),
        "bias_min": float(np.mean(residual)),
        "p90_abs_min": float(np.quantile(np.abs(residual), 0.9)),
        "rows": len(residual),
    }


class Segment(NamedTuple):
    """One partition of trips into segments: `codes` has the position in `names` for each trip."""

    codes: npt.NDArray[np.int16]
    names: list[str]


def errors_by(
    segment: Segment, prediction: npt.NDArray[np.float64], target: npt.NDArray[np.float64]
) -> dict[str, Errors]:
    """Return the errors of each segment that has trips."""
    masks = {name: segment.codes == code for code, name in enumerate(segment.names)}
    return {name: errors(prediction[mask], target[mask]) for name, mask in masks.items() if mask.any()}


def segments(
    hour: npt.NDArray[Any],
    distance_mi: npt.NDArray[np.float64],
    pickup_zone: npt.NDArray[np.int64],
    zones: Zones | None,
) -> dict[str, Segment]:
    """Return the segments of trips by hour, by distance band and, if `zones` are given, by pick-up borough."""
    bands = [f"{low:g}-{high:g}" for low, high in pairwise(DISTANCE_BANDS_MI)]
    bands += [f"{DISTANCE_BANDS_MI[-1]:g}-", "missing"]
    band = np.maximum(np.searchsorted(DISTANCE_BANDS_MI, distance_mi) - 1, 0)
    segments_by_kind = {
        "hour": _segment(hour, [f"{hour:02d}" for hour in range(24)]),
        "distance_mi": _segment(np.where(np.isnan(distance_mi), len(bands) - 1, band), bands),
    }
    if zones:
        boroughs = sorted({*zones.boroughs, UNKNOWN})
        code_of_zone_row = np.array([boroughs.index(name) for name in (*zones.boroughs, UNKNOWN)])
        segments_by_kind["borough"] = _segment(code_of_zone_row[zones.rows(pickup_zone)], boroughs)
    return segments_by_kind


def _segment(codes: npt.NDArray[Any], names: list[str]) -> Segment:
    return Segment(codes.astype(np.int16), names)
