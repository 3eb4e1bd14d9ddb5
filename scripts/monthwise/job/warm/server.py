"""The warm processes (__init__.py): each imports libraries, forks the next one, and then forks for jobs.

Each is forked from the one before and has imported more, so that a job is no larger than it would be by itself. They
have one thread, since a fork takes no others along. They end when Snakemake does, whichever way it ends, and take their
jobs along. A job stays in Snakemake's process group, and inherits no file but its standard streams.

Whatever goes wrong here costs no job: a client that hears nothing, or not the end, runs its job cold (client.py).

Snakemake measures its own children alone, so what it writes about a job into `benchmarks/` is replaced: seconds from
the fork to the end, CPU, peak memory, bytes read and written; what cannot be known afterwards is NA.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import resource
import selectors
import signal
import socket
import time
from pathlib import Path
from typing import NoReturn

from . import libraries
from .job import Client, NotAlike, is_gone, run

BEAT_S = 10.0


class Lifeline:
    """How Snakemake's process knows about this one (watch.py): lines down a socket, empty ones for want of news."""

    def __init__(self, descriptor: int):
        self.socket = socket.socket(fileno=descriptor)
        self.socket.setblocking(False)
        self.beaten = 0.0
        self.send_line(f"pid {os.getpid()}")

    def send_line(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self.socket.send(" ".join(text.split())[:500].encode(errors="replace") + b"\n")

    def beat(self) -> None:
        if time.monotonic() - self.beaten >= BEAT_S:
            self.send_line("")
            self.beaten = time.monotonic()

    def close(self) -> None:
        self.socket.close()


@dataclasses.dataclass
class Job:
    """A forked job: who waits for it, when it began, where Snakemake writes what it measured of the client."""

    connection: socket.socket
    began: float
    benchmark: Path | None


class Warm:
    """A warm process at work: forks for the clients of its sockets until Snakemake is gone."""

    def __init__(self, listeners: list[socket.socket], lifeline: Lifeline):
        self.listeners, self.lifeline = listeners, lifeline
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
        self.ready.register(0, selectors.EVENT_READ)
        for listener in (self.ended, *self.listeners):
            self.ready.register(listener, selectors.EVENT_READ)
        while True:
            self.lifeline.beat()
            for source in [key.fileobj for key, _ in self.ready.select(0.2 if self.measured else BEAT_S)]:
                if source == 0:
                    signal.set_wakeup_fd(-1)
                    self._kill(*self.jobs)
                    for pid in list(self.jobs):  # a client that does not hear of the end would run its job cold
                        self._note_end(*os.wait4(pid, 0))
                    self._write_measured()
                    return
                if source is self.ended:
                    self.ended.recv(4096)
                    self._reap()
                elif isinstance(source, socket.socket) and source in self.listeners:
                    self._fork(source.accept()[0])
                else:  # a client was killed
                    with contextlib.suppress(KeyError, ValueError):  # its job has ended just now
                        self.ready.unregister(source)
                    self._kill(*(pid for pid, job in self.jobs.items() if job.connection is source))
            self._write_measured()

    def _fork(self, connection: socket.socket) -> None:
        """Fork for a client; one whose connection is closed without a word helps itself."""
        streams: list[int] = []
        try:
            client = Client(connection, streams)
            began, pid = time.time(), os.fork()
        except NotAlike:
            connection.close()
        except Exception as error:
            self._send_error(connection, error)
            connection.close()
        else:
            if pid == 0:
                self._become_job(client, connection)
            self.jobs[pid] = Job(connection, began, client.benchmark)
            self.ready.register(connection, selectors.EVENT_READ)
        for stream in streams:
            os.close(stream)

    def _become_job(self, client: Client, connection: socket.socket) -> NoReturn:
        """Run the program, in the forked process. Until the client hears that it begins it may still run it itself."""
        try:
            signal.set_wakeup_fd(-1)
            self.ready.close()
            for end in (self.ended, self.wake, *self.listeners, *(job.connection for job in self.jobs.values())):
                end.close()
            client.become()
            with contextlib.suppress(OSError):
                Path("/proc/self/comm").write_text(Path(client.command[0]).stem)  # what `top` shows
            if not os.access(client.command[0], os.R_OK):
                os._exit(1)  # a Python of its own says so
            source = Path(client.command[0]).read_bytes()
            pidfd = os.pidfd_open(os.getpid())
            socket.send_fds(connection, [b"begins"], [pidfd])
        except BaseException as error:
            self._send_error(connection, error)
            os._exit(1)
        os.close(pidfd)
        connection.close()
        self.lifeline.close()
        run(client.command, source)

    def _send_error(self, connection: socket.socket, error: BaseException) -> None:
        if not is_gone(connection):
            self.lifeline.send_line(f"{type(error).__name__}: {error}")

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.wait4(-1, os.WNOHANG))[0]:
                self._note_end(*ended)

    def _note_end(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        if (job := self.jobs.pop(pid, None)) is None:
            return  # the next warm process
        if job.benchmark and status == 0:  # Snakemake writes none of a job that failed
            self.measured[job.benchmark] = job.began, _figures(time.time() - job.began, usage)
        with contextlib.suppress(KeyError):
            self.ready.unregister(job.connection)
        with contextlib.suppress(OSError):  # the client may be gone
            job.connection.send(status.to_bytes(4, "little"))
        job.connection.close()

    def _kill(self, *jobs: int) -> None:
        for pid in jobs:
            os.kill(pid, signal.SIGKILL)

    def _write_measured(self) -> None:
        """Replace what Snakemake has meanwhile written about jobs that ended."""
        for path, (began, figures) in list(self.measured.items()):
            try:
                if _replace_measured(path, began, figures):
                    del self.measured[path]
            except OSError:
                continue
            except ValueError:  # not what Snakemake writes
                del self.measured[path]


def _replace_measured(path: Path, began: float, figures: dict[str, str]) -> bool:
    """Write figures into a benchmark file; False where Snakemake has not written it yet."""
    lines = path.read_text().splitlines()
    if path.stat().st_mtime < began or len(lines) != 2:
        return False
    names = lines[0].split("\t")
    written = dict(zip(names, lines[1].split("\t"), strict=True)) | figures
    part = path.with_name(f".{path.name}.part")
    part.write_text(lines[0] + "\n" + "\t".join(written[name] for name in names) + "\n")
    os.replace(part, path)
    return True


def _figures(seconds: float, usage: resource.struct_rusage) -> dict[str, str]:
    """Return columns of Snakemake's benchmark files: memory and transfers in MB, load in percent.

    The kernel counts transfers in blocks of 512 bytes, where it counts them at all (CONFIG_TASK_IO_ACCOUNTING).
    """
    cpu, whole = usage.ru_utime + usage.ru_stime, int(seconds)
    read, written = (f"{blocks * 512 / 2**20:.2f}" for blocks in (usage.ru_inblock, usage.ru_oublock))
    is_counted = os.path.exists("/proc/self/io")
    return {
        "s": f"{seconds:.4f}",
        "h:m:s": f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}",
        "max_rss": f"{usage.ru_maxrss / 1024:.2f}",
        **dict.fromkeys(("max_vms", "max_uss", "max_pss"), "NA"),
        "io_in": read if is_counted else "NA",
        "io_out": written if is_counted else "NA",
        "mean_load": f"{100 * cpu / seconds:.2f}" if seconds > 0 else "NA",
        "cpu_time": f"{cpu:.2f}",
    }


