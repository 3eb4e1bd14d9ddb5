"""`./monthwise verify --rebuild`: a run month made again from raw.parquet in a folder of its own, and compared."""

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
PASSED_ON = {os.EX_CANTCREAT: CannotWrite, os.EX_TEMPFAIL: TryAgain}  # what says nothing about the month


def rebuild(found: dict, zones: list[str], is_exact: bool) -> None:
    """Make all files of a run month again, with its evidence's settings; Finding for the first one that differs.

    The champion of the month before, and a pinned model, are taken as they are.
    """
    with tempfile.TemporaryDirectory(prefix="monthwise-rebuild-") as name:
        scratch = Path(name)
        data = recorded_jobs.data_jobs(found, zones)
        for job in (jobs[0] for jobs in data):
            _link(job.inputs["raw"], scratch)
        for path in recorded_jobs.given_files(found):
            _link(path, scratch)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for made in pool.map(lambda jobs: [_run(job, scratch) for job in jobs], data):
                for job in made:
                    _compare(job, scratch, found, is_exact)
        for job in recorded_jobs.run_jobs(found, zones):
            _compare(_run(job, scratch), scratch, found, is_exact)


def _link(path: str, scratch: Path) -> None:
    """Put a file into the scratch folder, without a copy where that can be."""
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
    ended = subprocess.run(
        command,
        cwd=scratch,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
    )
    if ended.returncode in PASSED_ON:
        raise PASSED_ON[ended.returncode](f"{job.stage} of {job.month} in {scratch}: {_last_line(ended)}")
    if ended.returncode:
        raise Finding(f"rebuilding {job.stage} of {job.month} ends with {_last_line(ended)}")
    return job


def _last_line(ended: subprocess.CompletedProcess) -> str:
    said = (ended.stdout.strip() or ended.stderr.strip()).splitlines()
    return said[-1] if said else f"exit {ended.returncode}"


def _compare(job: Job, scratch: Path, found: dict, is_exact: bool) -> None:
    for path in job.outputs.values():
        if path.endswith(".skops"):
            differs = _model_difference(path, scratch, found, is_exact)
        elif path.endswith(".provenance.json"):
            continue
        else:
            differs = equality.difference(scratch / path, path, is_exact)
        if differs:
            raise Finding(f"{path} is not what {job.stage} makes of raw.parquet now: {differs}")


def _model_difference(path: str, scratch: Path, found: dict, is_exact: bool) -> str | None:
    """Compare models by what they predict on the validation month; without one, they are copies."""
    service, month = found["service"], found["month"]
    if "evaluate" not in found["settings"]:
        return equality.difference(scratch / path, path, is_exact)
    about = {"recipe": None, "columns": []}
    if path.endswith("/model.skops"):
        about = files.read_json(targets.run_file(service, month, "training.json"))
    elif path.endswith("/champion.skops"):
        about = files.read_json(targets.run_file(service, month, "champion.json"))["champion"]
    validation = found["settings"]["evaluate"][month]["validation_month"]
    features = targets.data_file(service, validation, "features.parquet")
    made = scratch / path
    return equality.model_difference(made, path, about["recipe"], about["columns"], features, is_exact)
