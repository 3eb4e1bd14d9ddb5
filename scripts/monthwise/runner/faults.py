"""Failed jobs and calls: exit codes, and lines for people."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from typing import TYPE_CHECKING

from ..base import exits
from ..base.job_logs import last_exit
from .events import Job

if TYPE_CHECKING:
    from ..base.file_types import Fault

# The most serious first. A month that is not yet published is not a failure.
SEVERITY = (1, os.EX_CANTCREAT, os.EX_CONFIG, os.EX_USAGE, os.EX_UNAVAILABLE, os.EX_DATAERR, os.EX_TEMPFAIL, os.EX_OK)


def most_serious(codes: Collection[int]) -> int:
    """Return the exit code for what happened; 0 if nothing did."""
    return next((code for code in SEVERITY if code in codes), max(codes, default=os.EX_OK))


def code_and_line(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the line for an error that ended a call early."""
    if isinstance(error, OSError):
        error = exits.from_os_error(error) or error
    if isinstance(error, exits.Exit):
        return error.code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return 128 + signal.SIGINT, "interrupted; rerun the command to continue"
    return 1, f"{type(error).__name__}: {error}"


def fault_of(job: Job) -> Fault:
    """Return a failed job as a fault, with the exit code and the last line of its log."""
    code, line = last_exit(job.log)
    return {
        "rule": job.rule,
        "dataset": job.dataset,
        "month": job.month or None,
        "code": code or 1,
        "line": line,
        "log": job.log,
    }


def in_words(fault: Fault) -> str:
    """Return a fault as one line that names its log."""
    line = fault["line"]
    subject = " ".join(word for word in (fault["dataset"], fault["month"]) if word)
    if not line.startswith(subject):
        line = f"{subject}: {line}"
    return f"{line} ({fault['rule']}, {fault['log']})"
