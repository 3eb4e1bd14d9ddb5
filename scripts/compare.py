"""Pair the challenger's errors with the reigning champion's on the same trips, and say how sure the difference is."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from monthwise.base import files
from monthwise.base.exits import BadData
from monthwise.data import tables, zones
from monthwise.job import command_line
from monthwise.models.errors import Segment, errors, segments
from scipy import stats

RESAMPLES = 2_000
CONFIDENCE = 0.95
SEED = 20_240_229


def difference(challenger: np.ndarray, champion: np.ndarray) -> np.ndarray:
    """Return how much smaller the challenger's root mean square error is, relative to the champion's.

    Both are sums of squared errors over the same trips, so the number of trips cancels out. 0 where both are 0.
    """
    both = np.divide(challenger, champion, out=np.ones(np.shape(champion)), where=np.asarray(champion) > 0)
    return 1 - np.sqrt(both)


def interval(challenger_by_day: np.ndarray, champion_by_day: np.ndarray) -> list[float]:
    """Return the confidence interval of `difference` by a paired bootstrap over days (scipy.stats.bootstrap).

    Days are drawn, not trips: trips of one day share its weather and traffic. One day alone says nothing: (-1, 1).
    """
    if len(challenger_by_day) < 2:
        return [-1.0, 1.0]
    found = stats.bootstrap(
        (challenger_by_day, champion_by_day),
        lambda ours, theirs, axis: difference(ours.sum(axis), theirs.sum(axis)),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return [float(found.low), float(found.high)]


def compare(
    days: np.ndarray,
    challenger: np.ndarray,
    champion: np.ndarray,
    target: np.ndarray,
    kinds: dict[str, Segment],
) -> dict:
    """Return both errors, their relative difference with its interval, and the errors of each segment.

    All arrays have one entry for each trip: the day of its pick-up, two predictions and the duration, in minutes.
    """
    ours, theirs = errors(challenger, target), errors(champion, target)
    _, day = np.unique(days, return_inverse=True)
    by_day = [np.bincount(day, weights=(prediction - target) ** 2) for prediction in (challenger, champion)]
    return {
        "challenger": ours,
        "champion": theirs,
        "rows": len(target),
        "days": len(by_day[0]),
        "difference": float(difference(by_day[0].sum(), by_day[1].sum())),
        "interval": interval(*by_day),
        "by": {kind: _by_segment(segment, challenger, champion, target) for kind, segment in kinds.items()},
    }


def _by_segment(segment: Segment, challenger: np.ndarray, champion: np.ndarray, target: np.ndarray) -> dict:
    rows = np.bincount(segment.codes, minlength=len(segment.names))
    rmse = [
        np.sqrt(np.bincount(segment.codes, (prediction - target) ** 2, len(segment.names)) / np.maximum(rows, 1))
        for prediction in (challenger, champion)
    ]
    return {
        name: {"rows": int(count), "challenger_rmse_min": float(ours), "champion_rmse_min": float(theirs)}
        for name, count, ours, theirs in zip(segment.names, rows, *rmse, strict=True)
        if count
    }


def _columns(path: str, names: list[str]) -> list[np.ndarray]:
    table = pq.read_table(path, columns=names).combine_chunks()
    columns = [table.column(name).chunk(0) for name in names]
    return [tables.floats(c) if pa.types.is_floating(c.type) else tables.values(c, str(c.type)) for c in columns]


def main(job) -> str:
    settings = job.settings
    where, data_month = f"{settings['service']} {settings['month']}", settings["validation_month"]
    ours = _columns(job.challenger, ["trip", "prediction_min", "duration_min"])
    theirs = _columns(job.champion, ["trip", "prediction_min"])
    told = _columns(job.features, ["trip", "day", "hour", "distance_mi", "pickup_zone"])
    # Nearly always both predicted all trips; to pair them otherwise takes far more memory.
    trips, here, there, about = ours[0], slice(None), slice(None), slice(None)
    if not np.array_equal(trips, theirs[0]):
        trips, here, there = np.intersect1d(trips, theirs[0], assume_unique=True, return_indices=True)
    if not len(trips):
        raise BadData(f"{where}: challenger and champion have no trip of {data_month} in common; rebuild both")
    if not np.array_equal(trips, told[0]):
        about = np.searchsorted(told[0], trips)
        if not np.array_equal(told[0][np.minimum(about, len(told[0]) - 1)], trips):
            raise BadData(f"{where}: features of {data_month} lack trips that were predicted; rebuild the month")
    days, *cut = (column[about] for column in told[1:])
    kinds = segments(*cut, zones.read(job.zones[0] if job.zones else None))
    comparison = compare(days, ours[1][here], theirs[1][there], ours[2][here], kinds)
    comparison["unpaired"] = {"challenger": len(ours[0]) - len(trips), "champion": len(theirs[0]) - len(trips)}
    comparison["champion_month"] = files.read_json(job.reign)["champion"]["month"]
    comparison |= {key: settings[key] for key in ("service", "month", "validation_month")}
    files.write_json(job.comparison, comparison)
    low, high = comparison["interval"]
    return (
        f"{where}: challenger better by {comparison['difference']:.2%} ({low:.2%} to {high:.2%}) than the champion of"
        f" {comparison['champion_month']} on {comparison['rows']:,} trips of {data_month}"
    )


if __name__ == "__main__":
    command_line.run(
        main,
        inputs=("challenger", "champion", "reign", "features", "zones"),
        outputs=("comparison",),
        many=("zones",),
    )
