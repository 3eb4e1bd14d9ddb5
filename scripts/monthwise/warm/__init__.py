"""A warm start for jobs: processes that have imported the libraries already, and fork for each job.

Importing takes longer than most jobs work. While Snakemake runs jobs on its own machine, a client stands in front of
PATH as `python` (client.py). It hands its standard streams over a socket to the process that is warm for the program it
is to run (process.py), passes signals on to the job, and ends as the job ends. Without an answer it becomes the real
Python, as it does for whatever is not a program of this project. Rules and programs know nothing of it, and everything
works the same without: on systems other than Linux, with executors that send jobs elsewhere, with MONTHWISE_WARM=0.
"""

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from .process import WARM

HERE = Path(__file__).parent
# No library is to start a thread while it is imported: linear algebra, OpenMP, Arrow's allocator, MLflow's telemetry.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ONE_THREAD |= {"JE_ARROW_MALLOC_CONF": "background_thread:false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def start(is_local: bool) -> None:
    """Start the warm processes and put the client in front of PATH, where jobs run on this machine (`is_local`)."""
    if not is_local or os.environ.get("MONTHWISE_WARM") == "0" or not sys.platform.startswith("linux"):
        return
    folder = tempfile.mkdtemp(prefix="monthwise-")  # of this user alone; the path of a socket has to be short
    client = Path(folder, "python")
    command = " ".join(_quoted(word) for word in (sys.executable, "-I", "-S", str(HERE / "client.py"), folder))
    client.write_bytes(os.fsencode(f'#!/bin/sh\nexec {command} "$@"\n'))
    client.chmod(0o700)
    listeners = [_listen(folder, kind) for kind in WARM]
    numbers = [listener.fileno() for listener in listeners]
    process = subprocess.Popen(
        [sys.executable, "-P", str(HERE / "process.py"), folder, *map(str, numbers)],
        stdin=subprocess.PIPE,  # its end is how they know that Snakemake is gone
        stdout=subprocess.DEVNULL,
        env=os.environ | ONE_THREAD,
        pass_fds=numbers,
    )
    for listener in listeners:
        listener.close()
    os.environ["PATH"] = folder + os.pathsep + os.environ["PATH"]
    atexit.register(_stop, process, folder)


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def _listen(folder: str, kind: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{folder}/{kind}")
    listener.listen(1024)
    for program in WARM[kind][1]:
        os.symlink(kind, f"{folder}/{program}.py")
    return listener


def _stop(process: subprocess.Popen, folder: str) -> None:
    """End the processes; what they know of the last jobs is then written."""
    process.stdin.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)
