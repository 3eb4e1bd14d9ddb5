"""Bins of equal width with round edges; values below the first or above the last bin count in that bin."""

import math
from typing import NamedTuple

import numpy as np

from ..base.rounding import round_up


class Bins(NamedTuple):
    """`count` bins of width `width`; the first one begins at `first`."""

    first: float
    width: float
    count: int

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return the index of the bin of each value; NaN is not allowed."""
        return np.clip((values - self.first) / self.width, 0, self.count - 1).astype(np.int64)

    def counts(self, values: np.ndarray) -> np.ndarray:
        """Return the number of values in each bin."""
        return np.bincount(self.of(values), minlength=self.count)


def cover(low: float, high: float, count: int) -> Bins:
    """Return about `count` bins from `low` to `high`; the width is 1, 2 or 5 times a power of ten."""
    width = round_up(max(high - low, 1e-9) / count)
    first = math.floor(low / width) * width
    return Bins(first, width, max(math.ceil((high - first) / width - 1e-9), 1))
