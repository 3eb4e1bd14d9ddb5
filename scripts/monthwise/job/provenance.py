"""The provenance of a job: code, Python, packages, threads, machine. No name of a host or person, and no path."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import files
from ..base.resources import ROOT, resource

if TYPE_CHECKING:
    from ..base.file_types import Clean, Provenance

PACKAGES = ("scikit-learn", "numpy", "scipy", "pandas", "pyarrow", "skops")  # packages that can change a number
CODE = ("scripts", "rules", "Snakefile")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # the first one that is set counts


def provenance() -> Provenance:
    """Return the provenance of this process; `lock` is the SHA-256 of requirements.txt, or `unknown` without one."""
    commit, clean = code_commit(ROOT)
    return {
        "commit": commit,
        "clean": clean,
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "lock": lock(),
        "threads": _threads(),
        "machine": machine(),
    }


def changes(then: Provenance, now: Provenance) -> list[str]:
    """Return in words the versions that differ between two provenance records."""
    differences = [f"Python {then['python']} then, {now['python']} now"] if then["python"] != now["python"] else []
    for name in sorted(then["packages"].keys() | now["packages"].keys()):
        versions = [record["packages"].get(name, "none") for record in (then, now)]
        if versions[0] != versions[1]:
            differences.append(f"{name} {versions[0]} then, {versions[1]} now")
    return differences + (["another lock, requirements.txt"] if then["lock"] != now["lock"] else [])


def machine() -> str:
    """Return the kind of machine. Last digits may differ between kinds: linear algebra depends on the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        processor = ""
    return ", ".join(filter(None, (f"{platform.machine()} {platform.system()}", processor)))


def lock() -> str:
    """Return the SHA-256 of requirements.txt; `unknown` if the file is missing."""
    path = resource("requirements.txt")
    return files.sha256(path) if path.exists() else "unknown"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _threads() -> int:
    values = [os.environ.get(name, "") for name in THREADS]
    return next((int(value) for value in values if value.isdecimal()), os.cpu_count() or 1)


def code_commit(repository: Path) -> tuple[str, Clean]:
    """Return the commit of a repository and whether its code is clean (`true`, `false`); `unknown` without git.

    Clean: no tracked file has changed, and no file was added to the folders of programs and rules. Files that a user
    adds elsewhere do not count. For a folder inside another repository, both are `unknown`.
    """
    try:
        root, commit = _git(repository, "rev-parse", "--show-toplevel", "HEAD").split("\n")
        if Path(root).resolve() != repository.resolve():
            return "unknown", "unknown"
        changed = _git(repository, "status", "--porcelain", "--untracked-files=no")
        added = _git(repository, "ls-files", "--others", "--exclude-standard", "--", *CODE)
        return commit, "false" if changed or added else "true"
    except (OSError, ValueError, subprocess.SubprocessError):
        return "unknown", "unknown"


def _git(repository: Path, *arguments: str) -> str:
    # Without optional locks, `status` does not block a commit or other jobs.
    command = ["git", "--no-optional-locks", "-C", str(repository), *arguments]
    process = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=20)
    return process.stdout.strip()
