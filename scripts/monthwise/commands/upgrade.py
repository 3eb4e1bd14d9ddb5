"""Results of an older format: keep the published files, so that a rebuild downloads nothing, and set the rest aside."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from ..base import files, results, suggest

MOVED = ("data", "runs", "registry", "history", "report", "logs", "benchmarks", ".snakemake")
RAW = ("raw.file", "raw.parquet")  # the second one until format 2


def set_aside(number: int) -> None:
    """Move results of format `number` to format-NUMBER/, and keep their published files where `ingest` finds them.

    Files, columns and errors have other names in the format of this version, so older results are rebuilt.
    """
    aside = Path(f"format-{number}")
    aside.mkdir(exist_ok=True)
    for name in MOVED:
        if os.path.exists(name):
            os.rename(name, aside / name)
    kept = sum(_keep(path.parent) for path in sorted(aside.glob("data/*/*/source.json")))
    results.write_format()
    print(
        f"results of format {number} are in {aside}/; {kept} published files are kept, so that rebuilding"
        f" downloads none of them: `{suggest.command('run')}`"
    )


def _keep(old: Path) -> bool:
    """Link the published file of a data month as one that was fetched before; return whether there is one."""
    raw = next((old / name for name in RAW if (old / name).is_file()), None)
    try:
        facts = json.loads((old / "source.json").read_text(encoding="utf-8"))
    except ValueError:
        return False
    if raw is None:
        return False
    facts["dataset"] = facts.pop("service", facts.get("dataset"))
    facts.pop("format", None)
    month = Path("data", *old.parts[-2:])
    month.mkdir(parents=True, exist_ok=True)
    try:
        os.link(raw, month / ".raw.kept.file")
    except OSError:  # a file system without hard links
        shutil.copyfile(raw, month / ".raw.kept.file")
    files.write_json(month / ".raw.kept.json", {"source": facts, "size": raw.stat().st_size})
    return True
