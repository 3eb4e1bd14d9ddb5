"""Write files atomically: under a temporary name, renamed only if the inputs did not change meanwhile."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .exits import BadData, TryAgain

if TYPE_CHECKING:
    from typing import Any


# Version of the files of a results folder; each JSON file has it as `format`. 1 had no registry/format.json; 2 named
# files, columns and errors after one kind of data.
FORMAT = 3


def to_json(content: Mapping[str, Any]) -> bytes:
    """Return `content` and its format number as JSON with sorted keys: equal content gives equal bytes.

    Raises ValueError for NaN.
    """
    numbered = {"format": FORMAT, **content}
    text = json.dumps(numbered, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def to_json_line(content: Mapping[str, Any]) -> bytes:
    """Return the same on one line, for logs."""
    return json.dumps(json.loads(to_json(content)), sort_keys=True, ensure_ascii=False).encode() + b"\n"


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write `content` as JSON (to_json) to `path`."""
    Path(path).write_bytes(to_json(content))


class DamagedJson(BadData, ValueError):
    """A JSON file is truncated or damaged."""


def read_json(path: str | Path) -> Any:
    """Return the content of a JSON file (see file_types) without its format number.

    Raises DamagedJson if it is not JSON, or of another format.
    """
    try:
        return _parse(Path(path).read_bytes())
    except ValueError as error:
        raise DamagedJson(f"{path} is damaged ({error}); delete it and rerun") from None


def read_json_if_whole(path: str | Path) -> Any | None:
    """Return the content of a JSON file, or None if it is missing, damaged or not an object."""
    try:
        return parse_json_if_whole(Path(path).read_bytes())
    except FileNotFoundError:
        return None


def parse_json_if_whole(content: bytes) -> Any | None:
    """Return what `read_json_if_whole` returns for a file with this content."""
    try:
        parsed = _parse(content)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _parse(content: bytes) -> Any:
    """Return parsed JSON without its format number; raises ValueError if it is another one than FORMAT."""
    try:
        parsed = json.loads(content.decode())
    except RecursionError as error:
        raise ValueError(str(error)) from None
    if isinstance(parsed, dict) and (number := parsed.pop("format", FORMAT)) != FORMAT:
        raise ValueError(f"it has format {number}, this version reads {FORMAT}")
    return parsed


def insist_on_readable(paths: Iterable[str | Path]) -> None:
    """Raise BadData for a folder and for a file that this user cannot read; ignore missing files."""
    for path in paths:
        try:
            with open(path, "rb"):
                pass
        except FileNotFoundError:
            continue
        except IsADirectoryError:
            raise BadData(f"{path} is a folder and should be a file; remove it, then rerun") from None
        except OSError as error:
            raise BadData(f"{path} cannot be read ({error.strerror}); let this user read it, then rerun") from None


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of the content of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_file(path: str | Path, content: bytes) -> None:
    """Replace the content of `path` atomically."""
    part = part_of(path)
    part.write_bytes(content)
    os.replace(part, path)


def part_of(path: str | Path) -> Path:
    """Return the temporary name under which this process writes `path`; remove those of killed processes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    host = os.uname().nodename
    _remove_stale(glob.escape(str(path.parent / f".{path.name}.{host}.")) + "*.part")
    return path.parent / f".{path.name}.{host}.{os.getpid()}.part"


def remove_parts() -> None:
    """Remove what killed processes of this machine were writing in the working directory."""
    for folder in ("data", "runs"):
        _remove_stale(f"{folder}/**/.*.{glob.escape(os.uname().nodename)}.*.part")


def _remove_stale(pattern: str) -> None:
    for part in glob.iglob(pattern, recursive=True):
        if not _is_alive(int(part.split(".")[-2])):
            Path(part).unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # A process that was killed keeps its id until its parent asks how it ended.
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except ProcessLookupError:
        return False
    except (OSError, IndexError):
        return True


class Inputs:
    """The state of the inputs of a job when it began."""

    def __init__(self, paths: Iterable[str | Path]):
        self.before = {str(path): _stamp(path) for path in paths}

    def check(self, among: Iterable[str] | None = None) -> None:
        """Raise TryAgain if an input has changed; checks only those in `among` if it is given.

        Snakemake records the content of an input at the end of a job, so an output of the old content would be
        considered up to date.
        """
        for path in self.before if among is None else among:
            if path in self.before and _stamp(path) != self.before[path]:
                raise TryAgain(f"{path} changed while it was read; nothing was written; rerun the command")


def _stamp(path: str | Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size
