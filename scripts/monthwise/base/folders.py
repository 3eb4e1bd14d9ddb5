"""The folder that `--directory` names."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .exits import WrongUsage


@contextlib.contextmanager
def inside(directory: str | None, creates: bool = False, keeps: bool = True) -> Iterator[None]:
    """Change to `directory` (None: stay in the current one); create it if it is missing and `creates` is true.

    Unless `keeps` is true, created folders that are empty at the end are removed. Raises WrongUsage if the folder is
    missing or cannot be created.
    """
    if directory is None:
        yield
        return
    path = Path(directory).absolute()
    missing = [folder for folder in (path, *path.parents) if not os.path.exists(folder)]
    if missing and not creates:
        raise WrongUsage(f"--directory {directory}: there is no such folder; check the spelling (`run` creates one)")
    try:
        path.mkdir(parents=True, exist_ok=True)
        os.chdir(path)
    except PermissionError:
        raise
    except OSError as error:
        raise WrongUsage(f"--directory {directory}: {str(error.strerror).lower()}; name a folder") from None
    try:
        yield
    finally:
        for folder in () if keeps else missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
