"""What one call can ask for: files of months whose data are out and admitted, and where the chain of champions stops.

Snakemake would find out by failing jobs; whoever calls it knows beforehand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..base import files
from ..base.exits import WrongConfig
from ..config.settings import Settings
from . import targets

QUALITY = targets.DATA_FILES[: targets.DATA_FILES.index("quality.json") + 1]


@dataclass
class Due:
    """The files of a service that can be asked for, and what cannot be.

    `held`: run month -> the data month that it waits for; `stops`: the run month at which the chain of champions stops.
    """

    service: str
    months: list[str]
    data: list[str] = field(default_factory=list)  # up to quality.json
    files: list[str] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    stops: str | None = None


def run_months(settings: Settings, service: str) -> list[str]:
    """Return the open run months of a service; none where nothing is out that the first of them needs."""
    try:
        found = targets.run_months(settings, service)
    except WrongConfig:
        if settings.config["source"] != "https" or settings.config["first"] != "begin":
            raise
        return []
    return [month for month in found if not settings.is_closed_run(month)]


def data_months(settings: Settings, service: str, run_months: Sequence[str]) -> list[str]:
    """Return the data months that run months read, in order."""
    return sorted({each for month in run_months for each in targets.data_months(settings, service, month)})


def find(settings: Settings, service: str, run_months: Sequence[str], held: Mapping[str, str]) -> Due:
    """Return what can be asked for of `run_months`; `held`: data month -> why it cannot be read."""
    found = Due(service, list(run_months))
    readable: set[str] = set()
    for data_month in data_months(settings, service, run_months):
        is_out = held.get(data_month) != NOT_PUBLISHED
        names = targets.DATA_FILES if data_month not in held else QUALITY if is_out else ()
        found.files += [targets.data_file(service, data_month, name) for name in names]
        found.data += [targets.data_file(service, data_month, name) for name in names if name in QUALITY]
        readable |= {data_month} if data_month not in held else set()
    for month in run_months:
        names = _attainable(settings, service, month, readable, found)
        found.files += [targets.run_file(service, month, name) for name in names]
    if run_months and run_months[-1] >= settings.begin(service):
        decided = any(path.endswith("/champion.json") for path in found.files)
        found.files += [f"registry/{service}.json"] if decided else []
    return found


NOT_PUBLISHED = "not published"


def _attainable(settings: Settings, service: str, month: str, readable: set[str], found: Due) -> list[str]:
    """Return the files of a run month that can be made; notes in `found` what holds the others back."""
    validation = settings.validation_month(service, month)
    missing = [each for each in settings.training_months(service, month) if validation and each not in readable]
    lacks_validation = validation is not None and validation not in readable
    without: set[str] = set()
    if missing:
        without |= {*targets.TRAINED, *targets.EVALUATED, "tracking.json"}
    if lacks_validation:
        missing.append(validation)
        without |= {*targets.EVALUATED, "tracking.json"}
    if missing:
        found.held[month] = missing[0]
        if month >= settings.begin(service):
            found.stops = found.stops or month
    if found.stops:
        without |= {"comparison.json", "evidence.json", *targets.PROMOTED, *targets.SCORED}
    elif targets.is_scored(settings, service, month) and month not in readable:
        without |= {"evidence.json", *targets.SCORED}
    return [name for name in targets.run_files(settings, service, month) if name not in without]


def rejected(service: str, data_months: Sequence[str]) -> dict[str, dict]:
    """Return quality.json of each data month that was rejected and not waived."""
    found = {}
    for month in data_months:
        quality = files.read_json_if_whole(targets.data_file(service, month, "quality.json"))
        if quality and quality.get("verdict") == "reject" and not (quality.get("waiver") and quality.get("rows_out")):
            found[month] = quality
    return found
