"""Say how far the trips of a month are from those that its challenger was trained on, feature by feature.

The yardstick is the training window's own noise: how far two draws of its days are apart. Days are drawn, not trips,
since trips of one day share its weather and traffic.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from monthwise.base import files
from monthwise.base.exits import BadData
from monthwise.data import tables
from monthwise.job import command_line
from scipy.spatial.distance import jensenshannon

CATEGORIES = ("pickup_zone", "dropoff_zone", "vendor", "trip_type", "weekday")
NUMBERS = ("distance_mi", "minute_of_day", "passengers", "duration_min")
TARGET = "duration_min"
BINS = 50  # of a number, with equally many trips of the window in each; missing ones have a bin of their own
DRAWS = 200
DRIFTED = 2.0  # times the noise; docs/champion.md says what real months do
LEAST_NOISE = 0.002  # a distance below that is nothing that anyone would act on
SEED = 20_240_229


def drift(days: np.ndarray, features: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> list[dict]:
    """Return distance, noise and their ratio for each feature, the one that is furthest from its noise first.

    `days` are those of the window's trips; `features` are name, values in the window and in the month, looked at one
    at a time. The distance is that of Jensen and Shannon, base 2, from 0 to 1, between the shares of values or bins
    (scipy.spatial.distance.jensenshannon).
    """
    day = np.searchsorted(np.unique(days), days)
    count = int(day.max()) + 1
    draws = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), size=(2, DRAWS))
    found = []
    for name, ours, theirs in features:
        then, now, bins = _binned(ours, theirs, name in NUMBERS)
        by_day = np.bincount(day * bins + then, minlength=count * bins).reshape(count, bins)
        between = jensenshannon(*(drawn @ by_day for drawn in draws), base=2, axis=1)
        noise = max(float(np.quantile(np.nan_to_num(between), 0.95)), LEAST_NOISE)
        apart = float(np.nan_to_num(jensenshannon(by_day.sum(0), np.bincount(now, minlength=bins), base=2)))
        told = {"name": name, "distance": apart, "noise": noise, "ratio": apart / noise}
        found.append(told | {"drifted": apart / noise > DRIFTED, "is_target": name == TARGET})
    return sorted(found, key=lambda told: (-told["ratio"], told["name"]))


def _binned(ours: np.ndarray, theirs: np.ndarray, is_number: bool) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the bin of each value of both samples, and how many bins there are."""
    if not is_number:
        values = np.unique(np.concatenate([np.unique(ours), np.unique(theirs)]))
        return *(np.searchsorted(values, v) for v in (ours, theirs)), len(values)
    known = ours[~np.isnan(ours)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.empty(0)
    missing = len(edges) + 1
    return *(np.where(np.isnan(v), missing, np.searchsorted(edges, v)) for v in (ours, theirs)), missing + 1


def read(paths: Sequence[str], name: str) -> np.ndarray:
    """Return a column of several files as float64, missing values as NaN."""
    chunks = [chunk for path in paths for chunk in pq.read_table(path, columns=[name]).column(name).chunks]
    return np.concatenate([tables.floats(chunk) for chunk in chunks] or [np.empty(0)])


def main(job) -> str:
    settings = job.settings
    where, months = f"{settings['service']} {settings['month']}", settings["training_months"]
    for paths, about in ((job.window, ", ".join(months)), ([job.features], settings["month"])):
        if not sum(pq.read_metadata(path).num_rows for path in paths):
            raise BadData(f"{where}: no trip in {about} to compare; look at its quality.json")
    names = [name for name in (*CATEGORIES, *NUMBERS) if _has_values(name, [*job.window, job.features])]
    days = read(job.window, "day")
    ranked = drift(days, ((name, read(job.window, name), read([job.features], name)) for name in names))
    known, pairs = np.unique(read(job.window, "pair")), read([job.features], "pair")
    new = known[np.minimum(np.searchsorted(known, pairs), len(known) - 1)] != pairs
    told = {key: settings[key] for key in ("service", "month", "training_months")}
    told |= {"ranked": ranked, "unseen_pairs_share": float(new.mean()), "rows": len(new), "drifted_above": DRIFTED}
    told["training_rows"] = len(days)
    files.write_json(job.drift, told)
    drifted = [feature["name"] for feature in ranked if feature["drifted"]]
    return f"{where}: {', '.join(drifted) or 'nothing'} drifted from {', '.join(months)}"


def _has_values(name: str, paths: Sequence[str]) -> bool:
    """Whether a feature is there in at least one trip; what a service does not have cannot drift."""
    return any(pc.count(pq.read_table(path, columns=[name]).column(name)).as_py() for path in paths)


if __name__ == "__main__":
    command_line.run(main, inputs=("window", "features"), outputs=("drift",), many=("window",))
