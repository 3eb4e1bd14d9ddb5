"""The data of a cut transfer, kept next to the output so that the next try or the next job can resume."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import exits, files

if TYPE_CHECKING:
    from io import FileIO

    from ..base.file_types import Source

NAME = ".raw.partial"  # NAME.json has the source.json it was fetched with; no other module reads them


def discard(folder: Path) -> None:
    """Remove the partial file in `folder` and its facts."""
    for path in (folder / NAME, folder / f"{NAME}.json"):
        path.unlink(missing_ok=True)


class Partial:
    """The beginning of a month's file. As a context manager, it locks the file against other processes.

    `size` is the number of its bytes. Data that was fetched for other facts is deleted. Raises TryAgain if another job
    holds the lock.
    """

    def __init__(self, folder: Path, facts: Source):
        self.path = folder / NAME
        self.facts_path = folder / f"{NAME}.json"
        self.facts = facts

    def __enter__(self) -> Partial:
        self._file = _open_alone(self.path)
        try:
            if self._known_facts() != self.facts:
                self._file.truncate(0)
                files.write_json(self.facts_path, self.facts)
            self.size = self._file.seek(0, os.SEEK_END)
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.size == 0:
            discard(self.path.parent)
        self._file.close()

    def write(self, chunk: bytes) -> None:
        """Append `chunk`."""
        remaining = memoryview(chunk)
        while remaining:
            try:
                written = self._file.write(remaining)
            except OSError as error:
                error.filename = str(self.path)
                raise
            self.size += written
            remaining = remaining[written:]

    def clear(self) -> None:
        """Delete the content, to restart the transfer from the beginning."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

    def become(self, path: str | Path) -> None:
        """Rename the complete file to `path`."""
        os.replace(self.path, path)
        self.facts_path.unlink(missing_ok=True)

    def _known_facts(self) -> Source | None:
        try:
            facts: Source = files.read_json(self.facts_path)
        except (FileNotFoundError, ValueError):
            return None
        return facts


def _open_alone(path: Path) -> FileIO:
    while True:
        # Unbuffered: received data is in the file even if this process is killed.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise exits.TryAgain(
                f"another job is fetching {path.parent}; wait for it, then rerun the command"
            ) from None
        except OSError:
            pass  # a file system without locks: only the lock of the whole run protects the file
        try:
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except FileNotFoundError:
            pass
        file.close()  # its last owner finished after this process opened the file and before it locked it
