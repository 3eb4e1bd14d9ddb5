"""Ends that a user can cause: a code of sysexits.h and one line that says what, where and what to do next."""

import errno
import os


class Exit(Exception):
    """An end with a code and one line; raised as one of the kinds below."""

    code = 1


class WrongUsage(Exit):
    """The command line is wrong."""

    code = os.EX_USAGE


class BadData(Exit):
    """Data were rejected by a rule of config, cannot be read, or are missing."""

    code = os.EX_DATAERR


class NotPublished(Exit):
    """The month is not published yet. Nothing else has this code: a run takes it for no failure."""

    code = os.EX_NOINPUT


class Unreachable(Exit):
    """The publisher or the tracking store cannot be reached."""

    code = os.EX_UNAVAILABLE


class CannotWrite(Exit):
    """An output cannot be written: a full disk, a quota, missing rights."""

    code = os.EX_CANTCREAT


class TryAgain(Exit):
    """Another run is already running, or an input changed under the job: rerunning the command is all it takes."""

    code = os.EX_TEMPFAIL


class WrongConfig(Exit):
    """The configuration is wrong."""

    code = os.EX_CONFIG


CANNOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


def from_os_error(error: OSError) -> Exit | None:
    """Return the end that stands for a failed system call; None where it is nobody's fault but the program's."""
    if error.errno in CANNOT_WRITE:
        where = f" {error.filename}" if error.filename else ""
        if error.errno in (errno.EACCES, errno.EPERM):
            denied = f"permission denied:{where or ' a file'}"
            return CannotWrite(f"{denied}; change its permissions, then rerun the command")
        return CannotWrite(f"cannot write{where}: {os.strerror(error.errno)}; make room, then rerun the command")
    if isinstance(error, FileNotFoundError) and error.filename:
        return BadData(f"the file {error.filename} is missing; restore it, or rerun what makes it")
    return None
