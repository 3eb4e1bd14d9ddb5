"""The last line of a job's log: `exit CODE: what was done or what to do` (program.py)."""

import os
from pathlib import Path

SILENT = "the job wrote no final log line: killed, out of memory, or over its time limit"


def last_exit(log: str) -> tuple[int | None, str]:
    """Return code and text of the last line; None and SILENT where the program could not write one."""
    lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines() if os.path.exists(log) else []
    if not lines or not lines[-1].startswith("exit "):
        return None, SILENT
    code, _, text = lines[-1].removeprefix("exit ").partition(": ")
    return int(code) if code.isdecimal() else None, text
