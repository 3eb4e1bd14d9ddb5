"""Words of messages."""

from collections.abc import Sequence


def first_few(words: Sequence[str], count: int) -> str:
    """Return the first few of a list in one line, and how many more there are."""
    more = [f"and {len(words) - count} more"] if len(words) > count else []
    return "; ".join([*words[:count], *more])
