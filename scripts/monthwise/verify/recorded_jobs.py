"""The jobs that built a run month, read from its evidence.json only, so that they can be rerun elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..workflow import stages, targets
from ..workflow.stages import Input, Stage

if TYPE_CHECKING:
    from ..base.file_types import EvidenceContent


class Finding(Exception):
    """What is wrong in a month, in words."""


class Job(NamedTuple):
    """One call of a program: the paths that it reads and the path that it writes, by option."""

    stage: str
    month: str
    inputs: dict[str, list[str]]
    outputs: dict[str, str]
    settings: dict[str, Any]


def data_jobs(evidence: EvidenceContent, sources: Mapping[str, list[str]]) -> list[list[Job]]:
    """Return, for each data month of a run month, the jobs that build its features from raw.file.

    `sources` are the module of the dataset and the files it reads, by the place of an input (stages.Place).
    """
    names = [name for name in stages.EVIDENCE if stages.STAGES[name].kind == "data"]
    months = sorted(evidence["settings"][names[0]])
    return [[_job(evidence, stages.STAGES[name], month, sources) for name in names] for month in months]


def run_jobs(evidence: EvidenceContent) -> list[Job]:
    """Return the jobs that build a run month from features and the champion of the month before, in order."""
    recorded_stages = [stages.STAGES[name] for name in stages.EVIDENCE if name in evidence["settings"]]
    return [_job(evidence, stage, evidence["month"], {}) for stage in recorded_stages if stage.kind == "run"]


def given_files(evidence: EvidenceContent) -> list[str]:
    """Return the files of other run months that a run month is built from."""
    months = {month for place in ("before", "pinned") for month in _months(evidence, {}, place)}
    paths = [path for job in run_jobs(evidence) for path in paths_of(job)]
    return [path for path in dict.fromkeys(paths) if path.startswith("runs/") and path.split("/")[2] in months]


def paths_of(job: Job) -> list[str]:
    """Return the files that a job reads."""
    return [path for paths in job.inputs.values() for path in paths]


def _job(evidence: EvidenceContent, stage: Stage, month: str, sources: Mapping[str, list[str]]) -> Job:
    settings = evidence["settings"][stage.name][month]
    inputs = {
        option: sources[job_input.place]
        if job_input.place in sources
        else _paths(evidence, stage, month, job_input, settings)
        for option, job_input in stage.inputs.items()
    }
    outputs = {option: _path(stage.kind, evidence["dataset"], month, name) for option, name in stage.outputs.items()}
    return Job(stage.name, month, inputs, outputs, settings)


def _paths(
    evidence: EvidenceContent, stage: Stage, month: str, job_input: Input, settings: Mapping[str, Any]
) -> list[str]:
    months = [month] if job_input.place == "month" else _months(evidence, settings, job_input.place)
    names = (
        [name for name in job_input.names if _is_made(evidence, name)]
        if job_input.place == "month"
        else job_input.names
    )
    return [
        _path(job_input.kind or stage.kind, evidence["dataset"], input_month, name)
        for input_month in months
        for name in names
    ]


def _months(evidence: EvidenceContent, settings: Mapping[str, Any], place: str) -> list[str]:
    """Return the months of a `place` of inputs, from the settings in the evidence."""
    promote = evidence["settings"]["promote"][evidence["month"]]
    months = {
        "training": settings.get("months") or settings.get("training_months") or (),
        "validation": [settings.get("validation_month")],
        "before": [promote["previous"]],
        "pinned": [promote["promotion"]["pin"]],
    }
    return [month for month in months[place] if month]


def _is_made(evidence: EvidenceContent, name: str) -> bool:
    """Return whether the run month built the file: a skipped month trains nothing, the first one compares nothing."""
    stage = stages.STAGE_OF_FILE[name]
    return stages.STAGES[stage].kind == "data" or stage in evidence["settings"]


def _path(kind: str, dataset: str, month: str, name: str) -> str:
    return (targets.data_file if kind == "data" else targets.run_file)(dataset, month, name)
