"""One lock for whatever writes state in a directory: `run`, `locate`, `track`, `prune`, and Snakemake called by itself.

Snakemake's own lock is no mutex, and jobs that outlive a killed Snakemake hold no file of it. So the holder's processes
carry a token in their environment: whoever comes when the holder is dead ends what is left of it, and goes on.
"""

import contextlib
import fcntl
import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from . import clock, cluster, results
from .exits import CannotWrite, TryAgain

PATH = ".monthwise.lock"
TOKEN = "MONTHWISE_RUN"
GONE_S = 20.0  # how long a killed process may take to be gone


@contextlib.contextmanager
def hold(command: str, marks_format: bool = True) -> Iterator[None]:
    """Hold the lock of the working directory; TryAgain, at once, where a living process has it.

    Inside, and in every process started from there, the environment holds the token.
    """
    file = take(command, marks_format)
    try:
        yield
    finally:
        os.environ.pop(TOKEN, None)
        file.truncate(0)
        file.close()


def take(command: str, marks_format: bool = True):
    """Take the lock until the process ends or the file that is returned is closed.

    `marks_format`: whether what this call writes has the formats of this version, so that registry/format.json says so.
    """
    file = open(PATH, "a+b", buffering=0)  # noqa: SIM115 - it is the lock
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _read(file)
        file.close()
        who = f"{holder['command']} (process group {holder['process_group']}) since {holder['since']}" if holder else ""
        raise TryAgain(
            f"{who or 'another call'} is already running in {os.getcwd()}; rerun the command when it has finished"
        ) from None
    if holder := _read(file):
        end_orphans(holder["token"], holder["process_group"])
        cluster.cancel_left()
    token = uuid.uuid4().hex
    since = clock.now()
    told = {"command": command, "process_group": os.getpgrp(), "since": since, "token": token}
    file.truncate(0)
    file.write(json.dumps(told).encode())
    os.environ[TOKEN] = token
    if marks_format:
        results.write_format()
    return file


def is_held_by_another() -> bool:
    """Whether a process that did not start this one holds the lock of the working directory."""
    return _look()[0]


def killed_run() -> str | None:
    """Return when a `run` began that was killed and that no later call cleaned up after; None if there is none."""
    is_held, holder = _look()
    # Snakemake called by itself leaves its entry at every end.
    return holder["since"] if holder and holder["command"] == "run" and not is_held else None


def _look() -> tuple[bool, dict | None]:
    """Return whether a process that did not start this one holds the lock, and the entry of the last holder."""
    if TOKEN in os.environ or not os.path.exists(PATH):
        return False, None
    with open(PATH, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True, None
        return False, _read(file)


def _read(file) -> dict | None:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return holder if {"command", "process_group", "since", "token"} <= holder.keys() else None
    except (ValueError, AttributeError):
        return None


def signal_processes(token: str, number: int) -> int:
    """Send a signal to every process that carries the token, but for this one; return how many there are."""
    found = carrying(token)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return len(found)


def end_orphans(token: str, process_group: int) -> None:
    """Kill what carries the token of a dead holder, and return when it is gone."""
    if not Path("/proc/self/environ").exists():
        return  # without /proc nobody can tell orphans from others
    end = time.monotonic() + GONE_S
    while signal_processes(token, signal.SIGKILL):
        if time.monotonic() > end:
            raise CannotWrite(
                f"processes of a run that was killed (group {process_group}) do not end; end them by hand"
            )
        time.sleep(0.02)


def carrying(token: str) -> list[int]:
    """Return the processes that carry the token, but for this one."""
    marker, found = f"{TOKEN}={token}".encode(), []
    for entry in os.listdir("/proc"):
        if not entry.isdecimal() or int(entry) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            if marker in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                found.append(int(entry))
    return found
