"""Errors that a user can cause: an exit code of sysexits.h, and one line with problem, place and next step."""

import errno
import os


class Exit(Exception):
    """An error with an exit code and a one-line message; only the subclasses below are raised."""

    code = 1


class WrongUsage(Exit):
    """The command line is wrong."""

    code = os.EX_USAGE


class BadData(Exit):
    """Data are rejected by a rule of config, cannot be read, or are missing."""

    code = os.EX_DATAERR


class NotPublished(Exit):
    """The month is not yet published. No other error has this code, because a run does not count it as a failure."""

    code = os.EX_NOINPUT


class Unreachable(Exit):
    """The publisher or the tracking store cannot be reached."""

    code = os.EX_UNAVAILABLE


class CannotWrite(Exit):
    """An output cannot be written: full disk, exceeded quota, missing permissions."""

    code = os.EX_CANTCREAT


class TryAgain(Exit):
    """Another run is already running, or an input changed during the job: rerun the command."""

    code = os.EX_TEMPFAIL


class WrongConfig(Exit):
    """The configuration is wrong."""

    code = os.EX_CONFIG


CANNOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


def from_os_error(error: OSError) -> Exit | None:
    """Return the Exit for a failed system call, or None if the cause is an error in the program."""
    if error.errno in CANNOT_WRITE:
        where = f" {error.filename}" if error.filename else ""
        if error.errno in (errno.EACCES, errno.EPERM):
            denied = f"permission denied:{where or ' a file'}"
            return CannotWrite(f"{denied}; change its permissions, then rerun the command")
        return CannotWrite(f"cannot write{where}: {os.strerror(error.errno)}; make room, then rerun the command")
    if isinstance(error, FileNotFoundError) and error.filename:
        return BadData(f"the file {error.filename} is missing; restore it, or rerun what makes it")
    return None
