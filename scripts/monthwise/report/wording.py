"""Format numbers and times for the pages."""

from collections.abc import Mapping
from typing import Any

from ..base import metric_values
from ..state.summary import number


def known(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the facts without those that are None or empty."""
    return {key: value for key, value in facts.items() if value not in (None, "")}


def time(stamp: str) -> str:
    """Format a time stamp for readers, to the minute."""
    return stamp[:16].replace("T", " ") + " UTC"


def error(measured: Mapping[str, Any], value: object) -> str | None:
    """Format an error that decides, with its unit; None if it is unknown. `measured` has its `metric` and `unit`."""
    finite = number(value)
    return None if finite is None else metric_values.with_unit(measured, finite)


def heading(measured: Mapping[str, Any]) -> str:
    """Return name and unit of the error that decides, such as `RMSE, EUR`."""
    return ", ".join(filter(None, (metric_values.NAMES[measured["metric"]], metric_values.unit_of(measured))))


def plain(value: object) -> str:
    """Format a number: floats with three decimals, integers unchanged; an empty text if it is not a number."""
    finite = number(value)
    return "" if finite is None else f"{finite:,.3f}" if isinstance(finite, float) else f"{finite:,}"
