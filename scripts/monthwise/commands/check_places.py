"""What `./monthwise check` tries of the places that a run writes to, exactly as the run does; nothing is left there."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ..base import exits, redact
from ..config.settings import Settings
from ..tracking import experiments, mlflow_store, store_errors, uris

TRIAL = b"a" * 1_000_000
LIMITS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


class Wrong(Exception):
    """What is wrong and what to do, in one line."""


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder of its own where results will be."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=".monthwise-check-", dir=Path.cwd(), ignore_cleanup_errors=True)
    except OSError as error:
        raise Wrong(_of_results("cannot be written", error)) from None
    with folder:
        yield Path(folder.name)


def results() -> str:
    """Write, rename, lock and link, as jobs do."""
    with scratch() as folder:
        written, linked = folder / "written", folder / "linked"
        steps: dict[str, Callable[[], object]] = {
            "cannot be written": lambda: (folder / "part").write_bytes(TRIAL),
            "renames no file": lambda: os.replace(folder / "part", written),
            "locks no file": lambda: _lock(written),
            "has no symbolic links": lambda: os.symlink("written", folder / "symbolic"),
        }
        for what, step in steps.items():
            try:
                step()
            except OSError as error:
                raise Wrong(_of_results(what, error)) from None
        try:
            os.link(written, linked)
        except OSError:
            return f"{Path.cwd()}, without hard links: a download that fails costs another one"
    return str(Path.cwd())


def _lock(path: Path) -> None:
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _of_results(what: str, error: OSError) -> str:
    advice = "check permissions and free space, or give --directory DIR on another file system"
    return f"{Path.cwd()} {what} ({error.strerror}); {advice}"


def temporary() -> str:
    """Write where TMPDIR says."""
    try:
        with tempfile.TemporaryDirectory(prefix="monthwise-check-") as folder:
            Path(folder, "written").write_bytes(TRIAL)
    except OSError as error:
        place = os.environ.get("TMPDIR") or "/tmp"
        raise Wrong(f"{place} cannot be used ({error.strerror}); make room, or set TMPDIR to another folder") from None
    return os.path.dirname(folder)


def store(settings: Settings) -> str:
    """Open the store as jobs do, under its lock; see whose names are in it, and write a file where models will be."""
    config = settings.config["tracking"]
    uri, artifacts = uris.store_uri(config), config["artifacts"]
    for name, value in LIMITS.items():
        os.environ.setdefault(name, value)
    mlflow_store.prepare()
    try:
        with scratch() as folder:
            uris.insist(uri, artifacts)
            opened = _instead_of_new(uri)
            try:
                with mlflow_store.locked(opened):
                    client = mlflow_store.connect(opened)
                    for service in settings.services if opened == uri else ():
                        experiments.insist_on_own_names(client, f"{config['name']}-{service}", service, uri)
                _write_model(client, settings, uri, folder)
            finally:
                if opened != uri:
                    _remove_store(uris.sqlite_file(opened))
    except (exits.Exit, Wrong) as end:
        raise Wrong(redact.hide(str(end), uri)) from None
    except Exception as error:  # whatever a driver or a bucket raises
        reason = str(store_errors.exit_of(error, uri) or f"{type(error).__name__}: {error}").splitlines()[0]
        raise Wrong(f"{redact.hide(reason, uri)}; set tracking.uri or MLFLOW_TRACKING_URI") from None
    return redact.public(uri)


def _instead_of_new(uri: str) -> str:
    """Return the URI; of an SQLite store that is not there yet, that of one beside its place."""
    database = uris.sqlite_file(uri)
    if database is None or database.exists():
        return uri
    return uris.of_sqlite_file(database.with_name(f".check-{os.getpid()}.db"))


def _remove_store(database: Path) -> None:
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink(missing_ok=True)


def _write_model(client, settings: Settings, uri: str, folder: Path) -> None:
    """Write a file where the models of the first service will be, and delete it."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    experiment = f"{settings.config['tracking']['name']}-{settings.services[0]}"
    found = client.get_experiment_by_name(experiment)
    place = uris.place_of_models(experiment, settings.config["tracking"]["artifacts"], uri)
    if place is None and found is None:
        return  # a server says where only when there is an experiment
    if place is None or (found and not uris.has_moved(found.artifact_location, uri)):
        place = found.artifact_location
    note = folder / "note.txt"
    note.write_text("written by ./monthwise check", encoding="utf-8")
    repository, name = get_artifact_repository(place), f"check-{os.getpid()}"
    local = uris.local_folder(place)
    missing = [path for path in (local, *local.parents) if not path.exists()] if local else []
    try:
        repository.log_artifact(str(note), name)
    except OSError as error:
        raise Wrong(
            f"models cannot be written to {local or place} ({error.strerror}); check permissions and free space"
        ) from None
    finally:
        with contextlib.suppress(Exception):
            # MLflow unquotes a path once too often when it deletes.
            shutil.rmtree(local / name) if local else repository.delete_artifacts(name)
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()
