"""Bins of equal width with round edges; what lies below the first or above the last one counts in it."""

import math
from typing import NamedTuple

import numpy as np

from ..base.rounding import round_up


class Bins(NamedTuple):
    """`count` bins, each `width` wide, the first of them from `first` on."""

    first: float
    width: float
    count: int

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return the bin of each value; NaN is not allowed."""
        return np.clip((values - self.first) / self.width, 0, self.count - 1).astype(np.int64)

    def counts(self, values: np.ndarray) -> np.ndarray:
        """Return how many of the values lie in each bin."""
        return np.bincount(self.of(values), minlength=self.count)


def cover(low: float, high: float, about: int) -> Bins:
    """Return at most about `about` bins, of a round width (1, 2 or 5 times a power of ten), from `low` to `high`."""
    width = round_up(max(high - low, 1e-9) / about)
    first = math.floor(low / width) * width
    return Bins(first, width, max(math.ceil((high - first) / width - 1e-9), 1))
