"""`./monthwise verify --rebuild`: rebuild a run month from raw.file in a temporary folder, and compare the files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import files
from ..workflow import targets
from . import equality, recorded_jobs, running
from .recorded_jobs import Finding, Job

if TYPE_CHECKING:
    from ..base.file_types import EvidenceContent

AT_ONCE = 2


def rebuild(evidence: EvidenceContent, sources: Mapping[str, list[str]], is_exact: bool) -> None:
    """Rebuild all files of a run month with the settings in its evidence. Raises Finding for the first that differs.

    The champion of the month before and a pinned model are used as they are.
    """
    with tempfile.TemporaryDirectory(prefix="monthwise-rebuild-") as folder:
        scratch = Path(folder)
        data_jobs = recorded_jobs.data_jobs(evidence, sources)
        raw_files = [path for jobs in data_jobs for path in jobs[0].inputs["raw"]]
        for path in (*raw_files, *recorded_jobs.given_files(evidence)):
            _link(path, scratch)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            runs = pool.map(lambda jobs: _run_all(jobs, scratch), data_jobs)
            for jobs, _ in zip(data_jobs, runs, strict=True):
                for job in jobs:
                    _compare(job, scratch, evidence, is_exact)
        for job in recorded_jobs.run_jobs(evidence):
            running.run(job, scratch)
            _compare(job, scratch, evidence, is_exact)


def _run_all(jobs: list[Job], scratch: Path) -> None:
    for job in jobs:
        running.run(job, scratch)


def _link(path: str, scratch: Path) -> None:
    """Put a file into the scratch folder, as a hard link if possible, else as a copy."""
    copy = scratch / path
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, copy)
    except OSError:  # another file system
        shutil.copyfile(path, copy)


def _compare(job: Job, scratch: Path, evidence: EvidenceContent, is_exact: bool) -> None:
    for path in job.outputs.values():
        if path.endswith(".skops"):
            difference = _model_difference(path, scratch, evidence, is_exact)
        elif path.endswith(".provenance.json"):
            continue
        else:
            difference = equality.difference(scratch / path, path, is_exact)
        if difference:
            raise Finding(f"{path} is not what {job.stage} makes of raw.file now: {difference}")


def _model_difference(path: str, scratch: Path, evidence: EvidenceContent, is_exact: bool) -> str | None:
    """Compare models by their predictions for the validation month; without one, they are copies: compare the files."""
    dataset, month = evidence["dataset"], evidence["month"]
    if "evaluate" not in evidence["settings"]:
        return equality.difference(scratch / path, path, is_exact)
    model_facts: dict[str, Any] = {"recipe": None, "columns": []}
    if path.endswith("/model.skops"):
        model_facts = files.read_json(targets.run_file(dataset, month, "training.json"))
    elif path.endswith("/champion.skops"):
        model_facts = files.read_json(targets.run_file(dataset, month, "champion.json"))["champion"]
    evaluate = evidence["settings"]["evaluate"][month]
    validation, task = evaluate["validation_month"], evaluate["task"]
    features = targets.data_file(dataset, validation, "features.parquet")
    rebuilt = scratch / path
    recipe, columns = model_facts["recipe"], model_facts["columns"]
    return equality.model_difference(rebuilt, path, recipe, columns, features, is_exact, task)
