"""Bins of equal width with round edges; values below the first or above the last bin count in that bin."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..base.rounding import round_up

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt


NUMBER = 30  # approximate number of bins of a target


class Bins(NamedTuple):
    """`number` bins of width `width`; the first one begins at `first`."""

    first: float
    width: float
    number: int

    def of(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return the index of the bin of each value; NaN is not allowed."""
        with np.errstate(over="ignore"):  # infinite is above the last bin
            return np.clip((values - self.first) / self.width, 0, self.number - 1).astype(np.int64)

    def counts(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return the number of values in each bin."""
        return np.bincount(self.of(values), minlength=self.number)


def cover(low: float, high: float, number: int) -> Bins:
    """Return about `number` bins from `low` to `high`; the width is 1, 2 or 5 times a power of ten."""
    narrowest = 1e-9 * max(1, abs(low), abs(high))  # that floats can tell apart
    width = round_up(min(max(high - low, narrowest), sys.float_info.max) / number)
    first = math.floor(low / width) * width
    return Bins(first, width, max(math.ceil(high / width - first / width - 1e-9), 1))
