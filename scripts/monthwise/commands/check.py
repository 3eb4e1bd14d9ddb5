"""`./monthwise check`: whether Monthwise can run here. One line each: `ok`, or what to do."""

import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from packaging.requirements import Requirement

from ..config import ROOT
from ..settings import Settings

FREE_GB = 2.0  # a year of green trips with everything made from them takes about half of that


class Wrong(Exception):
    """What is wrong and what to do, in one line."""


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run all checks; 0 where all are ok, else 1."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or settings.config["tracking"]["uri"]
    checks: dict[str, Callable[[], str]] = {
        "workflow": _workflow,
        "python": _python,
        "packages": _packages,
        "tracking store": lambda: _store(uri),
        "write rights": _write_rights,
        "free disk": _free_disk,
    }
    failed = 0
    print("checking, with a workflow of two jobs first ...", flush=True)
    for name, check in checks.items():
        try:
            print(f"ok    {name}: {check()}", flush=True)
        except Wrong as wrong:
            failed += 1
            print(f"FAIL  {name}: {wrong}", flush=True)
    return os.EX_OK if not failed else 1


def _workflow() -> str:
    snakefile = Path(__file__).with_name("check.smk")
    profiles = ["--profile=none", f"--workflow-profile={ROOT / 'profiles/default'}"]
    snakemake = [sys.executable, "-m", "snakemake", *profiles, "--snakefile", snakefile]
    with tempfile.TemporaryDirectory() as scratch:
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])
        for flag in ("--cores=2", "--dry-run"):
            ended = subprocess.run(
                [*snakemake, flag, "--directory", scratch],
                env=os.environ | {"PATH": path},
                capture_output=True,
                text=True,
            )
            if ended.returncode:
                said = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
                raise Wrong(f"Snakemake cannot run two jobs ({said[-1] if said else ended.returncode}); make setup")
        text = Path(scratch, "greeting.txt").read_text(encoding="utf-8").strip()
        if text != "hello world" or "Nothing to be done" not in ended.stdout + ended.stderr:
            raise Wrong(f"two jobs ran but left {text!r}, or would run again; make setup")
    return "two jobs ran, and nothing to do when asked again"


def _python() -> str:
    if sys.version_info < (3, 11):  # noqa: UP036 - this is what says so
        raise Wrong(f"{sys.version.split()[0]} is too old; install 3.11 or newer and give make PYTHON=python3.11")
    return f"{sys.version.split()[0]}, {sys.executable}"


def _packages() -> str:
    locked = [
        Requirement(line.rstrip(" \\"))
        for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if line and not line[0].isspace() and line[0] != "#"
    ]
    wanted = {lock.name: str(lock.specifier) for lock in locked if not lock.marker or lock.marker.evaluate()}
    off = []
    for name, version in wanted.items():
        try:
            found = "==" + importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = "missing"
        if found != version:
            off.append(f"{name} {found}, locked {version}")
    if off:
        raise Wrong(f"{len(off)} differ from requirements.txt ({'; '.join(off[:3])}); make setup")
    return f"all {len(wanted)} of requirements.txt"


def _store(uri: str) -> str:
    shown = uri.split("@")[-1]
    try:
        if uri.startswith("sqlite:///"):
            folder = Path(uri.removeprefix("sqlite:///")).absolute().parent
            if not os.access(folder, os.W_OK):
                raise OSError(f"{folder} cannot be written")
        elif uri.startswith(("http://", "https://")):
            import urllib3

            status = urllib3.request("GET", uri.rstrip("/") + "/health", timeout=5, retries=False).status
            if status >= 400:
                raise OSError(f"it answers {status}")
        else:
            import sqlalchemy

            sqlalchemy.create_engine(uri).connect().close()
    except Exception as error:  # whatever a database driver raises
        reason = str(error).splitlines()[0].replace(uri, shown)
        raise Wrong(f"{shown} cannot be used ({reason}); set tracking.uri or MLFLOW_TRACKING_URI") from error
    return shown


def _write_rights() -> str:
    try:
        with tempfile.NamedTemporaryFile(dir="."):
            pass
    except OSError as error:
        raise Wrong(f"{Path.cwd()} cannot be written ({error.strerror}); give rights, or --directory DIR") from error
    return str(Path.cwd())


def _free_disk() -> str:
    free = shutil.disk_usage(".").free / 1e9
    if free < FREE_GB:
        raise Wrong(f"{free:.1f} GB in {Path.cwd()}; make room for {FREE_GB:g} GB, or give --directory DIR elsewhere")
    return f"{free:.0f} GB"
