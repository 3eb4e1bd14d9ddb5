"""Find features that give the target away, alone or as a sum: they may have been known only afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..base.file_types import Difference

ROWS = 100_000  # the first ones are enough
NEARLY_ALL = 0.98  # share of the variance of the target
BINS = 200  # of a number, with equally many rows in each
EXACT = 1e-6  # share of the variance of the target that is left where a sum of features is the target
PART = 1e-3  # of the deviation of the target, that of a part of the sum


def leaks(features: pd.DataFrame, names: Sequence[str], task: str, months: str) -> list[Difference]:
    """Return a warning for each feature in `names` that gives the target away; `features` has both.

    It explains nearly all of the target by itself, or is part of a weighted sum of numbers that is the target.
    """
    sample = features.iloc[:ROWS]
    target = sample["target"].to_numpy(np.float64)
    indicators = [target] if task != "multiclass" else [target == code for code in np.unique(target)]
    entries: list[Difference] = []
    parts = summands(sample, names) if task == "regression" else []
    for name in names:
        codes = _codes(sample[name])
        share = min(explained(codes, np.asarray(indicator, np.float64)) for indicator in indicators)
        text = f"{name} by itself explains {share:.1%} of the target in {months}"
        if name in parts and len(parts) > 1:
            share, text = 1.0, f"{' and '.join(parts)} together give the target in {months}"
        if share > NEARLY_ALL:
            text += f": is {name} known when a row begins?"
            entries.append({"feature": name, "kind": "leak", "number": share, "bound": NEARLY_ALL, "text": text})
    return entries


def summands(features: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the numbers in `names` of which a weighted sum is the target; none if there is no such sum."""
    numbers = [name for name in names if features[name].dtype.kind == "f"]
    rows = features[[*numbers, "target"]].to_numpy(np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < 10 * (len(numbers) + 1):
        return []
    deviation = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    weights = np.linalg.lstsq(rows[:, :-1], rows[:, -1])[0]
    if deviation[-1] == 0 or np.mean((rows[:, -1] - rows[:, :-1] @ weights) ** 2) > EXACT:
        return []
    return [name for name, weight in zip(numbers, weights, strict=True) if abs(weight) > PART]


def explained(codes: npt.NDArray[np.integer[Any]], target: npt.NDArray[np.float64]) -> float:
    """Return the share of the variance of `target` that the mean of each code explains, adjusted for their number."""
    rows = np.bincount(codes)
    used, total = int(np.count_nonzero(rows)), float(np.var(target)) * len(target)
    if total == 0 or used >= len(target) / 2:
        return 0.0
    means = np.bincount(codes, target) / np.maximum(rows, 1)
    rest = float(np.sum((target - means[codes]) ** 2))
    return 1 - rest / total * (len(target) - 1) / (len(target) - used)


def _codes(column: pd.Series[Any]) -> npt.NDArray[np.integer[Any]]:
    if column.dtype.kind != "f":
        return pd.factorize(column, use_na_sentinel=False)[0]
    values = column.to_numpy()
    present = values[~np.isnan(values)]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1])) if len(present) else np.empty(0)
    return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values))
