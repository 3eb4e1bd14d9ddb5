"""`./monthwise verify --rebuild`: rebuild a run month from raw.parquet in a temporary folder, and compare the files."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..base import files
from ..base.exits import CannotWrite, TryAgain
from ..base.resources import resource
from ..workflow import targets
from . import equality, recorded_jobs
from .recorded_jobs import Finding, Job

AT_ONCE = 2
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
PASSED_ON = {os.EX_CANTCREAT: CannotWrite, os.EX_TEMPFAIL: TryAgain}  # these failures are not about the month


def rebuild(found: dict, zones: list[str], is_exact: bool) -> None:
    """Rebuild all files of a run month with the settings in its evidence. Raises Finding for the first that differs.

    The champion of the month before and a pinned model are used as they are.
    """
    with tempfile.TemporaryDirectory(prefix="monthwise-rebuild-") as folder:
        scratch = Path(folder)
        data_jobs = recorded_jobs.data_jobs(found, zones)
        for job in (jobs[0] for jobs in data_jobs):
            _link(job.inputs["raw"], scratch)
        for path in recorded_jobs.given_files(found):
            _link(path, scratch)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for finished_jobs in pool.map(lambda jobs: [_run(job, scratch) for job in jobs], data_jobs):
                for job in finished_jobs:
                    _compare(job, scratch, found, is_exact)
        for job in recorded_jobs.run_jobs(found, zones):
            _compare(_run(job, scratch), scratch, found, is_exact)


def _link(path: str, scratch: Path) -> None:
    """Put a file into the scratch folder, as a hard link if possible, else as a copy."""
    copy = scratch / path
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, copy)
    except OSError:  # another file system
        shutil.copyfile(path, copy)


def _run(job: Job, scratch: Path) -> Job:
    command = [sys.executable, str(resource(f"scripts/{job.stage}.py")), "--settings", json.dumps(job.settings)]
    for name, paths in (job.inputs | job.outputs).items():
        command += [f"--{name}", *([paths] if isinstance(paths, str) else paths)]
    for path in job.outputs.values():
        (scratch / path).parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.run(
        command,
        cwd=scratch,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
    )
    if process.returncode in PASSED_ON:
        raise PASSED_ON[process.returncode](f"{job.stage} of {job.month} in {scratch}: {_last_line(process)}")
    if process.returncode:
        raise Finding(f"rebuilding {job.stage} of {job.month} ends with {_last_line(process)}")
    return job


def _last_line(process: subprocess.CompletedProcess) -> str:
    lines = (process.stdout.strip() or process.stderr.strip()).splitlines()
    return lines[-1] if lines else f"exit {process.returncode}"


def _compare(job: Job, scratch: Path, evidence: dict, is_exact: bool) -> None:
    for path in job.outputs.values():
        if path.endswith(".skops"):
            difference = _model_difference(path, scratch, evidence, is_exact)
        elif path.endswith(".provenance.json"):
            continue
        else:
            difference = equality.difference(scratch / path, path, is_exact)
        if difference:
            raise Finding(f"{path} is not what {job.stage} makes of raw.parquet now: {difference}")


def _model_difference(path: str, scratch: Path, evidence: dict, is_exact: bool) -> str | None:
    """Compare models by their predictions for the validation month; without one, they are copies: compare the files."""
    service, month = evidence["service"], evidence["month"]
    if "evaluate" not in evidence["settings"]:
        return equality.difference(scratch / path, path, is_exact)
    model_facts = {"recipe": None, "columns": []}
    if path.endswith("/model.skops"):
        model_facts = files.read_json(targets.run_file(service, month, "training.json"))
    elif path.endswith("/champion.skops"):
        model_facts = files.read_json(targets.run_file(service, month, "champion.json"))["champion"]
    validation = evidence["settings"]["evaluate"][month]["validation_month"]
    features = targets.data_file(service, validation, "features.parquet")
    rebuilt = scratch / path
    return equality.model_difference(rebuilt, path, model_facts["recipe"], model_facts["columns"], features, is_exact)
