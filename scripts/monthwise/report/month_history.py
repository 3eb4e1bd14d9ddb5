"""Records of jobs by service and month: logs, durations, and reasons for which they ran."""

import os

from ..state import benchmarks, calls
from ..state.benchmarks import Took
from ..workflow import stages

STAGES = (*stages.DATA, *stages.RUN)


class History:
    """Logs, benchmarks and reasons of all months, each read once."""

    def __init__(self, services: list[str]):
        self.reasons = calls.reasons(services)
        self.logs: dict[tuple[str, str], set[str]] = {}
        self.took: dict[tuple[str, str], dict[str, Took]] = {}
        for service in services:
            for stage in STAGES:
                for month in _months(f"logs/{stage}/{service}", ".log"):
                    self.logs.setdefault((service, month), set()).add(stage)
                for month in _months(f"benchmarks/{stage}/{service}", ".tsv"):
                    if benchmark := benchmarks.read(f"benchmarks/{stage}/{service}/{month}.tsv"):
                        self.took.setdefault((service, month), {})[stage] = benchmark


def _months(folder: str, end: str) -> list[str]:
    try:
        return sorted(name.removesuffix(end) for name in os.listdir(folder) if name.endswith(end))
    except OSError:
        return []
