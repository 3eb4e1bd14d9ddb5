"""The warm processes (__init__.py): each imports libraries, forks the next one, and then forks for jobs.

Each is forked from the one before and has imported more, so that a job is no larger than it would be by itself. They
hold libraries only: the project's own modules are imported by each job, as they then are. They have one thread, since a
fork takes no others along. They end when Snakemake does, whichever way it ends, and take their jobs along. A job stays
in Snakemake's process group, and inherits no file but its standard streams.

Snakemake measures its own children alone, so what it writes about a job into `benchmarks/` is replaced: seconds from
the fork to the end, CPU, peak memory, bytes read and written; what cannot be known afterwards is NA.
"""

import atexit
import contextlib
import dataclasses
import gc
import importlib
import logging
import os
import resource
import selectors
import shutil
import signal
import socket
import struct
import sys
import threading
import time
import types
import warnings
from collections.abc import Mapping
from pathlib import Path

# What each process imports on top of the one before, and the programs that it forks for.
WARM = {
    "data": (
        ("urllib3", "numpy", "pyarrow.parquet", "pyarrow.compute"),
        ("locate", "ingest", "clean", "featurize", "promote", "evidence"),
    ),
    "models": (
        (
            "pandas",
            "pyarrow.pandas_compat",
            "sklearn.compose",
            "sklearn.ensemble",
            "sklearn.linear_model",
            "skops.io",
            "scipy.stats",
            "scipy.spatial.distance",
        ),
        ("train", "evaluate", "score", "compare", "drift"),
    ),
    "tracking": (
        ("mlflow.sklearn", "mlflow.store.tracking.sqlalchemy_workspace_store", "alembic.command", "git"),
        ("track", "register"),
    ),
}
TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


def use_models(folder: str):
    """Fit, write and read next to nothing: a first call costs as much as an import. Return model and features."""
    import pandas as pd
    import skops.io
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    features = pd.DataFrame({"a": range(100)}, dtype="float32")
    trees = HistGradientBoostingRegressor(max_iter=1, early_stopping=False)
    model = Pipeline([("columns", ColumnTransformer([("a", "passthrough", ["a"])])), ("trees", trees)])
    model.fit(features, features["a"]).predict(features)
    skops.io.dump(model, f"{folder}/model.skops")
    skops.io.load(f"{folder}/model.skops", trusted=TRUSTED)
    return model, features


def use_tracking(folder: str) -> None:
    """Write and read a model as MLflow does; opens no store, so that no connection is inherited."""
    import mlflow

    model, features = use_models(folder)
    options = {"serialization_format": "skops", "skops_trusted_types": TRUSTED, "pip_requirements": []}
    mlflow.sklearn.save_model(model, f"{folder}/mlflow", input_example=features[:2], **options)
    mlflow.pyfunc.load_model(f"{folder}/mlflow").predict(features[:2])


USE = {"models": use_models, "tracking": use_tracking}


def _use(kind: str, folder: str) -> None:
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            USE[kind](folder)
    except Exception as error:
        print(f"monthwise: jobs start slower than they could: {type(error).__name__}: {error}", file=sys.stderr)
    logging.disable(logging.NOTSET)
    gc.freeze()


