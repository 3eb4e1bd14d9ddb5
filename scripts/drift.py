"""Measure the drift of each feature between the rows of a month and those that its challenger was trained on.

Each distance is compared with the noise of the training window: the distance between two samples of its days. Days are
sampled, not rows, because rows of one day share its weather and traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from monthwise.base import files
from monthwise.base.exits import BadData
from monthwise.data import tables
from monthwise.job import command_line
from scipy.spatial.distance import jensenshannon

if TYPE_CHECKING:
    import argparse

    import numpy.typing as npt
    from monthwise.base.file_types import Drift, FeatureDrift

TARGET = "target"
MOST_VALUES = 10_000  # a category with more is left out: each day would have its own
BINS = 50  # of a number, with equally many rows of the window in each; missing values have their own bin
ENOUGH_DAYS, PACKETS = 10, 30  # with fewer days, random packets of rows are sampled instead
DRAWS = 200
DRIFTED = 2.0  # times the noise; docs/champion.md shows the ratios of real months
LEAST_NOISE = 0.002  # a smaller distance is too small to act on
SEED = 20_240_229


class Values(NamedTuple):
    """A feature in the training window and in the month; a missing value is NaN, a text is a code."""

    name: str
    is_number: bool
    window: npt.NDArray[np.float64]
    month: npt.NDArray[np.float64]


def drift(days: npt.NDArray[np.float64], features: Iterable[Values]) -> list[FeatureDrift]:
    """Return distance, noise and their ratio for each feature, highest ratio first.

    `days` has the day of each row in the window. `features` are read one at a time. The distance is the Jensen-Shannon
    distance, base 2, from 0 to 1, between the shares of values or bins (scipy.spatial.distance.jensenshannon).
    """
    day_index = np.searchsorted(np.unique(days), days)
    if day_index.max() + 1 < ENOUGH_DAYS:
        day_index = np.random.default_rng(SEED).permutation(len(days)) % PACKETS
    day_count = int(day_index.max()) + 1
    draws = np.random.default_rng(SEED).multinomial(day_count, np.full(day_count, 1 / day_count), size=(2, DRAWS))
    entries: list[FeatureDrift] = []
    for name, is_number, window_values, month_values in features:
        window_bins, month_bins, bins = _binned(window_values, month_values, is_number)
        if not is_number and bins > MOST_VALUES:
            continue
        counts_by_day = np.bincount(day_index * bins + window_bins, minlength=day_count * bins).reshape(day_count, bins)
        noise_distances = jensenshannon(*(day_weights @ counts_by_day for day_weights in draws), base=2, axis=1)
        noise = max(float(np.quantile(np.nan_to_num(noise_distances), 0.95)), LEAST_NOISE)
        distance = float(
            np.nan_to_num(jensenshannon(counts_by_day.sum(0), np.bincount(month_bins, minlength=bins), base=2))
        )
        entries.append(
            {
                "name": name,
                "distance": distance,
                "noise": noise,
                "ratio": distance / noise,
                "drifted": distance / noise > DRIFTED,
                "is_target": name == TARGET,
            }
        )
    return sorted(entries, key=lambda entry: (-entry["ratio"], entry["name"]))


def _binned(
    window_values: npt.NDArray[np.float64], month_values: npt.NDArray[np.float64], is_number: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Return the bin of each value of both samples, and the number of bins."""
    if not is_number:
        values = np.unique(np.concatenate([np.unique(window_values), np.unique(month_values)]))
        return np.searchsorted(values, window_values), np.searchsorted(values, month_values), len(values)
    present = window_values[~np.isnan(window_values)]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1])) if len(present) else np.empty(0)
    missing_bin = len(edges) + 1

    def bins_of(sample: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        return np.where(np.isnan(sample), missing_bin, np.searchsorted(edges, sample))

    return bins_of(window_values), bins_of(month_values), missing_bin + 1


def read(paths: Sequence[str], name: str) -> npt.NDArray[np.float64]:
    """Return one column of several files as float64; missing values are NaN, a text is its position among all texts."""
    chunks = [chunk for path in paths for chunk in pq.read_table(path, columns=[name]).column(name).chunks]
    if chunks and pa.types.is_string(chunks[0].type):
        chunks = pa.chunked_array(chunks).dictionary_encode().unify_dictionaries().chunks
        chunks = [chunk.indices for chunk in chunks]
    return np.concatenate([tables.floats(chunk) for chunk in chunks] or [np.empty(0)])


def values(job: argparse.Namespace, name: str, is_number: bool = False) -> Values:
    """Return a feature in the training window and in the month."""
    both = read([*job.window, job.features], name)
    in_window = sum(pq.read_metadata(path).num_rows for path in job.window)
    return Values(name, is_number, both[:in_window], both[in_window:])


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    label, months = f"{settings['dataset']} {settings['month']}", settings["training_months"]
    for paths, period in ((job.window, ", ".join(months)), ([job.features], settings["month"])):
        if not sum(pq.read_metadata(path).num_rows for path in paths):
            raise BadData(f"{label}: no row in {period} to compare; look at its quality.json")
    target_kind = "numbers" if settings["task"] == "regression" else "categories"
    columns = {
        kind: [*settings[kind], *([TARGET] if kind == target_kind else [])] for kind in ("numbers", "categories")
    }
    paths = [*job.window, job.features]
    days = read(job.window, "epoch_day")
    features = (
        values(job, name, kind == "numbers") for kind in columns for name in columns[kind] if _has_values(name, paths)
    )
    ranked = drift(days, features)
    is_new = np.zeros(pq.read_metadata(job.features).num_rows, bool)
    for name in settings["new_values_of"]:
        _, _, window_values, month_values = values(job, name)
        window_bins, month_bins, _ = _binned(window_values, month_values, is_number=False)  # NaN is a value too
        is_new = ~np.isin(month_bins, window_bins)
    content: Drift = {
        "dataset": settings["dataset"],
        "month": settings["month"],
        "training_months": settings["training_months"],
        "ranked": ranked,
        "unseen_rows_share": float(is_new.mean()),
        "rows": len(is_new),
        "drifted_above": DRIFTED,
        "training_rows": len(days),
    }
    files.write_json(job.drift, content)
    drifted = [feature["name"] for feature in ranked if feature["drifted"]]
    return f"{label}: {', '.join(drifted) or 'nothing'} drifted from {', '.join(months)}"


def _has_values(name: str, paths: Sequence[str]) -> bool:
    """Return whether at least one row has a value; a feature that a dataset does not have cannot drift."""
    return any(pc.count(pq.read_table(path, columns=[name]).column(name)).as_py() for path in paths)


if __name__ == "__main__":
    command_line.run(main, inputs=("window", "features"), outputs=("drift",), many=("window",))
