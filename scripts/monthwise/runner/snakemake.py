"""Call Snakemake once; read from its events what it would do, or what it did.

Snakemake runs as a process in its own process group. Its own output goes to a file, for people.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from ..base import lock
from ..base.exits import CannotWrite, Exit, TryAgain, WrongConfig, WrongUsage
from ..base.resources import resource
from ..workflow.targets import REQUESTED
from . import user_profile
from .events import Job, Reader, Result

RUNNER = Path(__file__).with_name("snakemake_plugins") / "run_module.py"
ENDED_S = 0.5  # how often to check whether a silent Snakemake has ended
# If a profile is quiet about rules and progress, Snakemake ends a dry run before its events. Override that.
DRY_RUN = ["--cores", "1", "--dry-run", "--quiet", "host"]


class Snakemake:
    """How this command line calls Snakemake: settings, datasets, cores; `environment` goes to all processes."""

    def __init__(
        self,
        config: Sequence[str],
        configfiles: Sequence[str | Path],
        jobs: int,
        environment: dict[str, str],
        snakefile: Path | None = None,
    ):
        self.jobs, self.environment = jobs, environment
        self.profile = user_profile.read(environment.get(user_profile.VARIABLE))
        self.options = [
            "--snakefile",
            str(snakefile or resource("Snakefile")),
            "--workflow-profile",
            str(resource("profiles/default")),
        ]
        self.options += ["--nocolor", "--logger", "monthwise"]
        self.options += ["--configfile", *map(str, configfiles)] if configfiles else []
        self.options += ["--config", *config] if config else []

    def plan(self, targets: Sequence[str], forced: Sequence[str] = ()) -> list[Job]:
        """Return the jobs that would run, in Snakemake's order; change nothing."""
        reader = Reader(lambda state, job: None)
        self._read_only([*DRY_RUN, *_forcing(forced)], targets, reader)
        return list(reader.jobs.values())

    def run(
        self, targets: Sequence[str], log: IO[str], notify: Callable[[str, Job], None], forced: Sequence[str] = ()
    ) -> Result:
        """Build the targets; return the result.

        The output goes to the file `log`. `notify` is called for each job that is `started`, `done` or `failed`.
        """
        options = ["--cores", str(self.jobs), *self.profile.options(), *_forcing(forced)]
        reader = Reader(notify)
        log.flush()
        size = os.path.getsize(log.name)
        with self._call(options, targets, log) as (process, events), _passing_signals(process):
            for line in _lines(process, events):
                reader.read(line)
        result = reader.settle()
        result.code = process.returncode
        if result.code and not result.failed:
            result.error = _why(result.code, result, log.name, size)
        return result

    def touch(self, targets: Sequence[str]) -> None:
        """Record files as up to date as they are, with their inputs."""
        options = ["--cores", "1", "--touch", *_forcing(targets)]
        self._read_only(options, targets, Reader(lambda state, job: None))

    def unlock(self) -> None:
        """Remove the locks that a killed Snakemake left. Only the holder of the lock of lock.py may call this."""
        self._read_only(["--unlock"], [], Reader(lambda state, job: None))

    def _read_only(self, options: list[str], targets: Sequence[str], reader: Reader) -> None:
        """Make a call that runs no jobs. Raises the error that ended it."""
        with _file(".log") as log:
            with self._call([*options, *user_profile.NO_PROFILE], targets, log) as (process, events):
                for line in _lines(process, events):
                    reader.read(line)
            if process.returncode:
                raise as_exit(process.returncode, _why(process.returncode, reader.result, log.name))

    @contextlib.contextmanager
    def _call(
        self, options: list[str], targets: Sequence[str], log: IO[str]
    ) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        """Start Snakemake; yield the process and the descriptor of its events."""
        with _file(".targets") as targets_file, _pipe() as (reading, writing):
            targets_file.write("\n".join(targets))
            targets_file.flush()
            descriptor = ["--logger-monthwise-descriptor", str(writing.fileno())]
            process = subprocess.Popen(
                [sys.executable, str(RUNNER), "snakemake", *self.options, *descriptor, *options],
                env=self.environment | {REQUESTED: targets_file.name, lock.TOKEN: os.environ.get(lock.TOKEN, "")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[writing.fileno()],
                process_group=0,
            )
            writing.close()
            try:
                yield process, reading.fileno()
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
            finally:
                if process.wait() < 0 and lock.TOKEN in os.environ:  # Snakemake was killed, its jobs were not
                    lock.end_orphans(os.environ[lock.TOKEN], process.pid)


def _file(suffix: str) -> IO[str]:
    """Return a new file in the working directory, which jobs on other machines read too. Closing it deletes it."""
    folder = os.path.abspath(".snakemake")
    os.makedirs(folder, exist_ok=True)
    return tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="monthwise-", suffix=suffix, dir=folder)


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as reader, open(writing, "wb", buffering=0) as writer:
        yield reader, writer


def _lines(process: subprocess.Popen[bytes], descriptor: int) -> Iterator[bytes]:
    """Yield lines until the process has ended. Processes that it started may hold the pipe open for longer."""
    rest = b""
    while True:
        has_ended = process.poll() is not None
        if not select.select([descriptor], [], [], 0 if has_ended else ENDED_S)[0]:
            if has_ended:
                return
            continue
        if not (chunk := os.read(descriptor, 1 << 16)):
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


@contextlib.contextmanager
def _passing_signals(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass on signals that stop this process. Ctrl-C ends jobs at once; SIGTERM lets running jobs finish."""

    def stop(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
            if number != signal.SIGTERM:
                lock.signal_processes(os.environ[lock.TOKEN], number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def as_exit(code: int, line: str) -> Exit:
    """Return an Exit for Snakemake's exit code: of our own class with that code, else a plain Exit."""
    kind_by_code = {kind.code: kind for kind in (WrongConfig, WrongUsage, CannotWrite, TryAgain)}
    return kind_by_code.get(code, Exit)(line)


def _forcing(paths: Sequence[str]) -> list[str]:
    return ["--forcerun", *paths] if paths else []


def _why(code: int, result: Result, log: str, begin: int = 0) -> str:
    """Return in one line why Snakemake ended: our own line in its output, its exception, or its last line."""
    with open(log, "rb") as file:
        file.seek(begin)
        lines = [line for line in file.read().decode("utf-8", errors="replace").splitlines() if line.strip()]
    own = [line.removeprefix("monthwise: ") for line in lines if line.startswith("monthwise: ")]
    # `sys.exit(78)` in the Snakefile follows our own line. In an input function it is an exception of Snakemake.
    # With code 1, which is Snakemake's own, or after a signal, our lines are only notices.
    if own and code > 1 and (not result.error or "SystemExit" in result.error):
        return own[-1]
    return f"Snakemake: {result.error or (lines[-1].strip() if lines else 'no output')}"
