"""The results folder (the working directory): its links to the code, its format number, its record of builds.

Snakemake compares inputs by path and content. So rules refer to programs through links in the results folder: their
paths do not depend on the location of clone and results, and only a change of content causes a rebuild.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from . import files, suggest
from .exits import CannotWrite, TryAgain, WrongConfig
from .files import FORMAT

CODE = ".monthwise/code"
LINKED = ("scripts", "config")  # not the clone itself: it may contain the results, and the links would form a loop
FORMAT_FILE = "registry/format.json"
RECORD = ".snakemake/metadata"


def link_code(clone: str | Path, is_locked: Callable[[], bool] = lambda: False) -> None:
    """Link `.monthwise/code/` to the programs of a clone.

    Raises TryAgain if a call from another clone is running, CannotWrite if links cannot be created.
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
    """Return the path that rules use for a file of a clone: through the links if its folder is linked."""
    return f"{CODE}/{path}" if path.split("/")[0] in LINKED else os.path.normpath(os.path.join(clone, path))


def insist_on_format() -> None:
    """Raise WrongConfig if the results have another format than this version; an empty folder has no format."""
    number = read_format()
    if number is None or number == FORMAT:
        return
    problem = f"the results in {os.getcwd()} have format {number}, this version has format {FORMAT}"
    if number > FORMAT:
        raise WrongConfig(f"{problem}; use the version that wrote them, or a newer one")
    raise WrongConfig(
        f"{problem}; run `{suggest.command('accept')}`, which sets them aside and keeps their published"
        " files, then rebuild"
    )


def read_format() -> int | None:
    """Return the format number of the results folder, or None if the folder has no results."""
    try:
        number = json.loads(Path(FORMAT_FILE).read_bytes())["format"]
        if isinstance(number, int):
            return number
    except FileNotFoundError:
        return _format_of_months() if _has_files("runs") or _has_files("data") else None
    except (ValueError, KeyError, TypeError):
        pass
    path = os.path.abspath(FORMAT_FILE)
    raise WrongConfig(f"{path} is damaged; restore it, or delete it and run `{suggest.command('accept')}`")


def _format_of_months() -> int:
    """Return the format number of the first JSON file of a month that has one; 1 if none has: until format 2."""
    for path in (path for kind in ("runs", "data") for path in Path(kind).glob("*/*/[!.]*.json")):
        try:
            number = json.loads(path.read_bytes())["format"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(number, int):
            return number
    return 1


def write_format() -> None:
    """Write the format number of this version if the results folder does not have it."""
    if not os.path.exists(FORMAT_FILE) or read_format() != FORMAT:
        files.replace_file(FORMAT_FILE, files.to_json({}))


def lacks_record() -> bool:
    """Return whether results exist without the record by which Snakemake compares contents."""
    return not _has_entries(RECORD) and _has_files("runs")


NO_RECORD = "the record of what was built is missing (.snakemake/metadata)"


def gaps() -> list[str]:
    """Return one line if the record is missing: without it, Snakemake compares time stamps only."""
    accept = suggest.command("accept")
    line = f"{NO_RECORD}: restore it, or run `{accept}` to check the results against their evidence"
    return [line] if lacks_record() else []


def _has_files(kind: str) -> bool:
    """Return whether a month folder under `runs` or `data` has files."""
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
