"""`./monthwise check`: check whether Monthwise can run here. Print one line per check: `ok`, or what to do."""

import argparse
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from packaging.requirements import Requirement

from ..base.resources import resource
from ..base.text import first_few
from ..config.settings import Settings
from . import check_places
from .check_places import Wrong

RAISED = re.compile(r"^[\w.]*(?:Error|Exception)(?:: .| in file .*:$)")
FREE_GB = 2.0  # a year of 75,000 rows a month with all its outputs takes about half of that


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run all checks; return 0 if all pass, else 1."""
    checks: dict[str, Callable[[], str]] = {
        "python": _python,
        "packages": _packages,
        "results": check_places.results,
        "temporary files": check_places.temporary,
        "free disk": _free_disk,
        "jobs": _jobs,
        "tracking store": lambda: check_places.store(settings),
    }
    failed = 0
    print("checking, with a workflow of a few jobs ...", flush=True)
    for name, check in checks.items():
        try:
            print(f"ok    {name}: {check()}", flush=True)
        except Wrong as wrong:
            failed += 1
            print(f"FAIL  {name}: {wrong}", flush=True)
    return os.EX_OK if not failed else 1


def _jobs() -> str:
    """Start jobs as a run does, one cold and one warm, in the place of the results."""
    profiles = ["--profile=none", f"--workflow-profile={resource('profiles/default')}"]
    snakefile = str(Path(__file__).with_name("check.smk"))
    command = [sys.executable, "-m", "snakemake", *profiles, "--snakefile", snakefile]
    with check_places.scratch() as folder:
        for flag in ("--cores=1", "--dry-run"):
            process = subprocess.run(
                [*command, flag, "--directory", str(folder)],
                env=os.environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
            )
            if process.returncode:
                raise Wrong(f"a job cannot start: {_reason(folder, process)}; look at TMPDIR, or make setup")
        if "Nothing to be done" not in process.stdout + process.stderr:
            raise Wrong("jobs ran, and would run again; give --directory DIR on another file system, or make setup")
        is_warm = json.loads((folder / "warm.json").read_text(encoding="utf-8"))["warm"]
    if is_warm:
        return "a cold and a warm job ran, and a rerun has nothing to do"
    cause = "MONTHWISE_WARM=0" if os.environ.get("MONTHWISE_WARM") == "0" else "no warm process took one"
    return f"jobs start cold: {cause}; a rerun has nothing to do"


def _reason(folder: Path, process: subprocess.CompletedProcess[str]) -> str:
    """Return the line that says why a call of Snakemake failed: our own, that of a job, or that of an exception."""
    output_lines = [line.strip() for line in (process.stderr + process.stdout).splitlines() if line.strip()]
    logs = [log.read_text(encoding="utf-8", errors="replace").splitlines() for log in folder.glob("*.log")]
    own = [line for line in output_lines if line.startswith("monthwise: ")]
    # Snakemake names the file in one line, and the error in the next line.
    pairs = zip(output_lines, [*output_lines[1:], ""], strict=True)
    raised = [following if line.endswith(":") else line for line, following in pairs if RAISED.match(line)]
    candidates = [*(lines[-1] for lines in logs if lines), *own[-1:], *raised[-1:], *output_lines[-1:]]
    return candidates[0] if candidates else f"Snakemake ended with {process.returncode}"


def _python() -> str:
    if sys.version_info < (3, 11):  # noqa: UP036 - this check reports it
        raise Wrong(f"{sys.version.split()[0]} is too old; install 3.11 or newer and give make PYTHON=python3.11")
    return f"{sys.version.split()[0]}, {sys.executable}"


def _packages() -> str:
    locked = [
        Requirement(line.rstrip(" \\"))
        for line in resource("requirements.txt").read_text(encoding="utf-8").splitlines()
        if line and not line[0].isspace() and line[0] != "#"
    ]
    locked_versions = {lock.name: str(lock.specifier) for lock in locked if not lock.marker or lock.marker.evaluate()}
    mismatches = []
    for name, version in locked_versions.items():
        try:
            installed = "==" + importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = "missing"
        if installed != version:
            mismatches.append(f"{name} {installed}, locked {version}")
    if mismatches:
        raise Wrong(f"{len(mismatches)} differ from requirements.txt ({first_few(mismatches, 3)}); make setup")
    return f"all {len(locked_versions)} of requirements.txt"


def _free_disk() -> str:
    free = shutil.disk_usage(".").free / 1e9
    if free < FREE_GB:
        raise Wrong(f"{free:.1f} GB in {Path.cwd()}; make room for {FREE_GB:g} GB, or give --directory DIR elsewhere")
    return f"{free:.0f} GB"
