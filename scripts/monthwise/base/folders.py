"""The folder that `--directory` names."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .exits import WrongUsage


@contextlib.contextmanager
def inside(directory: str | None, creates: bool = False, keeps: bool = True) -> Iterator[None]:
    """Work in `directory` (None: where the command is called); if it is missing, a command that `creates` it does so.

    What was created and is empty at the end is removed unless the command `keeps` it. Raises WrongUsage, one line, if
    there is no such folder or it cannot be one.
    """
    if directory is None:
        yield
        return
    path = Path(directory).absolute()
    missing = [each for each in (path, *path.parents) if not os.path.exists(each)]
    if missing and not creates:
        raise WrongUsage(f"--directory {directory}: there is no such folder; check the spelling (`run` creates one)")
    try:
        path.mkdir(parents=True, exist_ok=True)
        os.chdir(path)
    except PermissionError:
        raise
    except OSError as error:
        raise WrongUsage(f"--directory {directory}: {os.strerror(error.errno).lower()}; name a folder") from None
    try:
        yield
    finally:
        for each in () if keeps else missing:
            with contextlib.suppress(OSError):
                each.rmdir()
