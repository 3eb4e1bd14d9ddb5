"""Months as strings: shifted, listed, recognized."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from monthwise.base import months

MONTHS = st.builds("{:04d}-{:02d}".format, st.integers(1990, 2090), st.integers(1, 12))


@given(MONTHS, st.integers(-500, 500))
def test_months_shift_there_and_back_and_spans_have_every_month(month, distance):
    other = months.shift(month, distance)
    assert months.shift(other, -distance) == month
    assert months.is_month(other)
    assert len(months.span(min(month, other), max(month, other))) == abs(distance) + 1


@pytest.mark.parametrize("text", ["2021-13", "2021-1", "21-01", "2021-01-01", "", "２０２１-01", 202101, None])
def test_what_is_no_month(text):
    assert not months.is_month(text)
