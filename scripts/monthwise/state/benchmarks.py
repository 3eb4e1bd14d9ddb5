"""What a job took: the files in benchmarks/ that Snakemake writes, one per job."""

import csv
import math
import os
from typing import NamedTuple


class Took(NamedTuple):
    """When a job ended (seconds since 1970), how many seconds it took, and its peak memory in MB if known."""

    end: float
    seconds: float
    memory_mb: float | None


def read(path: str) -> Took | None:
    """Return what a benchmark file says; None if it is missing or not whole."""
    try:
        with open(path, encoding="utf-8") as file:
            row = next(csv.DictReader(file, delimiter="\t"))
            return Took(os.fstat(file.fileno()).st_mtime, float(row["s"]), _number(row.get("max_rss")))
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:  # NA
        return None
    return value if math.isfinite(value) else None
