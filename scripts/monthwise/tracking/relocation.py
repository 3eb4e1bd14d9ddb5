"""Models of a store inside the results folder after that was moved or copied: MLflow keeps their absolute paths.

MLflow has no way to change a path, so its tables are changed. They are those of the version in the lock.
"""

import contextlib
import sqlite3
from pathlib import Path

from .uris import MODELS, local_folder

COLUMNS = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}
WAIT_S = 60  # for another program that writes


def follow(database: Path) -> None:
    """Let an SQLite store name the models in the working directory, where it names another folder that they came from.

    A file without the tables of MLflow is left as it is. Raises sqlite3.Error if it cannot be written.
    """
    here = Path.cwd()
    with contextlib.closing(sqlite3.connect(database, timeout=WAIT_S)) as store:
        try:
            locations = [location for (location,) in store.execute("select artifact_location from experiments")]
        except sqlite3.Error:
            return
        for former in {_former(location or "", here) for location in locations} - {None}:
            for old, new in ((former.as_uri(), here.as_uri()), (str(former), str(here))):
                _replace(store, f"{old}/{MODELS}/", f"{new}/{MODELS}/")


def _former(location: str, here: Path) -> Path | None:
    """Return the results folder that a location is in if it is another one and its models are also in this one."""
    folder = local_folder(location)
    if folder is None or folder.is_relative_to(here):
        return None
    root, _, rest = str(folder).rpartition(f"/{MODELS}/")
    return Path(root) if rest and (here / MODELS / rest).is_dir() else None


def _replace(store: sqlite3.Connection, old: str, new: str) -> None:
    with store:
        for table, column in COLUMNS.items():
            store.execute(
                f"update {table} set {column} = ? || substr({column}, ?) where substr({column}, 1, ?) = ?",
                (new, len(old) + 1, len(old), old),
            )
