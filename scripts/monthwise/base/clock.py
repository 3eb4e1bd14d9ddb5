"""The current time in the format of files and messages."""

import datetime


def now() -> str:
    """Return the current UTC time to the second: `2024-03-01T05:17:00Z`."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
