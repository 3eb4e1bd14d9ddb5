"""What was decided at the time: history/decisions.jsonl, one line for each decision that superseded another one.

Nothing is decided by it. A line that a full disk or a power cut left torn is passed over.
"""

import errno
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

PATH = "history/decisions.jsonl"


def decisions(path: str | Path = PATH) -> list[dict]:
    """Return all decisions, oldest first; none where there is no such file."""
    return [line for _, line in _lines(content(path))]


def append(service: str, month: str, make: Callable[[dict | None], dict | None], path: str | Path = PATH) -> bool:
    """Append what `make` returns for the last line of a run month (None: there is none); return whether it was one.

    One writer at a time, one call to write, and on disk when this returns: whoever was killed and asks again finds its
    line there.
    """
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        content = file.read()
        line = make(_last(content, service, month))
        if line is None:
            return False
        text = json.dumps(line, sort_keys=True, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        if content and not content.endswith(b"\n"):
            text = b"\n" + text
        if os.write(file.fileno(), text) < len(text):
            os.ftruncate(file.fileno(), len(content))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file.fileno())
    return True


def changed_since(path: str | Path, offset: int) -> list[str]:
    """Return in words the decisions, of those written after byte `offset`, that gave a month another champion."""
    last: dict[tuple[str, str], dict] = {}
    found = []
    for begin, line in _lines(content(path)):
        key = line["service"], line["month"]
        before, last[key] = last.get(key), line
        if begin >= offset and before and before["champion"] != line["champion"]:
            now, then = name(line["champion"]), name(before["champion"]).removeprefix("the model of ")
            found.append(f"{' '.join(key)}: champion is now {now}, was {then} ({line['cause']})")
    return found


def name(champion: dict) -> str:
    """Return a champion in words."""
    return f"the {'model' if champion['kind'] == 'model' else 'naive baseline'} of {champion['month']}"


def content(path: str | Path) -> bytes:
    """Return the bytes of a file of lines; none where it is not there."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return b""


def _last(content: bytes, service: str, month: str) -> dict | None:
    found = [line for _, line in _lines(content) if (line["service"], line["month"]) == (service, month)]
    return found[-1] if found else None


def _lines(content: bytes) -> Iterator[tuple[int, dict]]:
    """Yield where each whole line begins, and what it says."""
    begin = 0
    for text in content.splitlines(keepends=True):
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if isinstance(line, dict) and {"service", "month", "champion", "cause"} <= line.keys():
            yield begin, line
        begin += len(text)
