"""A folder with the publisher's layout. Standard library only: the Snakefile gets the newest month from it."""

from __future__ import annotations

import datetime
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import exits
from ..base.months import PATTERN, is_month
from .source import how_to_locate, name, resolve_folder

if TYPE_CHECKING:
    from typing import Any, BinaryIO, TypedDict

    from ..base.file_types import Source

    class FileFacts(TypedDict):
        """The part of source.json that the file system knows."""

        size: int
        last_modified: str


FICLONE = 0x40049409  # linux/fs.h: the new file shares blocks with the old one until one of them is written to


def months(folder: str | Path, file_pattern: str) -> list[str]:
    """Return the months that have a file in `folder`, in order; `file_pattern` is like `sales_{month}.parquet`.

    Raises WrongConfig if the folder cannot be read.
    """
    pattern = re.escape(file_pattern).replace(r"\{month\}", f"(?P<month>{PATTERN})")
    pattern = pattern.replace(r"\{year\}", r"(?P<year>\d{4})").replace(r"\{mm\}", r"(?P<mm>\d\d)")
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file()]
    except OSError as error:
        raise exits.WrongConfig(
            f"the folder {folder} of `source` cannot be read ({error.strerror}); write source: file:FOLDER, "
            "where FOLDER is absolute or relative to the repository"
        ) from None
    matches = filter(None, (re.fullmatch(pattern, filename) for filename in names))
    parts = (match.groupdict() for match in matches)
    candidates = (part["month"] if "month" in part else f"{part['year']}-{part['mm']}" for part in parts)
    return sorted({month for month in candidates if is_month(month)})


def locate(settings: Mapping[str, Any]) -> Source:
    """Return the facts of one month: size in bytes, and the time of the last change, in UTC."""
    folder = resolve_folder(settings["source"])
    path = folder / settings["file"]
    try:
        status = os.stat(path)
    except FileNotFoundError:
        published = months(folder, settings["pattern"])
        if published and published[-1] > settings["month"]:
            raise exits.NotPublished(
                f"{name(settings)} is missing between months that are published: there is no {path}, and the newest is"
                f" {published[-1]}; put it there, or take the month out with skip"
            ) from None
        raise exits.NotPublished(
            f"{name(settings)} is not published: there is no {path}; "
            + (
                f"the newest published month is {published[-1]}"
                if published
                else "no month of this dataset is published"
            )
            + "; a later run finds it, or take the month out with skip"
        ) from None
    except OSError as error:
        raise _unreadable(path, settings, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise exits.BadData(f"{name(settings)}: {path} is a folder or a device, not a file; put the file there")
    facts = facts_of(status)
    return {
        "dataset": settings["dataset"],
        "month": settings["month"],
        "kind": "file",
        "file": settings["file"],
        "etag": None,
        "size": facts["size"],
        "last_modified": facts["last_modified"],
    }


def fetch(facts: Source, settings: Mapping[str, Any], path: str | Path) -> None:
    """Clone the month's file to `path` if the file system can, else copy it: a link would share later edits."""
    published = resolve_folder(settings["source"]) / facts["file"]
    located = {"size": facts["size"], "last_modified": facts["last_modified"]}
    try:
        source = open(published, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise exits.NotPublished(
            f"{name(settings)} is no longer published: there is no {published}; restore it, or take the month out "
            "with skip"
        ) from None
    except OSError as error:
        raise _unreadable(published, settings, error) from None
    with source:
        if facts_of(os.fstat(source.fileno())) == located:
            with open(path, "wb") as copy:
                _clone_or_copy(source, copy)
            if facts_of(os.stat(published)) == located and os.stat(path).st_size == facts["size"]:
                return
    raise exits.TryAgain(f"{name(settings)}: {published} changed since it was located; {how_to_locate(settings)}")


def _unreadable(path: Path, settings: Mapping[str, Any], error: OSError) -> exits.Unreachable:
    return exits.Unreachable(
        f"{name(settings)}: {path} cannot be read ({error.strerror}); let this user read it and its folder, then rerun"
    )


def _clone_or_copy(source: BinaryIO, copy: BinaryIO) -> None:
    try:
        fcntl.ioctl(copy.fileno(), FICLONE, source.fileno())
    except OSError:
        shutil.copyfileobj(source, copy, 1 << 20)
        copy.flush()


def facts_of(status: os.stat_result) -> FileFacts:
    """Return size in bytes and time of the last change of a file, in the form of source.json."""
    # Microseconds from the integer: a float has too few digits for date and time of day.
    moment = datetime.datetime.fromtimestamp(status.st_mtime_ns // 10**9, datetime.UTC)
    text = moment.replace(microsecond=status.st_mtime_ns % 10**9 // 1000).isoformat(timespec="microseconds")
    return {"size": status.st_size, "last_modified": text.replace("+00:00", "Z")}
