"""Records of jobs by dataset and month: logs, durations, and reasons for which they ran."""

import os

from ..state import benchmarks, calls
from ..state.benchmarks import Took
from ..workflow import stages

STAGES = (*stages.DATA, *stages.RUN)


class History:
    """Logs, benchmarks and reasons of all months, each read once."""

    def __init__(self, datasets: list[str]):
        self.reasons = calls.reasons(datasets)
        self.logs: dict[tuple[str, str], set[str]] = {}
        self.took: dict[tuple[str, str], dict[str, Took]] = {}
        for dataset in datasets:
            for stage in STAGES:
                for month in _months(f"logs/{stage}/{dataset}", ".log"):
                    self.logs.setdefault((dataset, month), set()).add(stage)
                for month in _months(f"benchmarks/{stage}/{dataset}", ".tsv"):
                    if benchmark := benchmarks.read(f"benchmarks/{stage}/{dataset}/{month}.tsv"):
                        self.took.setdefault((dataset, month), {})[stage] = benchmark


def _months(folder: str, end: str) -> list[str]:
    try:
        return sorted(name.removesuffix(end) for name in os.listdir(folder) if name.endswith(end))
    except OSError:
        return []
