"""The log of decisions, history/decisions.jsonl: one line for each decision that superseded another one.

No decision depends on this log. Readers skip a line that a full disk or a power cut left incomplete.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import files

if TYPE_CHECKING:
    from ..base.file_types import DecisionLine, Model, Server

PATH = "history/decisions.jsonl"


def decisions(path: str | Path = PATH) -> list[dict[str, Any]]:
    """Return all decisions, oldest first; an empty list if the file is missing."""
    return [entry for _, entry in _lines(content(path))]


def append(
    dataset: str, month: str, make: Callable[[dict[str, Any] | None], DecisionLine | None], path: str | Path = PATH
) -> bool:
    """Append the line that `make` returns for the last line of a run month; return whether a line was appended.

    `make` receives None if the month has no line yet, and returns None if there is nothing to append. A lock allows one
    writer at a time. The line is written in one call and is on disk when this function returns: a command that was
    killed after that finds its line when it is rerun. Raises OSError if the disk is full.
    """
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        existing = file.read()
        entry = make(_last(existing, dataset, month))
        if entry is None:
            return False
        encoded = files.to_json_line(entry)
        if existing and not existing.endswith(b"\n"):
            encoded = b"\n" + encoded
        if os.write(file.fileno(), encoded) < len(encoded):
            os.ftruncate(file.fileno(), len(existing))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file.fileno())
    return True


def changed_since(path: str | Path, offset: int) -> list[str]:
    """Describe in words the decisions after byte `offset` that changed the champion of a month."""
    last_entries: dict[tuple[str, str], dict[str, Any]] = {}
    descriptions = []
    for entry_offset, entry in _lines(content(path)):
        key = entry["dataset"], entry["month"]
        previous, last_entries[key] = last_entries.get(key), entry
        if entry_offset >= offset and previous and previous["champion"] != entry["champion"]:
            new_name, old_name = name(entry["champion"]), name(previous["champion"]).removeprefix("the model of ")
            descriptions.append(f"{' '.join(key)}: champion is now {new_name}, was {old_name} ({entry['cause']})")
    return descriptions


def name(champion: Model | Server) -> str:
    """Return the name of a champion in words."""
    return f"the {'model' if champion['kind'] == 'model' else 'naive baseline'} of {champion['month']}"


def content(path: str | Path) -> bytes:
    """Return the bytes of a file of lines; empty if the file is missing."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return b""


def _last(log_bytes: bytes, dataset: str, month: str) -> dict[str, Any] | None:
    entries = [entry for _, entry in _lines(log_bytes) if (entry["dataset"], entry["month"]) == (dataset, month)]
    return entries[-1] if entries else None


def _lines(log_bytes: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the byte offset and the content of each complete line."""
    offset = 0
    for line in log_bytes.splitlines(keepends=True):
        entry = files.parse_json_if_whole(line)
        if entry and {"dataset", "month", "champion", "cause"} <= entry.keys():
            yield offset, entry
        offset += len(line)
