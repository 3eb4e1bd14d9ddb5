"""Time and memory of jobs: the files in benchmarks/ that Snakemake writes, one per job."""

import csv
import math
import os
from typing import NamedTuple, NewType

Seconds = NewType("Seconds", float)
Megabytes = NewType("Megabytes", float)


class Took(NamedTuple):
    """End of a job (seconds since 1970), its duration, and its peak memory (None if unknown)."""

    end: float
    seconds: Seconds
    memory: Megabytes | None


def read(path: str) -> Took | None:
    """Return the content of a benchmark file; None if the file is missing or incomplete."""
    try:
        with open(path, encoding="utf-8") as file:
            row = next(csv.DictReader(file, delimiter="\t"))
            return Took(os.fstat(file.fileno()).st_mtime, Seconds(float(row["s"])), _megabytes(row.get("max_rss")))
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None


def _megabytes(text: str | None) -> Megabytes | None:
    try:
        value = Megabytes(float(text or ""))
    except ValueError:  # NA
        return None
    return value if math.isfinite(value) else None
