"""What jobs left behind, by service and month: their logs, how long they took, and why they ran."""

import csv
import os
from typing import NamedTuple

from ..config.settings import Settings
from ..state import calls, summary
from ..workflow import stages

STAGES = (*stages.DATA, *stages.RUN)


class Took(NamedTuple):
    """What a job took: when it ended (seconds since 1970), seconds, and its peak memory in MB."""

    end: float
    seconds: float
    memory_mb: float | None


class History:
    """Logs, benchmarks and reasons of all months, each read once."""

    def __init__(self, settings: Settings, services: list[str], told: dict):
        self.told = told
        self.reasons = calls.reasons(services)
        self.logs: dict[tuple[str, str], set[str]] = {}
        self.took: dict[tuple[str, str], dict[str, Took]] = {}
        for service in services:
            for stage in STAGES:
                for month in _months(f"logs/{stage}/{service}", ".log"):
                    self.logs.setdefault((service, month), set()).add(stage)
                for month in _months(f"benchmarks/{stage}/{service}", ".tsv"):
                    if took := _read(f"benchmarks/{stage}/{service}/{month}.tsv"):
                        self.took.setdefault((service, month), {})[stage] = took


def _months(folder: str, end: str) -> list[str]:
    try:
        return sorted(name.removesuffix(end) for name in os.listdir(folder) if name.endswith(end))
    except OSError:
        return []


def _read(path: str) -> Took | None:
    """Return what a benchmark file says; None where it is not whole."""
    try:
        with open(path, encoding="utf-8") as file:
            row = next(csv.DictReader(file, delimiter="\t"))
            return Took(os.fstat(file.fileno()).st_mtime, float(row["s"]), _number(row.get("max_rss")))
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None


def _number(text: str | None) -> float | None:
    try:
        return summary.number(float(text or ""))
    except ValueError:
        return None
