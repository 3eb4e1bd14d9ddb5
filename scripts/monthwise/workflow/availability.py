"""Find the targets of one call that can be built: months with published, accepted data, up to a break in the champions.

Without this, Snakemake would only detect the missing data when jobs fail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..base import files
from . import targets
from .calendar import Calendar

QUALITY = targets.DATA_FILES[: targets.DATA_FILES.index("quality.json") + 1]


@dataclass
class Available:
    """The files of a dataset that can be built, and the months that cannot.

    `held`: run month -> the data month that it waits for. `stops`: the run month at which the chain of champions stops.
    """

    dataset: str
    months: list[str]
    data: list[str] = field(default_factory=list)  # up to quality.json
    files: list[str] = field(default_factory=list)
    waiting_for: dict[str, str] = field(default_factory=dict)
    chain_stop: str | None = None


def find(calendar: Calendar, run_months: Sequence[str], waiting_for: Mapping[str, str]) -> Available:
    """Return the files of `run_months` that can be built; `held`: data month -> why it cannot be read."""
    dataset = calendar.dataset
    result = Available(dataset, list(run_months))
    readable: set[str] = set()
    for data_month in calendar.data_months(*run_months):
        is_published = waiting_for.get(data_month) != NOT_PUBLISHED
        names: Sequence[str] = targets.DATA_FILES if data_month not in waiting_for else QUALITY if is_published else ()
        result.files += [targets.data_file(dataset, data_month, name) for name in names]
        result.data += [targets.data_file(dataset, data_month, name) for name in names if name in QUALITY]
        readable |= {data_month} if data_month not in waiting_for else set()
    for month in run_months:
        names = _attainable(calendar, month, readable, result)
        result.files += [targets.run_file(dataset, month, name) for name in names]
    if run_months and run_months[-1] >= calendar.begin:
        decided = any(path.endswith("/champion.json") for path in result.files)
        result.files += [f"registry/{dataset}.json"] if decided else []
    return result


NOT_PUBLISHED = "not published"


def _attainable(calendar: Calendar, month: str, readable: set[str], result: Available) -> list[str]:
    """Return the files of a run month that can be built; records in `result` what the other files wait for."""
    validation = calendar.validation_month(month)
    missing = [
        data_month for data_month in calendar.training_months(month) if validation and data_month not in readable
    ]
    excluded: set[str] = set()
    if missing:
        excluded |= {*targets.TRAINED, *targets.EVALUATED, "tracking.json"}
    if validation and validation not in readable:
        missing.append(validation)
        excluded |= {*targets.EVALUATED, "tracking.json"}
    if missing:
        result.waiting_for[month] = missing[0]
        if month >= calendar.begin:
            result.chain_stop = result.chain_stop or month
    if result.chain_stop:
        excluded |= {"comparison.json", "evidence.json", *targets.PROMOTED, *targets.SCORED}
    elif calendar.is_scored(month) and month not in readable:
        excluded |= {"evidence.json", *targets.SCORED}
    return [name for name in targets.run_files(calendar, month) if name not in excluded]


def rejected(dataset: str, data_months: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return quality.json by data month, for months that are rejected and not waived."""
    quality_by_month = {}
    for month in data_months:
        quality = files.read_json_if_whole(targets.data_file(dataset, month, "quality.json"))
        if quality and quality.get("verdict") == "reject" and not (quality.get("waiver") and quality.get("rows_out")):
            quality_by_month[month] = quality
    return quality_by_month
