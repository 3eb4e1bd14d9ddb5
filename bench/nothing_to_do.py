"""What a call costs that finds nothing to do: three demo months, beside a Snakefile with one rule.

    .venv/bin/python bench/nothing_to_do.py

Each time is the median of `--repeats` whole processes, taken in turn.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EMPTY = 'rule all:\n    output: "done"\n    shell: "touch done"\n'


def snakemake(*arguments: str) -> str:
    """Call Snakemake, insist on success and return what it said."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if ended.returncode:
        sys.exit(ended.stderr)
    return ended.stdout + ended.stderr


def seconds(*arguments: str) -> float:
    """Return how long a call takes that must find nothing to do."""
    begin = time.perf_counter()
    said = snakemake(*arguments)
    taken = time.perf_counter() - begin
    if "Nothing to be done" not in said:
        sys.exit(f"there was something to do:\n{said}")
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as scratch:
        empty = Path(scratch, "empty")
        empty.mkdir()
        (empty / "Snakefile").write_text(EMPTY)
        demo = ("--directory", f"{scratch}/demo", "--configfile", "config/demo.yaml")
        bare = ("--workflow-profile", "none", "--directory", str(empty), "--snakefile", str(empty / "Snakefile"))
        snakemake(*demo)
        snakemake(*bare)
        times = {"one empty rule": [], "three months": [], "three months, everything touched": []}
        for _ in range(repeats):
            times["one empty rule"].append(seconds(*bare))
            times["three months"].append(seconds(*demo))
            for folder in (ROOT / "scripts", ROOT / "config", Path(scratch, "demo/data"), Path(scratch, "demo/runs")):
                for path in folder.rglob("*"):
                    path.touch()
            times["three months, everything touched"].append(seconds(*demo))
    for name, taken in times.items():
        print(f"{name:34} {statistics.median(taken):6.2f} s  ({min(taken):.2f} to {max(taken):.2f})")


if __name__ == "__main__":
    main()
