"""Read the last line of a job log: `exit CODE: what was done or what to do` (written by job/command_line.py)."""

import os
from pathlib import Path

SILENT = "the job wrote no final log line: killed, out of memory, or over its time limit"


def last_exit(log: str) -> tuple[int | None, str]:
    """Return exit code and text of the last line, or None and SILENT if the program did not write it."""
    lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines() if os.path.exists(log) else []
    if not lines or not lines[-1].startswith("exit "):
        return None, SILENT
    code, _, text = lines[-1].removeprefix("exit ").partition(": ")
    return int(code) if code.isdecimal() else None, text
