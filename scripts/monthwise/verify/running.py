"""Run a recorded job again, in a process of its own, as Snakemake runs it."""

import functools
import json
import os
import subprocess
import tempfile
from pathlib import Path

from ..base import environment, files, suggest
from ..base.exits import CannotWrite, TryAgain
from ..base.resources import resource
from ..job import provenance, warm
from ..workflow import stages, targets
from .recorded_jobs import Finding, Job

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
PASSED_ON = {os.EX_CANTCREAT: CannotWrite, os.EX_TEMPFAIL: TryAgain}  # these failures are not about the month


@functools.cache
def prepare() -> None:
    """Start processes that have imported the libraries of jobs, if possible. Jobs run without them too, but slower."""
    environment.for_jobs()
    warm.start(True, stages.by_warm_process(stages.EVIDENCE))


def run(job: Job, folder: Path) -> None:
    """Run a job in `folder`, from which its relative paths start.

    Raises Finding if the program fails, and CannotWrite and TryAgain as the program does.
    """
    command = [warm.python(), str(resource(f"scripts/{job.stage}.py")), "--settings", json.dumps(job.settings)]
    for name, paths in (job.inputs | {name: [path] for name, path in job.outputs.items()}).items():
        command += [f"--{name.replace('_', '-')}", *paths]
    for path in job.outputs.values():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as log:  # a file, as in the rules: a warm process cannot take a pipe
        code = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | ONE_THREAD,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ).returncode
        log.seek(0)
        last_line = (log.read().decode(errors="replace").splitlines() or [""])[-1]
    reason = last_line.removeprefix(f"exit {code}: ") or f"exit {code}"
    if code in PASSED_ON:
        raise PASSED_ON[code](f"{job.stage} of {job.month}: {reason}")
    if code:
        raise Finding(_of_another_version(job, reason) or f"{job.stage} of {job.month} fails: {reason}")


def _of_another_version(job: Job, reason: str) -> str | None:
    """Return what to do if a job uses a model from another scikit-learn version; None if it does not."""
    if not stages.loads_a_model(job.stage):
        return None
    model, dataset, month = job.inputs["model"][0], job.settings["dataset"], job.month
    try:
        if job.stage == "score":
            month = files.read_json(job.inputs["champion"][0])["champion"]["month"]
        record = files.read_json(targets.run_file(dataset, month, "train.provenance.json"))
        then, now = record["packages"]["scikit-learn"], provenance.provenance()["packages"]["scikit-learn"]
    except (FileNotFoundError, ValueError, KeyError):
        return None
    if then == now:
        return None
    return (
        f"{model} was made by scikit-learn {then}, and {now} cannot use it ({reason}); train {month} again: delete"
        f" {targets.run_file(dataset, month, 'model.skops')}, then {rebuild_it(dataset, month)}"
    )


def rebuild_it(dataset: str, month: str) -> str:
    return f"rebuild it: {suggest.snakemake(f'datasets=[{dataset}]', f'first={month}', f'last={month}')}"
