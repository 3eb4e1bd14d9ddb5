"""Compare the errors of the challenger and the current champion on the same trips, with a confidence interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from monthwise.base import files
from monthwise.base.exits import BadData
from monthwise.data import tables, zones
from monthwise.job import command_line
from monthwise.models.errors import Segment, errors, segments
from scipy import stats

if TYPE_CHECKING:
    import argparse
    from typing import Any, TypeAlias

    import numpy.typing as npt
    from monthwise.base.file_types import Champion, Comparison, Paired, SegmentErrors

    Rows: TypeAlias = slice | npt.NDArray[np.intp]

RESAMPLES = 2_000
CONFIDENCE = 0.95
SEED = 20_240_229


def difference(challenger: npt.NDArray[np.float64], champion: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how much smaller the challenger's root mean square error is, relative to the champion's.

    Both arguments are sums of squared errors over the same trips, so the number of trips cancels out. Returns 0 if both
    sums are 0.
    """
    squared_ratio = np.divide(challenger, champion, out=np.ones(np.shape(champion)), where=np.asarray(champion) > 0)
    smaller: npt.NDArray[np.float64] = 1 - np.sqrt(squared_ratio)
    return smaller


def interval(challenger_by_day: npt.NDArray[np.float64], champion_by_day: npt.NDArray[np.float64]) -> list[float]:
    """Return the confidence interval of `difference` by a paired bootstrap over days (scipy.stats.bootstrap).

    It resamples days, not trips, because trips of one day share its weather and traffic. Returns (-1, 1) for fewer than
    two days.
    """
    if len(challenger_by_day) < 2:
        return [-1.0, 1.0]
    bounds = stats.bootstrap(
        (challenger_by_day, champion_by_day),
        lambda challenger, champion, axis: difference(challenger.sum(axis), champion.sum(axis)),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return [float(bounds.low), float(bounds.high)]


def compare(
    days: npt.NDArray[Any],
    challenger: npt.NDArray[np.float64],
    champion: npt.NDArray[np.float64],
    target: npt.NDArray[np.float64],
    kinds: dict[str, Segment],
) -> Paired:
    """Return both errors, their relative difference with its interval, and the errors of each segment.

    Each array has one entry per trip: the day of its pick-up, the two predictions and the duration (both in minutes).
    """
    challenger_errors, champion_errors = errors(challenger, target), errors(champion, target)
    _, day_index = np.unique(days, return_inverse=True)
    challenger_by_day, champion_by_day = (
        np.bincount(day_index, weights=(prediction - target) ** 2).astype(np.float64, copy=False)
        for prediction in (challenger, champion)
    )
    return {
        "challenger": challenger_errors,
        "champion": champion_errors,
        "rows": len(target),
        "days": len(challenger_by_day),
        "difference": float(difference(challenger_by_day.sum(), champion_by_day.sum())),
        "interval": interval(challenger_by_day, champion_by_day),
        "by": {kind: _by_segment(segment, challenger, champion, target) for kind, segment in kinds.items()},
    }


def _by_segment(
    segment: Segment,
    challenger: npt.NDArray[np.float64],
    champion: npt.NDArray[np.float64],
    target: npt.NDArray[np.float64],
) -> dict[str, SegmentErrors]:
    rows = np.bincount(segment.codes, minlength=len(segment.names))
    rmse = [
        np.sqrt(np.bincount(segment.codes, (prediction - target) ** 2, len(segment.names)) / np.maximum(rows, 1))
        for prediction in (challenger, champion)
    ]
    return {
        name: {
            "rows": int(count),
            "challenger_rmse_min": float(challenger_rmse),
            "champion_rmse_min": float(champion_rmse),
        }
        for name, count, challenger_rmse, champion_rmse in zip(segment.names, rows, *rmse, strict=True)
        if count
    }


def _columns(path: str, names: list[str]) -> list[npt.NDArray[Any]]:
    table = pq.read_table(path, columns=names).combine_chunks()
    columns = [table.column(name).chunk(0) for name in names]
    return [
        tables.floats(column) if pa.types.is_floating(column.type) else tables.values(column, str(column.type))
        for column in columns
    ]


def _paired(
    challenger: npt.NDArray[np.int64], champion: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], Rows, Rows]:
    """Return the trips that both predict, and their rows in each of the two.

    Both models nearly always predict the same trips. Pairing trips that differ takes far more memory.
    """
    if np.array_equal(challenger, champion):
        return challenger, slice(None), slice(None)
    trips, in_challenger, in_champion = np.intersect1d(challenger, champion, assume_unique=True, return_indices=True)
    return trips, in_challenger, in_champion


def _rows_of(trips: npt.NDArray[np.int64], among: npt.NDArray[np.int64]) -> Rows | None:
    """Return the rows of trips in an ascending array of trips, or None if it lacks some."""
    if np.array_equal(trips, among):
        return slice(None)
    rows = np.searchsorted(among, trips)
    return rows if np.array_equal(among[np.minimum(rows, len(among) - 1)], trips) else None


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    label, data_month = f"{settings['service']} {settings['month']}", settings["validation_month"]
    challenger = _columns(job.challenger, ["trip", "prediction_min", "duration_min"])
    champion = _columns(job.champion, ["trip", "prediction_min"])
    features = _columns(job.features, ["trip", "day", "hour", "distance_mi", "pickup_zone"])
    trips, in_challenger, in_champion = _paired(challenger[0], champion[0])
    if not len(trips):
        raise BadData(f"{label}: challenger and champion have no trip of {data_month} in common; rebuild both")
    in_features = _rows_of(trips, features[0])
    if in_features is None:
        raise BadData(f"{label}: features of {data_month} lack trips that were predicted; rebuild the month")
    days, hour, distance_mi, pickup_zone = (column[in_features] for column in features[1:])
    segments_by_kind = segments(hour, distance_mi, pickup_zone, zones.read(job.zones[0] if job.zones else None))
    paired = compare(
        days, challenger[1][in_challenger], champion[1][in_champion], challenger[2][in_challenger], segments_by_kind
    )
    previous: Champion = files.read_json(job.previous)
    comparison: Comparison = {
        **paired,
        "service": settings["service"],
        "month": settings["month"],
        "validation_month": data_month,
        "champion_month": previous["champion"]["month"],
        "unpaired": {"challenger": len(challenger[0]) - len(trips), "champion": len(champion[0]) - len(trips)},
    }
    files.write_json(job.comparison, comparison)
    low, high = comparison["interval"]
    return (
        f"{label}: challenger better by {comparison['difference']:.2%} ({low:.2%} to {high:.2%}) than the champion of"
        f" {comparison['champion_month']} on {comparison['rows']:,} trips of {data_month}"
    )


if __name__ == "__main__":
    command_line.run(
        main,
        inputs=("challenger", "champion", "previous", "features", "zones"),
        outputs=("comparison",),
        many=("zones",),
    )