def start(descriptors: dict[str, list[int]]) -> NoReturn:
    """Be the process of the first kind in `descriptors`: import, fork the next one, use what was imported, serve.

    `descriptors` has the lifeline and the listening sockets of each kind.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the jobs; this ends with Snakemake
    gc.disable()
    kind, *following_kinds = descriptors
    lifeline = Lifeline(descriptors[kind][0])
    listeners = [socket.socket(fileno=number) for number in descriptors[kind][1:]]
    following = None
    try:
        libraries.load(kind, lifeline.beat)
        gc.freeze()
        try:
            following = os.fork() if following_kinds else None
        except OSError as error:
            lifeline.send_line(f"{type(error).__name__}: {error}")
        if following == 0:
            lifeline.close()
            for listener in listeners:
                listener.close()
            start({following_kind: descriptors[following_kind] for following_kind in following_kinds})
        for following_kind in following_kinds:
            for descriptor in descriptors[following_kind]:
                os.close(descriptor)
        libraries.use(kind)
        gc.freeze()
        Warm(listeners, lifeline).serve()
    except BaseException as error:  # its jobs go on in their clients
        lifeline.send_line(f"{type(error).__name__}: {error}")
        os._exit(1)
    if following:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(following, signal.SIGUSR1)  # ends it if it is still importing
            os.waitpid(following, 0)
    os._exit(0)
