"""The results folder (the working directory): its link to the code, the number of its formats, its record of builds.

Snakemake compares inputs by path and content. So rules name programs through links in the results folder: the path
stays the same wherever the clone and the results are, and only the content decides.
"""

import contextlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from . import files, suggest
from .exits import CannotWrite, TryAgain, WrongConfig

CODE = ".monthwise/code"
LINKED = ("scripts", "config")  # not the clone itself: it may hold the results, and the links would form a loop
FORMAT = 2  # of the files that stages write, and of what they are compared by; 1 had no registry/format.json
FORMAT_FILE = "registry/format.json"
RECORD = ".snakemake/metadata"


def link_code(clone: str | Path, is_locked: Callable[[], bool] = lambda: False) -> None:
    """Make `.monthwise/code/` name the programs of a clone.

    Raises TryAgain if a call from another clone is running, CannotWrite if there can be no links.
    `is_locked`: whether another process holds the lock of the results folder. Its jobs run the linked programs.
    """
    targets = {name: os.path.join(os.path.realpath(clone), name) for name in LINKED}
    stale = [name for name, target in targets.items() if _target(name) != target]
    if not stale:
        return
    if (other := _target(LINKED[0])) and is_locked():
        raise TryAgain(
            f"already running in {os.getcwd()} with the programs of {os.path.dirname(other)}; rerun the command later"
        )
    try:
        os.makedirs(CODE, exist_ok=True)
        for name in stale:
            _replace_link(f"{CODE}/{name}", targets[name])
    except OSError as error:
        raise CannotWrite(
            f"cannot link the programs in {os.path.abspath(CODE)} ({error.strerror}); give write permission, or"
            f" --directory DIR on a file system with symbolic links"
        ) from error


def _replace_link(path: str, target: str) -> None:
    part = f"{path}.{uuid.uuid4().hex}"
    try:
        os.symlink(target, part)
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)


def _target(name: str) -> str | None:
    try:
        return os.readlink(f"{CODE}/{name}")
    except OSError:
        return None


def code_path(clone: str, path: str) -> str:
    """Return the path under which rules name a file of a clone; one outside of the linked folders has no fixed name."""
    return f"{CODE}/{path}" if path.split("/")[0] in LINKED else os.path.normpath(os.path.join(clone, path))


def insist_on_format() -> None:
    """Raise WrongConfig if the results are in another format than this version's; an empty folder has none yet."""
    number = read_format()
    if number is None or number == FORMAT:
        return
    where = f"the results in {os.getcwd()} have format {number}, this version has format {FORMAT}"
    if number > FORMAT:
        raise WrongConfig(f"{where}; use the version that wrote them, or a newer one")
    raise WrongConfig(
        f"{where}; run `{suggest.command('accept')}` to keep them, or move data/, runs/ and registry/ away to rebuild"
    )


def read_format() -> int | None:
    """Return the number of the formats in the results folder; None if the folder has no results."""
    try:
        number = files.read_json(FORMAT_FILE)["format"]
        if isinstance(number, int):
            return number
    except FileNotFoundError:
        return 1 if _has_files("runs") or _has_files("data") else None
    except (ValueError, KeyError, TypeError):
        pass
    path = os.path.abspath(FORMAT_FILE)
    raise WrongConfig(f"{path} is damaged; restore it, or delete it and run `{suggest.command('accept')}`")


def write_format() -> None:
    """Write the number of this version's formats if the results folder does not have it."""
    if not os.path.exists(FORMAT_FILE) or read_format() != FORMAT:
        files.replace_file(FORMAT_FILE, files.to_json({"format": FORMAT}))


def lacks_record() -> bool:
    """Whether there are results but no record of what they were built with: Snakemake compares contents by it."""
    return not _has_entries(RECORD) and _has_files("runs")


NO_RECORD = "the record of what was built is missing (.snakemake/metadata)"


def gaps() -> list[str]:
    """Return the line that names a missing record, if it is: Snakemake then goes by time stamps alone."""
    accept = suggest.command("accept")
    line = f"{NO_RECORD}: restore it, or run `{accept}` to check the results against their evidence"
    return [line] if lacks_record() else []


def _has_files(kind: str) -> bool:
    """Whether a month's folder under `runs` or `data` has files."""
    return any(_has_entries(month) for dataset in _folders(kind) for month in _folders(dataset))


def _folders(parent: str) -> list[str]:
    try:
        with os.scandir(parent) as entries:
            return [entry.path for entry in entries if entry.is_dir()]
    except FileNotFoundError:
        return []


def _has_entries(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except (FileNotFoundError, NotADirectoryError):
        return False
