"""A warm start for jobs: processes that have imported the libraries already, and fork for each job.

Importing takes longer than most jobs work. While Snakemake runs jobs on its own machine, `bin/python` stands in front
of PATH. It starts a client (client.py) that hands its standard streams over a socket to the process that is warm for
the program it is to run (server.py), passes signals on to the job, and ends as the job ends. Without an answer it
becomes the real Python, as it does for whatever is not a program of this project. Rules and programs know nothing of
it, and everything works the same without: on systems other than Linux, with executors that send jobs elsewhere, with
MONTHWISE_WARM=0, and where something here fails, which is said in one line (watch.py).

The sockets have names and no files, so no folder is needed. Both ends check that the other one is of the same user.
"""

import atexit
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ...base import lock
from .watch import Watch

HERE = Path(__file__).parent
STAND_IN = HERE / "bin" / "python"
# No library is to start a thread while it is imported: linear algebra, OpenMP, Arrow's allocator, MLflow's telemetry.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ONE_THREAD |= {"JE_ARROW_MALLOC_CONF": "background_thread:false", "MLFLOW_DISABLE_TELEMETRY": "true"}
STOP_S = 5.0
ADDRESS = "MONTHWISE_WARM_ADDRESS"


def start(is_local: bool, programs: Mapping[str, Sequence[str]]) -> None:
    """Start the warm processes and put the stand-in in front of PATH, where jobs run on this machine (`is_local`).

    `programs`: those that each process forks for, by its name in libraries.py.
    """
    if not (is_local and programs) or os.environ.get("MONTHWISE_WARM") == "0" or not sys.platform.startswith("linux"):
        return
    report_lost = _once_in_a_run(Path(".snakemake/monthwise-cold").absolute())
    try:
        _start(programs, report_lost)
    except Exception as error:
        report_lost(f"{type(error).__name__}: {error}")


def python() -> str:
    """Return the Python that starts jobs: the stand-in where warm processes were started, else this one."""
    return str(STAND_IN) if ADDRESS in os.environ else sys.executable


def is_warm_job() -> bool:
    """Whether this process was forked by a warm one: its first command line is the one of that."""
    return str(HERE / "process.py") in sys.orig_argv


def _start(programs: Mapping[str, Sequence[str]], report_lost: Callable[[str], None]) -> None:
    python = shutil.which("python")
    if not python or not os.path.samefile(os.path.dirname(python), os.path.dirname(sys.executable)):
        raise RuntimeError(f"jobs find {python or 'no python'}, not {sys.executable}")
    address = f"monthwise-{uuid.uuid4().hex}"
    changed = {"MONTHWISE_WARM_PYTHON": python, ADDRESS: address}
    changed["PATH"] = os.pathsep.join([str(STAND_IN.parent), os.environ["PATH"]])
    _try_stand_in(changed)
    listeners = {kind: [_listen(f"{address}-{program}.py") for program in names] for kind, names in programs.items()}
    lifelines = {kind: socket.socketpair() for kind in programs}
    descriptors = {kind: [end.fileno() for end in (lifelines[kind][1], *listeners[kind])] for kind in programs}
    read_end, write_end = os.pipe()  # the end of this pipe is how they know that Snakemake is gone
    process = subprocess.Popen(
        [python, "-P", str(HERE / "process.py"), json.dumps(descriptors)],
        stdin=read_end,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # so that none of them can hold Snakemake's output open
        env=os.environ | ONE_THREAD,
        pass_fds=[number for numbers in descriptors.values() for number in numbers],
    )
    os.close(read_end)
    for kind in programs:
        for end in (lifelines[kind][1], *listeners[kind]):
            end.close()
    try:
        watch = Watch(process.pid, {kind: ends[0] for kind, ends in lifelines.items()}, report_lost)
        watch.start()
    except Exception:  # for example no more threads for this user
        os.close(write_end)
        raise
    atexit.register(_stop, process, write_end, watch)
    os.environ.update(changed)


def _listen(name: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"\0{name}")
    listener.listen(1024)
    return listener


def _try_stand_in(changed: dict[str, str]) -> None:
    """Raise where `python` does not start: a file system without exec rights, a lost mode bit, a colon in the path."""
    if shutil.which("python", path=changed["PATH"]) != str(STAND_IN):
        raise RuntimeError(f"not executable here: {STAND_IN}")
    tried = subprocess.run(
        [STAND_IN, "-V"],
        env=os.environ | changed,
        timeout=60,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if tried.returncode or not tried.stdout.startswith("Python "):
        raise RuntimeError(f"{STAND_IN} ends with {tried.returncode}: {tried.stdout.strip()}")


def _once_in_a_run(marker: Path) -> Callable[[str], None]:
    """Return what says that jobs start cold: once in a run, which may call Snakemake several times."""
    run, is_reported = os.environ.get(lock.TOKEN, ""), False
    with contextlib.suppress(OSError):
        is_reported = run != "" and marker.read_text() == run

    def report_lost(reason: str) -> None:
        nonlocal is_reported
        if is_reported:
            return
        is_reported = True
        with contextlib.suppress(OSError):
            marker.write_text(run)
        with contextlib.suppress(OSError, ValueError):
            print(f"monthwise: the warm start is lost, jobs start cold: {reason}", file=sys.stderr, flush=True)

    return report_lost


def _stop(process: subprocess.Popen[bytes], write_end: int, watch: Watch) -> None:
    """End the processes; what they know of the last jobs is then written."""
    watch.is_stopping = True
    os.close(write_end)
    watch.join(STOP_S)
    watch.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
