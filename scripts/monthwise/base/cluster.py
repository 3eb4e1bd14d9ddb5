"""What a call that was killed has left on a cluster: its jobs go on there, where no signal reaches them."""

import os
import shutil
import subprocess
import time

from .exits import CannotWrite

GONE_S = 120.0  # how long a cancelled job may take to be gone
ASK_S = 60


def cancel_left() -> int:
    """Cancel the jobs that were sent to Slurm from the working directory, wait until they are gone; return how many.

    None where there is no Slurm, or it does not answer: nothing runs there then.
    """
    if not shutil.which("squeue"):
        return 0
    found = _jobs()
    end = time.monotonic() + GONE_S
    while left := _jobs():
        if time.monotonic() > end:
            raise CannotWrite(f"jobs of a run that was killed do not end on the cluster: scancel {' '.join(left)}")
        subprocess.run(["scancel", *left], capture_output=True, timeout=ASK_S)
        time.sleep(0.5)
    return len(found)


def _jobs() -> list[str]:
    """Return the numbers of this user's jobs whose working directory is this one."""
    try:
        asked = subprocess.run(
            ["squeue", "--me", "--noheader", "--format", "%i %Z"],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # folders
            timeout=ASK_S,
        )
    except subprocess.TimeoutExpired:
        return []
    pairs = [line.split(maxsplit=1) for line in asked.stdout.splitlines()]
    return [pair[0] for pair in pairs if len(pair) == 2 and os.path.realpath(pair[1]) == os.getcwd()]
