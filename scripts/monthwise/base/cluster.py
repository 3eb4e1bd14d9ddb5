"""Cancel the cluster jobs of a killed call: they continue to run, and no signal reaches them."""

import os
import shutil
import subprocess
import time

from .exits import CannotWrite

GONE_S = 120.0  # time limit for cancelled jobs to end
ASK_S = 60


def cancel_left() -> int:
    """Cancel the Slurm jobs submitted from the working directory, wait until they end, and return their number.

    Returns 0 if Slurm is not installed or does not answer. Raises CannotWrite if jobs do not end within GONE_S.
    """
    if not shutil.which("squeue"):
        return 0
    jobs = _jobs()
    end = time.monotonic() + GONE_S
    while remaining := _jobs():
        if time.monotonic() > end:
            raise CannotWrite(f"jobs of a run that was killed do not end on the cluster: scancel {' '.join(remaining)}")
        subprocess.run(["scancel", *remaining], capture_output=True, timeout=ASK_S)
        time.sleep(0.5)
    return len(jobs)


def _jobs() -> list[str]:
    """Return the ids of the jobs of this user whose working directory is the current one."""
    try:
        answer = subprocess.run(
            ["squeue", "--me", "--noheader", "--format", "%i %Z"],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # folder names may not be UTF-8
            timeout=ASK_S,
        )
    except subprocess.TimeoutExpired:
        return []
    pairs = [line.split(maxsplit=1) for line in answer.stdout.splitlines()]
    return [pair[0] for pair in pairs if len(pair) == 2 and os.path.realpath(pair[1]) == os.getcwd()]
