"""The time, as files and messages have it."""

import datetime


def now() -> str:
    """Return the time, UTC, to the second: `2024-03-01T05:17:00Z`."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
