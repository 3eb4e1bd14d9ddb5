"""Numbers and times as the pages say them."""

from ..state.summary import number


def known(facts: dict) -> dict:
    """Return the facts that there are."""
    return {key: value for key, value in facts.items() if value not in (None, "")}


def time(stamp: str) -> str:
    """Return a time stamp as people read it."""
    return stamp[:16].replace("T", " ") + " UTC"


def minutes(value: object) -> str | None:
    """Return an error, None where it is not known."""
    return f"{value:.3f} min" if number(value) is not None else None


def plain(value: object) -> str:
    """Return a number with three decimals, a whole one as it is; nothing for what is no number."""
    found = number(value)
    return "" if found is None else f"{found:,.3f}" if isinstance(found, float) else f"{found:,}"
