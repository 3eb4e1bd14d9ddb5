"""One lock per directory for all that writes state: `run`, `locate`, `track`, `prune`, and Snakemake called directly.

Snakemake's own lock is not a mutex, and jobs that outlive a killed Snakemake do not hold it. So the processes of the
holder have a token in their environment: if the holder is dead, the next call kills its orphans and proceeds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import clock, cluster, files, results
from .exits import CannotWrite, TryAgain

if TYPE_CHECKING:
    from io import FileIO
    from typing import BinaryIO

    from .file_types import LockHolder

PATH = ".monthwise.lock"
TOKEN = "MONTHWISE_RUN"
GONE_S = 20.0  # time limit for killed processes to end


@contextlib.contextmanager
def hold(command: str, marks_format: bool = True) -> Iterator[None]:
    """Hold the lock of the working directory; raises TryAgain at once if a running process holds it.

    Inside the context, the environment of this process and of its children has the token.
    """
    file = take(command, marks_format)
    try:
        yield
    finally:
        os.environ.pop(TOKEN, None)
        file.truncate(0)
        file.close()


def take(command: str, marks_format: bool = True) -> FileIO:
    """Take the lock until the process ends or the returned file is closed.

    `marks_format`: whether this call writes files in the formats of this version and updates registry/format.json.
    """
    file = open(PATH, "a+b", buffering=0)  # noqa: SIM115 - the open file is the lock
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _read(file)
        file.close()
        owner = (
            f"{holder['command']} (process group {holder['process_group']}) since {holder['since']}" if holder else ""
        )
        raise TryAgain(
            f"{owner or 'another call'} is already running in {os.getcwd()}; rerun the command when it has finished"
        ) from None
    if holder := _read(file):
        end_orphans(holder["token"], holder["process_group"])
        cluster.cancel_left()
    token = uuid.uuid4().hex
    since = clock.now()
    entry: LockHolder = {"command": command, "process_group": os.getpgrp(), "since": since, "token": token}
    file.truncate(0)
    file.write(files.to_json(entry))
    os.environ[TOKEN] = token
    if marks_format:
        results.write_format()
    return file


def is_held_by_another() -> bool:
    """Return whether another call, which did not start this process, holds the lock of the working directory."""
    return _read_holder()[0]


def killed_run() -> str | None:
    """Return the start time of a killed `run` that no later call has cleaned up, or None."""
    is_held, holder = _read_holder()
    # A direct call of Snakemake always leaves its entry.
    return holder["since"] if holder and holder["command"] == "run" and not is_held else None


def _read_holder() -> tuple[bool, LockHolder | None]:
    """Return whether another call holds the lock, and the entry of the last holder."""
    if TOKEN in os.environ or not os.path.exists(PATH):
        return False, None
    with open(PATH, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True, None
        return False, _read(file)


def _read(file: BinaryIO) -> LockHolder | None:
    file.seek(0)
    holder: LockHolder | None = files.parse_json_if_whole(file.read())
    return holder if holder and {"command", "process_group", "since", "token"} <= holder.keys() else None


def signal_processes(token: str, number: int) -> int:
    """Send a signal to every other process that has the token; return the number of these processes."""
    pids = carrying(token)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return len(pids)


def end_orphans(token: str, process_group: int) -> None:
    """Kill the processes with the token of a dead holder and remove what they were writing.

    Raises CannotWrite if they do not end within GONE_S.
    """
    end = time.monotonic() + GONE_S
    while signal_processes(token, signal.SIGKILL):
        if time.monotonic() > end:
            raise CannotWrite(
                f"processes of a run that was killed (group {process_group}) do not end; end them by hand"
            )
        time.sleep(0.02)
    files.remove_parts()


def carrying(token: str) -> list[int]:
    """Return the ids of all other processes that have the token."""
    import psutil  # only after a call was killed, or to pass on a signal

    pids = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # the process has ended, or belongs to another user
            if process.pid != os.getpid() and process.environ().get(TOKEN) == token:
                pids.append(process.pid)
    return pids