class Client:
    """The process that asks for a job, as the kernel knows it."""

    def __init__(self, connection: socket.socket, streams: list[int]):
        """Add its streams to `streams`; ValueError where it is another user's, or needs a Python of its own."""
        connection.settimeout(5)
        self.pid, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        streams += socket.recv_fds(connection, 1, 3)[1]
        self.streams = streams
        entries = (entry.partition("=") for entry in self._read("environ").split("\0"))
        self.environment = {name: value for name, _, value in entries if name}
        self.command = self._read("cmdline").split("\0")[5:-1]  # behind `python -I -S client.py FOLDER`
        is_alike = os.getsid(self.pid) == os.getsid(0) and _of_python(self.environment) == _of_python(os.environ)
        if user != os.getuid() or len(self.streams) != 3 or not is_alike:
            raise ValueError(f"process {self.pid} of user {user}")

    def _read(self, name: str) -> str:
        return os.fsdecode(Path(f"/proc/{self.pid}/{name}").read_bytes())

    def benchmark(self) -> Path | None:
        """Return where the rule whose log is `logs/X.log` has its benchmark; a test holds the rules to that."""
        log = Path(os.readlink(f"/proc/self/fd/{self.streams[1]}"))
        folder = Path(os.readlink(f"/proc/{self.pid}/cwd"))
        if not log.is_relative_to(folder / "logs"):
            return None
        return (folder / "benchmarks" / log.relative_to(folder / "logs")).with_suffix(".tsv")

    def become(self, folder: str) -> None:
        """Make this process what a Python would be that had been started in the place of the client."""
        status = dict(line.split(":\t", 1) for line in self._read("status").splitlines())
        for limit in {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}:
            resource.setrlimit(limit, resource.prlimit(self.pid, limit))
        os.umask(int(status["Umask"], 8))
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, self.pid))
        os.sched_setaffinity(0, os.sched_getaffinity(self.pid))
        os.setpgid(0, os.getpgid(self.pid))
        os.chdir(f"/proc/{self.pid}/cwd")
        for number, stream in enumerate(self.streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(self.environment | {"PATH": self.environment["PATH"].removeprefix(folder + os.pathsep)})
        time.tzset()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            ignored = int(status["SigIgn"], 16) >> (number - 1) & 1
            signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if os.isatty(1):
            sys.stdout.reconfigure(line_buffering=True)
        threads = self.environment.get("OMP_NUM_THREADS", "")  # libraries read it when they are loaded
        if threads.isdecimal() and "threadpoolctl" in sys.modules:
            sys.modules["threadpoolctl"].threadpool_limits(int(threads))
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()  # as the standard library's is by itself
        gc.enable()


def _of_python(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that Python reads when it starts."""
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


def run(command: list[str]) -> None:
    """Run a program and end this process as `python PROGRAM ARGUMENTS` ends, but without taking all modules apart."""
    path = os.path.abspath(command[0])
    Path("/proc/self/comm").write_text(Path(path).stem)  # what `top` shows
    sys.argv[:] = command
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    program = sys.modules["__main__"] = types.ModuleType("__main__")
    program.__file__ = path
    code = 0
    try:
        exec(compile(Path(path).read_bytes(), path, "exec"), program.__dict__)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if code == 1 and end.code != 1:
            print(end.code, file=sys.stderr)
    except BaseException as error:
        traceback = error.__traceback__.tb_next  # without this function
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
        code = 1
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
    threading._shutdown()  # as multiprocessing ends the processes that it forks
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        print(f"Exception ignored in: {sys.stdout}\nOSError: {error}", file=sys.stderr, flush=True)
        code = 120
    os._exit(code & 255)


@dataclasses.dataclass
class Job:
    """A forked job: who waits for it, when it began, where Snakemake writes what it measured of the client."""

    connection: socket.socket
    began: float
    benchmark: Path | None


class Warm:
    """A warm process at work: forks for the clients of one socket until Snakemake is gone."""

    def __init__(self, folder: str, listener: socket.socket):
        self.folder, self.listener = folder, listener
        self.jobs: dict[int, Job] = {}
        self.measured: dict[Path, tuple[float, dict[str, str]]] = {}
        self.ready = selectors.DefaultSelector()
        self.ended, self.wake = socket.socketpair()

    def serve(self) -> None:
        """Return when Snakemake is gone; a forked job does not return."""
        self.wake.setblocking(False)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # from the process before this one: it sees for itself
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake.fileno(), warn_on_full_buffer=False)
        for source in (0, self.listener, self.ended):
            self.ready.register(source, selectors.EVENT_READ)
        while True:
            for source in [key.fileobj for key, _ in self.ready.select(0.2 if self.measured else None)]:
                if source == 0:
                    signal.set_wakeup_fd(-1)
                    self._kill(*self.jobs)
                    self._write_measured()
                    return
                if source is self.ended:
                    self.ended.recv(4096)
                    self._reap()
                elif source is self.listener:
                    self._fork(self.listener.accept()[0])
                else:  # a client was killed
                    self.ready.unregister(source)
                    self._kill(*(pid for pid, job in self.jobs.items() if job.connection is source))
            self._write_measured()

    def _fork(self, connection: socket.socket) -> None:
        """Fork for a client; one whose connection is closed without a word helps itself."""
        streams = []
        try:
            client = Client(connection, streams)
            began, pid = time.time(), os.fork()
        except (OSError, ValueError):
            connection.close()
        else:
            if pid == 0:
                signal.set_wakeup_fd(-1)
                self.ready.close()
                others = [job.connection for job in self.jobs.values()]
                for end in (connection, self.listener, self.ended, self.wake, *others):
                    end.close()
                client.become(self.folder)
                run(client.command)
            self.jobs[pid] = Job(connection, began, client.benchmark())
            self.ready.register(connection, selectors.EVENT_READ)
            self._tell(connection, pid)
        for stream in streams:
            os.close(stream)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                counters = dict(line.split(": ") for line in Path(f"/proc/{ended.si_pid}/io").read_text().splitlines())
                pid, status, usage = os.wait4(ended.si_pid, 0)
                if (job := self.jobs.pop(pid, None)) is None:
                    continue  # the next warm process
                if job.benchmark and status == 0:  # Snakemake writes none of a job that failed
                    self.measured[job.benchmark] = job.began, _figures(time.time() - job.began, usage, counters)
                with contextlib.suppress(KeyError):
                    self.ready.unregister(job.connection)
                self._tell(job.connection, status)
                job.connection.close()

    def _tell(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):  # the client may be gone
            connection.send(number.to_bytes(4, "little"))

    def _kill(self, *jobs: int) -> None:
        for pid in jobs:
            os.kill(pid, signal.SIGKILL)

    def _write_measured(self) -> None:
        """Replace what Snakemake has meanwhile written about jobs that ended."""
        for path, (began, figures) in list(self.measured.items()):
            with contextlib.suppress(OSError):
                lines = path.read_text().splitlines()
                if path.stat().st_mtime < began or len(lines) != 2:
                    continue
                names = lines[0].split("\t")
                written = dict(zip(names, lines[1].split("\t"), strict=True)) | figures
                part = path.with_name(f".{path.name}.part")
                part.write_text(lines[0] + "\n" + "\t".join(written[name] for name in names) + "\n")
                os.replace(part, path)
                del self.measured[path]


def _figures(seconds: float, usage: resource.struct_rusage, counters: Mapping[str, str]) -> dict[str, str]:
    """Return columns of Snakemake's benchmark files: memory and transfers in MB, load in percent."""
    cpu, whole = usage.ru_utime + usage.ru_stime, int(seconds)
    return {
        "s": f"{seconds:.4f}",
        "h:m:s": f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}",
        "max_rss": f"{usage.ru_maxrss / 1024:.2f}",
        **dict.fromkeys(("max_vms", "max_uss", "max_pss"), "NA"),
        "io_in": f"{int(counters['read_bytes']) / 2**20:.2f}",
        "io_out": f"{int(counters['write_bytes']) / 2**20:.2f}",
        "mean_load": f"{100 * cpu / seconds:.2f}",
        "cpu_time": f"{cpu:.2f}",
    }


def main() -> None:
    """Import, fork the next process, use what was imported, serve."""
    folder, *numbers = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the jobs; this ends with Snakemake
    gc.disable()
    listeners = {kind: socket.socket(fileno=int(number)) for kind, number in zip(WARM, numbers, strict=True)}
    for kind in WARM:
        for library in WARM[kind][0]:
            with contextlib.suppress(ImportError):  # a job that needs it will say so
                importlib.import_module(library)
        gc.freeze()
        listener = listeners.pop(kind)
        following = os.fork() if listeners else None
        if following != 0:
            break
        listener.close()
    for other in listeners.values():
        other.close()
    if kind in USE:
        _use(kind, folder)
    Warm(folder, listener).serve()
    if following:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(following, signal.SIGUSR1)  # ends it if it is still importing
            os.waitpid(following, 0)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
