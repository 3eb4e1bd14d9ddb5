"""Compare the errors of the challenger and the current champion on the same rows, with a confidence interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from monthwise.base import files
from monthwise.base.exits import BadData
from monthwise.data import tables
from monthwise.job import command_line
from monthwise.models.metrics import Segment, error_of, errors, losses, segments_of
from scipy import stats

if TYPE_CHECKING:
    import argparse
    from typing import Any, TypeAlias

    import numpy.typing as npt
    from monthwise.base.file_types import Champion, Comparison, Paired, RedrawnBy, SegmentErrors

    Rows: TypeAlias = slice | npt.NDArray[np.intp]
    Floats: TypeAlias = npt.NDArray[np.float64]

RESAMPLES = 2_000
CONFIDENCE = 0.95
SEED = 20_240_229
ENOUGH_DAYS = 10  # with fewer, rows are redrawn: tables of customers or contracts date all rows on one day
MOST_UNITS = 1_000  # more groups or rows are redrawn in random packets of equal size, which takes less memory


def difference(challenger: Floats, champion: Floats, metric: str = "rmse") -> Floats:
    """Return how much smaller the challenger's error is, relative to the champion's.

    Both arguments are sums of losses over the same rows, so the number of rows cancels out. Returns 0 if both sums are
    0.
    """
    ratio = np.divide(challenger, champion, out=np.ones(np.shape(champion)), where=np.asarray(champion) > 0)
    smaller: Floats = 1 - error_of(metric, ratio)
    return smaller


def interval(challenger: Floats, champion: Floats, metric: str = "rmse") -> list[float]:
    """Return the confidence interval of `difference` by a paired bootstrap over units (scipy.stats.bootstrap).

    A unit is what is redrawn as a whole, such as a day, because rows of one day share its weather and traffic. Returns
    (-1, 1) for fewer than two units.
    """
    if len(challenger) < 2:
        return [-1.0, 1.0]
    bounds = stats.bootstrap(
        (challenger, champion),
        lambda challenger, champion, axis: difference(challenger.sum(axis), champion.sum(axis), metric),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return [float(bounds.low), float(bounds.high)]


def units(days: npt.NDArray[Any], groups: npt.NDArray[Any] | None) -> tuple[npt.NDArray[np.intp], RedrawnBy]:
    """Return the unit of each row, and what it is: the group if there is one, else the day or the row."""
    by: RedrawnBy = "days"
    if groups is not None:
        by = "groups"
        index = np.unique(groups, return_inverse=True)[1]
    else:
        index = np.unique(days, return_inverse=True)[1]
        if index.max() + 1 < ENOUGH_DAYS:
            by, index = "rows", np.arange(len(days))
    if by != "days" and (count := int(index.max()) + 1) > MOST_UNITS:
        packet = np.random.default_rng(SEED).permutation(count) % MOST_UNITS
        index = packet[index]
    return index, by


def compare(
    days: npt.NDArray[Any],
    challenger: Floats,
    champion: Floats,
    target: Floats,
    kinds: dict[str, Segment],
    settings: Mapping[str, Any],
    groups: npt.NDArray[Any] | None = None,
) -> Paired:
    """Return both errors, their relative difference with its interval, and the errors of each segment.

    Each array has one entry per row: its day, the two predictions and the target. `settings` has the task, the metric
    that decides and the unit.
    """
    task, metric = settings["task"], settings["metric"]
    unit, by = units(days, groups)
    challenger_loss, champion_loss = (losses(metric, prediction, target) for prediction in (challenger, champion))
    challenger_sums, champion_sums = (
        np.bincount(unit, weights=loss).astype(np.float64, copy=False) for loss in (challenger_loss, champion_loss)
    )
    return {
        "metric": metric,
        "unit": settings["unit"],
        "challenger": errors(challenger, target, task),
        "champion": errors(champion, target, task),
        "rows": len(target),
        "redrawn": by,
        "units": len(challenger_sums),
        "difference": float(difference(challenger_sums.sum(), champion_sums.sum(), metric)),
        "interval": interval(challenger_sums, champion_sums, metric),
        "by": {kind: _by_segment(segment, challenger_loss, champion_loss, metric) for kind, segment in kinds.items()},
    }


def _by_segment(segment: Segment, challenger: Floats, champion: Floats, metric: str) -> dict[str, SegmentErrors]:
    """Return the errors of each segment that has rows; `challenger` and `champion` are losses of rows."""
    number = len(segment.names)
    rows = np.bincount(segment.codes, minlength=number)
    error = [
        error_of(metric, np.bincount(segment.codes, loss, number) / np.maximum(rows, 1))
        for loss in (challenger, champion)
    ]
    return {
        name: {"rows": int(count), "challenger_error": float(challenger_error), "champion_error": float(champion_error)}
        for name, count, challenger_error, champion_error in zip(segment.names, rows, *error, strict=True)
        if count
    }


def _predictions(path: str, *others: str) -> list[npt.NDArray[Any]]:
    """Return row numbers and predictions of a file, then other columns."""
    table = pq.read_table(path).combine_chunks()
    names = [name for name in table.column_names if name.startswith("prediction")]
    columns = [tables.floats(table.column(name).chunk(0)) for name in names]
    prediction = columns[0] if len(columns) == 1 else np.column_stack(columns)
    row = tables.values(table.column("row").chunk(0), "int64")
    return [row, prediction, *(tables.floats(table.column(name).chunk(0)) for name in others)]


def _paired(
    challenger: npt.NDArray[np.int64], champion: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], Rows, Rows]:
    """Return the rows that both predict, and their positions in each of the two.

    Both models nearly always predict the same rows. Pairing rows that differ takes far more memory.
    """
    if np.array_equal(challenger, champion):
        return challenger, slice(None), slice(None)
    rows, in_challenger, in_champion = np.intersect1d(challenger, champion, assume_unique=True, return_indices=True)
    return rows, in_challenger, in_champion


def _positions(rows: npt.NDArray[np.int64], among: npt.NDArray[np.int64]) -> Rows | None:
    """Return the positions of rows in an ascending array of rows, or None if it lacks some."""
    if np.array_equal(rows, among):
        return slice(None)
    positions = np.searchsorted(among, rows)
    return positions if np.array_equal(among[np.minimum(positions, len(among) - 1)], rows) else None


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    label, data_month = f"{settings['dataset']} {settings['month']}", settings["validation_month"]
    challenger, champion = _predictions(job.challenger, "target"), _predictions(job.champion)
    rows, in_challenger, in_champion = _paired(challenger[0], champion[0])
    if not len(rows):
        raise BadData(f"{label}: challenger and champion have no row of {data_month} in common; rebuild both")
    names = ["row", "epoch_day", *(["group"] if settings["group"] else []), *settings["segments"]]
    features = pq.read_table(job.features, columns=names)
    positions = _positions(rows, features.column("row").combine_chunks().to_numpy())
    if positions is None:
        raise BadData(f"{label}: features of {data_month} lack rows that were predicted; rebuild the month")
    days = features.column("epoch_day").to_numpy()[positions]
    groups = features.column("group").to_numpy()[positions] if settings["group"] else None
    frame = features.select(list(settings["segments"])).to_pandas(categories=_texts(features))
    kinds = segments_of(frame if isinstance(positions, slice) else frame.iloc[positions], settings["segments"])
    paired = compare(
        days,
        challenger[1][in_challenger],
        champion[1][in_champion],
        challenger[2][in_challenger],
        kinds,
        settings,
        groups,
    )
    previous: Champion = files.read_json(job.previous)
    comparison: Comparison = {
        **paired,
        "dataset": settings["dataset"],
        "month": settings["month"],
        "validation_month": data_month,
        "champion_month": previous["champion"]["month"],
        "unpaired": {"challenger": len(challenger[0]) - len(rows), "champion": len(champion[0]) - len(rows)},
    }
    files.write_json(job.comparison, comparison)
    low, high = comparison["interval"]
    return (
        f"{label}: challenger better by {comparison['difference']:.2%} ({low:.2%} to {high:.2%}) than the champion of"
        f" {comparison['champion_month']} on {comparison['rows']:,} rows of {data_month}"
    )


def _texts(table: pa.Table) -> list[str]:
    return [field.name for field in table.schema if pa.types.is_string(field.type)]


if __name__ == "__main__":
    command_line.run(main, inputs=("challenger", "champion", "previous", "features"), outputs=("comparison",))
