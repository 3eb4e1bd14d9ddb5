"""The jobs that made a run month, from its evidence.json alone, to be run again somewhere else."""

from typing import NamedTuple

from ..workflow import stages, targets
from ..workflow.stages import Input, Stage


class Finding(Exception):
    """What is off in a month, in words."""


class Job(NamedTuple):
    """One call of a program: options by name, a list where the program takes several paths."""

    stage: str
    month: str
    inputs: dict[str, str | list[str]]
    outputs: dict[str, str]
    settings: dict


def data_jobs(found: dict, zones: list[str]) -> list[list[Job]]:
    """Return for each data month that a run month read how its features are made from raw.parquet."""
    names = [name for name in stages.EVIDENCE if stages.STAGES[name].kind == "data"]
    months = sorted(found["settings"][names[0]])
    return [[_job(found, stages.STAGES[name], month, zones) for name in names] for month in months]


def run_jobs(found: dict, zones: list[str]) -> list[Job]:
    """Return what makes the files of a run month from features and the champion of the month before, in order."""
    made = [stages.STAGES[name] for name in stages.EVIDENCE if name in found["settings"]]
    return [_job(found, stage, found["month"], zones) for stage in made if stage.kind == "run"]


def given_files(found: dict) -> list[str]:
    """Return the files of other run months that a run month is made from."""
    months = {month for place in ("before", "pinned") for month in _months(found, {}, place)}
    given = [path for job in run_jobs(found, []) for path in paths_of(job)]
    return [path for path in dict.fromkeys(given) if path.startswith("runs/") and path.split("/")[2] in months]


def paths_of(job: Job) -> list[str]:
    """Return the files that a job reads."""
    return [path for given in job.inputs.values() for path in ([given] if isinstance(given, str) else given)]


def _job(found: dict, stage: Stage, month: str, zones: list[str]) -> Job:
    settings = found["settings"][stage.name][month]
    inputs: dict[str, str | list[str]] = {}
    for option, given in stage.inputs.items():
        paths = zones if given.place == "zones" else _paths(found, stage, month, given, settings)
        inputs[option] = paths if given.is_list else paths[0]
    outputs = {option: _path(stage.kind, found["service"], month, name) for option, name in stage.outputs.items()}
    return Job(stage.name, month, inputs, outputs, settings)


def _paths(found: dict, stage: Stage, month: str, given: Input, settings: dict) -> list[str]:
    months = [month] if given.place == "month" else _months(found, settings, given.place)
    made = [name for name in given.names if _is_made(found, name)] if given.place == "month" else given.names
    return [_path(given.kind or stage.kind, found["service"], each, name) for each in months for name in made]


def _months(found: dict, settings: dict, place: str) -> list[str]:
    """Return the months that a place stands for, by the settings of the evidence."""
    promote = found["settings"]["promote"][found["month"]]
    months = {
        "training": settings.get("months") or settings.get("training_months") or (),
        "validation": [settings.get("validation_month")],
        "before": [promote["reign"]],
        "pinned": [promote["promotion"]["pin"]],
    }
    return [month for month in months[place] if month]


def _is_made(found: dict, name: str) -> bool:
    """Whether the run month made the file: one that was skipped trains nothing, the first one compares nothing."""
    stage = stages.STAGE_OF_FILE[name]
    return stages.STAGES[stage].kind == "data" or stage in found["settings"]


def _path(kind: str, service: str, month: str, name: str) -> str:
    return (targets.data_file if kind == "data" else targets.run_file)(service, month, name)
