"""Bins with round edges."""

import numpy as np
from monthwise.base import rounding
from monthwise.data import bins


def test_bins_have_round_edges_and_take_everything():
    assert bins.cover(1, 60, 30) == bins.Bins(0, 2, 30)
    assert bins.cover(0.0, 0.0, 30).number == 1
    assert bins.cover(1e9, 1e9, 30).number == bins.cover(-3e15, -3e15, 30).number == 1
    assert bins.cover(-1e308, 1e308, 30).counts(np.array([-1.7e308, 0, 1.7e308])).sum() == 3
    assert [rounding.round_up(number) for number in (0.011, 0.02, 3, 7, 10)] == [0.02, 0.02, 5, 10, 10]
    assert bins.Bins(0, 2, 3).counts(np.array([-5, 0, 1.9, 2, 5.9, 6, 99])).tolist() == [3, 1, 3]
