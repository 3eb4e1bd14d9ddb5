"""Format texts of messages."""

from collections.abc import Sequence


def first_few(words: Sequence[str], count: int) -> str:
    """Return the first `count` words in one line, and the number of the others."""
    more = [f"and {len(words) - count} more"] if len(words) > count else []
    return "; ".join([*words[:count], *more])
