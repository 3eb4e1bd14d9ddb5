"""Update model paths in a store inside a results folder that was moved or copied: MLflow stores absolute paths.

MLflow cannot change a path, so this module changes the tables. They are those of the MLflow version in the lock file.
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
WAIT_S = 60  # for another program to finish writing


def follow(database: Path) -> None:
    """Make an SQLite store name the models in the working directory instead of the folder they came from.

    A file without MLflow's tables is left unchanged. Raises sqlite3.Error if the store cannot be written.
    """
    here = Path.cwd()
    with contextlib.closing(sqlite3.connect(database, timeout=WAIT_S)) as store:
        try:
            locations = [location for (location,) in store.execute("select artifact_location from experiments")]
        except sqlite3.Error:
            return
        for former in {former for location in locations if (former := _former(location or "", here))}:
            for old, new in ((former.as_uri(), here.as_uri()), (str(former), str(here))):
                _replace(store, f"{old}/{MODELS}/", f"{new}/{MODELS}/")


def _former(location: str, here: Path) -> Path | None:
    """Return the results folder of a location if it is not `here` and its models exist in `here` too; else None."""
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
