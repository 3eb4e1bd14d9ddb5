"""Turn failures of the MLflow store into an exit code, what is wrong, and what to do.

For the same causes, MLflow, SQLAlchemy, database drivers and bucket clients have their own exceptions, and some only
messages. Only this module reads these messages.
"""

import contextlib
import re
import sqlite3
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from ..base import suggest
from ..base.exits import CANNOT_WRITE, BadData, CannotWrite, Exit, TryAgain, Unreachable, WrongConfig
from ..base.redact import hide, public
from .uris import SQLITE

LONGEST_REASON = 200  # characters


class Kind(NamedTuple):
    """A kind of failure: a pattern for its message, its exit, what is wrong with the store, and what to do."""

    pattern: str
    exit: type[Exit]
    fault: str
    remedy: str


ELSEWHERE = "set tracking.uri or MLFLOW_TRACKING_URI to another store"
KINDS = (
    Kind(
        r"out-of-date database schema",
        WrongConfig,
        "was made by another version of MLflow",
        f"back it up and upgrade it (.venv/bin/mlflow db upgrade URI), or {ELSEWHERE}",
    ),
    Kind(
        r"Can't locate revision",
        WrongConfig,
        "was made by a newer MLflow or by another program",
        f"use the version that made it, or {ELSEWHERE}",
    ),
    Kind(
        r"file is not a database|database disk image is malformed",
        BadData,
        "is damaged, or no SQLite database",
        "restore the file; or move it away, and ./monthwise track writes a new store",
    ),
    Kind(
        r"password authentication failed|no password supplied|no pg_hba\.conf entry|[Aa]ccess ?[Dd]enied|"
        r"error code 40[13]\b|PERMISSION_DENIED|UNAUTHENTICATED|InvalidAccessKeyId|SignatureDoesNotMatch|"
        r"Unable to locate credentials",
        Unreachable,
        "refuses the user or the password",
        "correct the credentials",
    ),
    Kind(
        r'database "[^"]*" does not exist|Unknown database|NoSuchBucket|error code 404\b|ENDPOINT_NOT_FOUND',
        Unreachable,
        "does not exist at this address",
        f"create it, or {ELSEWHERE}",
    ),
    Kind(
        r"unable to open database file",
        Unreachable,
        "cannot be opened",
        f"create its folder and permit writing there, or {ELSEWHERE}",
    ),
)


@contextlib.contextmanager
def in_one_line(uri: str, where: str) -> Iterator[None]:
    """Turn failures of the store into exits whose message begins with `where` (dataset and month).

    An exception that is a fault of this program is passed on. If its message holds a secret, raises RuntimeError with
    the secret hidden instead.
    """
    try:
        yield
    except Exit as end:
        raise type(end)(str(end) if where in str(end) else f"{where}: {end}") from None
    except Exception as error:
        if (store_exit := exit_of(error, uri)) is not None:
            raise type(store_exit)(f"{where}: {store_exit}") from None
        text = str(error)
        if hide(text, uri) != text:
            raise RuntimeError(f"{type(error).__name__}: {hide(text, uri)}") from None
        raise


def exit_of(error: Exception, uri: str) -> Exit | None:
    """Return the exit for a failure of the store; None if it is a fault of the program."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    chain = list(_chain(error))
    text, store = " ".join(str(exception) for exception in chain), f"tracking store {public(uri)}"
    reason = _reason(text, uri)
    cannot_write = any(isinstance(exception, OSError) and exception.errno in CANNOT_WRITE for exception in chain)
    if cannot_write or "disk is full" in text or "disk I/O error" in text:
        return CannotWrite(f"cannot write to {store} ({reason}); make room, then rerun the command")
    if "database is locked" in text:
        return TryAgain(f"{store} is being written by another program; rerun the command")
    code = error.error_code if isinstance(error, MlflowException) else None
    if code in _OWN_FAULTS:
        return None
    if any(type(exception).__module__.startswith(_OF_ARTIFACTS) for exception in chain):
        store = f"where {store} keeps models"
        kind = _kind(text) or Kind("", Unreachable, "cannot be written", "check tracking.artifacts and the credentials")
    elif code == "RESOURCE_DOES_NOT_EXIST":
        return BadData(f"{store} lacks what the files name ({reason}); `{suggest.command('track')}` writes it again")
    elif missing := next((exception.name for exception in chain if isinstance(exception, ModuleNotFoundError)), None):
        return WrongConfig(f"{store} needs the package {missing}: install it (docs/deploy.md), or {ELSEWHERE}")
    elif isinstance(error, MlflowException | RequestException | SQLAlchemyError | sqlite3.Error):
        kind = _kind(text) or unreachable(uri)
    else:
        return None
    return kind.exit(f"{store} {kind.fault} ({reason}); {kind.remedy}, then rerun the command")


def unreachable(uri: str) -> Kind:
    """Return the kind of failure for a store that does not answer, or whose answer is not that of a store."""
    start = "check the file" if uri.startswith(SQLITE) else "start the server"
    return Kind("", Unreachable, "cannot be reached", f"the model is safe: {start}, or {ELSEWHERE}")


def line(uri: str, text: str) -> str:
    """Return the message for a store that cannot be reached; `text` is the message of the system."""
    kind = unreachable(uri)
    return f"tracking store {public(uri)} {kind.fault} ({_reason(text, uri)}); {kind.remedy}, then rerun the command"


def _kind(text: str) -> Kind | None:
    return next((kind for kind in KINDS if re.search(kind.pattern, text)), None)


_OF_ARTIFACTS = ("boto", "google.", "azure.")  # botocore and boto3 among them
_OWN_FAULTS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS", "MALFORMED_REQUEST"}


def _reason(text: str, uri: str) -> str:
    """Return the relevant part of a message: the system's, server's or bucket's error, or else the first line."""
    match = re.search(
        r"An error occurred \((\w+)\)|\[Errno -?\d+\] ([^'\")\]]+)|(timed out)|\(sqlite3\.\w+\) ([^\n]+)"
        r"|FATAL: +([^\n]+)|(failed with error code \d+)",
        text,
    )
    system_error = next(group for group in match.groups() if group) if match else None
    first_line = next((text_line.strip() for text_line in text.splitlines() if text_line.strip()), "no reason given")
    return textwrap.shorten(hide(system_error or first_line, uri).rstrip("."), LONGEST_REASON, placeholder=" ...")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    visited_ids = set()
    while error is not None and id(error) not in visited_ids:
        visited_ids.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
