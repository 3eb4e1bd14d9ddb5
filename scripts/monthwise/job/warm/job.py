"""A job in a warm process: who asks for it, and how a forked process becomes what a Python of its own would be."""

from __future__ import annotations

import atexit
import gc
import io
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time
import types
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

# What is read when a process starts: by Python, by the dynamic loader, by the C library.
AT_START = ("PYTHON", "LD_", "LC_", "LANG")


class NotAlike(Exception):
    """The client is another user's, or asks for what only a Python of its own can do."""


class Client:
    """The process that asks for a job, as the kernel knows it."""

    def __init__(self, connection: socket.socket, streams: list[int]):
        """Add its streams to `streams`. Raises NotAlike, and OSError where the kernel does not tell."""
        connection.settimeout(5)
        self.pid, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if user != os.geteuid():
            raise NotAlike
        connection.send(b"?")
        streams += socket.recv_fds(connection, 1, 3)[1]
        self.streams = streams
        entries = (entry.partition("=") for entry in self._read("environ").split("\0"))
        self.environment = {name: value for name, _, value in entries if name}
        self.command = self._read("cmdline").split("\0")[6:-1]  # behind `python -I -S client.py ADDRESS PYTHON`
        is_alike = os.getsid(self.pid) == os.getsid(0) and _at_start(self.environment) == _at_start(os.environ)
        if len(self.streams) != 3 or not is_alike or not self.command:
            raise NotAlike
        self.benchmark = self._benchmark()

    def _read(self, name: str) -> str:
        return os.fsdecode(Path(f"/proc/{self.pid}/{name}").read_bytes())

    def _benchmark(self) -> Path | None:
        """Return where the rule whose log is `logs/X.log` has its benchmark; a test holds the rules to that."""
        log = Path(os.readlink(f"/proc/self/fd/{self.streams[1]}"))
        folder = Path(os.readlink(f"/proc/{self.pid}/cwd"))
        if not log.is_relative_to(folder / "logs"):
            return None
        return (folder / "benchmarks" / log.relative_to(folder / "logs")).with_suffix(".tsv")

    def become(self) -> None:
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
        os.environ.update(self.environment)
        time.tzset()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            ignored = int(status["SigIgn"], 16) >> (number - 1) & 1
            signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if os.isatty(1) and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)
        self._reset_libraries()
        gc.enable()

    def _reset_libraries(self) -> None:
        """Let libraries take from the environment what they take when they are loaded."""
        threads = self.environment.get("OMP_NUM_THREADS", "")
        if threads.isdecimal() and "threadpoolctl" in sys.modules:
            sys.modules["threadpoolctl"].threadpool_limits(int(threads))
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()  # as the standard library's is by itself
        if "tempfile" in sys.modules:
            import tempfile

            tempfile.tempdir = None


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(AT_START)}


def is_gone(connection: socket.socket) -> bool:
    """Whether the client at the other end was killed, or helps itself."""
    connection.setblocking(False)
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def run(command: list[str], source: bytes) -> NoReturn:
    """Run a program and end this process as `python PROGRAM ARGUMENTS` ends, but without taking all modules apart."""
    path = os.path.abspath(command[0])
    sys.argv[:] = command
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    program = sys.modules["__main__"] = types.ModuleType("__main__")
    program.__file__ = path
    code = 0
    try:
        exec(compile(source, path, "exec"), program.__dict__)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if code == 1 and end.code != 1:
            print(end.code, file=sys.stderr)
    except BaseException as error:
        traceback = error.__traceback__ and error.__traceback__.tb_next  # without this function
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
        code = 1
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
    # As multiprocessing ends the processes that it forks.
    threading._shutdown()  # type: ignore[attr-defined]  # private, so typeshed lacks it
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        print(f"Exception ignored in: {sys.stdout}\nOSError: {error}", file=sys.stderr, flush=True)
        code = 120
    os._exit(code & 255)
