"""Format numbers and times for the pages."""

from collections.abc import Mapping

from ..state.summary import number


def known(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the facts without those that are None or empty."""
    return {key: value for key, value in facts.items() if value not in (None, "")}


def time(stamp: str) -> str:
    """Format a time stamp for readers, to the minute."""
    return stamp[:16].replace("T", " ") + " UTC"


def minutes(value: object) -> str | None:
    """Format an error in minutes; None if it is unknown."""
    return f"{value:.3f} min" if number(value) is not None else None


def plain(value: object) -> str:
    """Format a number: floats with three decimals, integers unchanged; an empty text if it is not a number."""
    finite = number(value)
    return "" if finite is None else f"{finite:,.3f}" if isinstance(finite, float) else f"{finite:,}"
