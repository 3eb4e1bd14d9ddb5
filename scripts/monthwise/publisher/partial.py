"""What a cut transfer has brought: kept beside the output, so that the next try or the next job goes on with it."""

import fcntl
import os
from pathlib import Path

from ..base import exits, files

NAME = ".raw.partial"  # with NAME.json, the source.json it was fetched by; nothing else reads either of them


def discard(folder: Path) -> None:
    """Remove what lies in `folder`."""
    for left in (folder / NAME, folder / f"{NAME}.json"):
        left.unlink(missing_ok=True)


class Partial:
    """The beginning of a month's file. Used as a context, in which no other process can touch it.

    `size` is the number of its bytes. What was brought for other facts than these is dropped.
    """

    def __init__(self, folder: Path, facts: dict):
        self.path = folder / NAME
        self.facts_path = folder / f"{NAME}.json"
        self.facts = facts

    def __enter__(self) -> "Partial":
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
        left = memoryview(chunk)
        while left:
            try:
                written = self._file.write(left)
            except OSError as error:
                error.filename = str(self.path)
                raise
            self.size += written
            left = left[written:]

    def clear(self) -> None:
        """Begin again."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

    def become(self, path: str | Path) -> None:
        """Give the whole file its name."""
        os.replace(self.path, path)
        self.facts_path.unlink(missing_ok=True)

    def _known_facts(self) -> dict | None:
        try:
            return files.read_json(self.facts_path)
        except (FileNotFoundError, ValueError):
            return None


def _open_alone(path: Path):
    while True:
        # Without a buffer: what came is in the file, also when this process is killed.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise exits.TryAgain(
                f"another job is fetching {path.parent}; wait for it, then rerun the command"
            ) from None
        except OSError:
            pass  # a file system without locks: the lock of the whole run is all there is
        try:
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except FileNotFoundError:
            pass
        file.close()  # its last owner finished between our opening and locking it
