"""What a call costs, with every process that it starts: seconds, seconds of CPU, peak memory."""

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

# The package, and the tests' ways to call as a user does and to compare two builds.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fixtures.workflow import called_bare
from monthwise.base.resources import ROOT

SNAKEMAKE = [".venv/bin/snakemake", "--cores", "2"]
SAMPLE_S = 0.1
LEFT_S = 5  # how long after a call what it has started may live on
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
# Of the shell that started the bench, not of a user's: no bytecode, fewer threads, a warm start that is on or off.
NOT_A_USERS = ("PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS", "MONTHWISE_WARM", "MONTHWISE_NIGHTLY")


class Cost(NamedTuple):
    """What one call took. Memory is the peak of the sum over its processes, shared pages counted once (PSS) or not."""

    seconds: float
    cpu_seconds: float
    pss_mb: float
    rss_mb: float


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[Cost, str]:
    """Run a command in the repository, insist on success, and return its cost and its output.

    The only child of this process while it runs: whatever loses its parent becomes a child of this process too, so
    that the memory and the CPU of a process that outlives the one that started it are counted.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryFile("w+") as stream:
        before, begin = _cpu_seconds(), time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=user_environment(environment), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
        )
        peak = Peak()
        try:
            code = process.wait()
            seconds = time.perf_counter() - begin
        finally:
            peak.stop()
        stream.seek(0)
        output = stream.read()
    if code:
        sys.exit(f"{' '.join(command)} ended with {code}:\n{output[-4000:]}")
    _reap(command)
    return Cost(seconds, _cpu_seconds() - before, peak.pss_mb, peak.rss_mb), output


def user_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a user who has activated nothing, with the given variables added."""
    return {key: value for key, value in called_bare().items() if key not in NOT_A_USERS} | dict(environment or {})


class Peak(threading.Thread):
    """Looks at the memory of all descendants of this process, over and over, until it is stopped."""

    def __init__(self):
        super().__init__(daemon=True)
        self.pss_mb = self.rss_mb = 0.0
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        pause = SAMPLE_S
        while not self.over.wait(pause):
            begin = time.perf_counter()
            memory_mb = [_memory_mb(child.pid) for child in psutil.Process().children(recursive=True)]
            self.pss_mb = max(self.pss_mb, sum(pss for pss, _ in memory_mb))
            self.rss_mb = max(self.rss_mb, sum(rss for _, rss in memory_mb))
            pause = max(SAMPLE_S, 20 * (time.perf_counter() - begin))  # sampling must not cost what it measures

    def stop(self) -> None:
        self.over.set()
        self.join()


def _memory_mb(pid: int) -> tuple[float, float]:
    """Return PSS and RSS of a process; nothing where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    fields = dict(line.split(":") for line in lines[1:])
    return tuple(int(fields[name].split()[0]) / 1024 for name in ("Pss", "Rss")) if fields else (0.0, 0.0)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _reap(command: Sequence[str]) -> None:
    """Wait for what the call has left running, whose CPU counts as well; nothing may stay."""
    end = time.monotonic() + LEFT_S
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                if time.monotonic() > end:
                    running = [child.cmdline() for child in psutil.Process().children(recursive=True)]
                    sys.exit(f"{' '.join(command)} has left running after {LEFT_S} s: {running}")
                time.sleep(0.01)
        except ChildProcessError:
            return
