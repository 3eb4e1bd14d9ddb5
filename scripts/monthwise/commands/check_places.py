"""Try the places that a run writes to, exactly as the run does, for `./monthwise check`; leave nothing behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import exits, redact
from ..config.settings import Settings
from ..tracking import experiments, mlflow_store, store_errors, uris

if TYPE_CHECKING:
    from mlflow import MlflowClient

TRIAL = b"a" * 1_000_000
LIMITS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


class Wrong(Exception):
    """A failed check: what is wrong and what to do, in one line."""


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield a new folder in the place of the results."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=".monthwise-check-", dir=Path.cwd(), ignore_cleanup_errors=True)
    except OSError as error:
        raise Wrong(_of_results("cannot be written", error)) from None
    with folder:
        yield Path(folder.name)


def results() -> str:
    """Write, rename, lock and link files, as jobs do; return the folder."""
    with scratch() as folder:
        written, linked = folder / "written", folder / "linked"
        steps: dict[str, Callable[[], object]] = {
            "cannot be written": lambda: (folder / "part").write_bytes(TRIAL),
            "renames no file": lambda: os.replace(folder / "part", written),
            "locks no file": lambda: _lock(written),
            "has no symbolic links": lambda: os.symlink("written", folder / "symbolic"),
        }
        for problem, step in steps.items():
            try:
                step()
            except OSError as error:
                raise Wrong(_of_results(problem, error)) from None
        try:
            os.link(written, linked)
        except OSError:
            return f"{Path.cwd()}, without hard links: a download that fails costs another one"
    return str(Path.cwd())


def _lock(path: Path) -> None:
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _of_results(problem: str, error: OSError) -> str:
    advice = "check permissions and free space, or give --directory DIR on another file system"
    return f"{Path.cwd()} {problem} ({error.strerror}); {advice}"


def temporary() -> str:
    """Write a file into the folder for temporary files (TMPDIR); return the folder."""
    try:
        with tempfile.TemporaryDirectory(prefix="monthwise-check-") as folder:
            Path(folder, "written").write_bytes(TRIAL)
    except OSError as error:
        place = os.environ.get("TMPDIR") or "/tmp"
        raise Wrong(f"{place} cannot be used ({error.strerror}); make room, or set TMPDIR to another folder") from None
    return os.path.dirname(folder)


def store(settings: Settings) -> str:
    """Open the store as jobs do, under its lock; return its public URI.

    Check that the names in it are our own, and write a file to the place of the models.
    """
    tracking = settings.config.tracking
    uri, artifacts = uris.store_uri(tracking.model_dump()), tracking.artifacts
    for name, value in LIMITS.items():
        os.environ.setdefault(name, value)
    mlflow_store.prepare()
    try:
        with scratch() as folder:
            uris.insist_on_uris(uri, artifacts)
            opened = _instead_of_new(uri)
            try:
                with mlflow_store.locked(opened):
                    client = mlflow_store.connect(opened)
                    for dataset in settings.datasets if opened == uri else ():
                        experiments.insist_on_own_names(client, f"{tracking.name}-{dataset}", dataset, uri)
                _write_model(client, settings, uri, folder)
            finally:
                if opened != uri and (database := uris.sqlite_file(opened)):
                    _remove_store(database)
    except (exits.Exit, Wrong) as end:
        raise Wrong(redact.hide(str(end), uri)) from None
    except Exception as error:  # whatever a driver or a bucket raises
        reason = str(store_errors.exit_of(error, uri) or f"{type(error).__name__}: {error}").splitlines()[0]
        raise Wrong(f"{redact.hide(reason, uri)}; set tracking.uri or MLFLOW_TRACKING_URI") from None
    return redact.public(uri)


def _instead_of_new(uri: str) -> str:
    """Return the URI; for an SQLite store that does not exist yet, return the URI of one next to its place."""
    database = uris.sqlite_file(uri)
    if database is None or database.exists():
        return uri
    return uris.of_sqlite_file(database.with_name(f".check-{os.getpid()}.db"))


def _remove_store(database: Path) -> None:
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink(missing_ok=True)


def _write_model(client: MlflowClient, settings: Settings, uri: str, folder: Path) -> None:
    """Write a file to the place of the models of the first dataset, and delete it."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    experiment = f"{settings.config.tracking.name}-{settings.datasets[0]}"
    existing = client.get_experiment_by_name(experiment)
    place = uris.place_of_models(experiment, settings.config.tracking.artifacts, uri)
    if existing and (place is None or not uris.has_moved(existing.artifact_location, uri)):
        place = existing.artifact_location
    if place is None:
        return  # a server names the place only if the experiment exists
    note = folder / "note.txt"
    note.write_text("written by ./monthwise check", encoding="utf-8")
    repository, name = get_artifact_repository(place), f"check-{os.getpid()}"
    local = uris.local_folder(place)
    missing = [path for path in (local, *local.parents) if not path.exists()] if local else []
    try:
        repository.log_artifact(str(note), name)  # type: ignore[no-untyped-call]  # MLflow leaves it without types
    except OSError as error:
        raise Wrong(
            f"models cannot be written to {local or place} ({error.strerror}); check permissions and free space"
        ) from None
    finally:
        with contextlib.suppress(Exception):
            # MLflow unquotes a path once too often when it deletes.
            if local:
                shutil.rmtree(local / name)
            else:
                repository.delete_artifacts(name)  # type: ignore[no-untyped-call]  # MLflow leaves it without types
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()
