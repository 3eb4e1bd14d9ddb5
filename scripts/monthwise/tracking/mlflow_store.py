"""The MLflow store: its lock, its client, and the runs of a month.

MLflow is imported inside the functions: the import takes more than a second, and callers that only need the name of a
store must not wait for it.
"""

import contextlib
import errno
import fcntl
import logging
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from ..base.exits import CANNOT_WRITE, TryAgain, Unreachable
from . import relocation, store_errors, uris
from .uris import sqlite_file

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

DATASET, MONTH, CONTENT = "monthwise.dataset", "monthwise.month", "monthwise.content"
LOCK_WAIT_S = 600  # enough for about a hundred jobs in a row; a job that holds the lock longer hangs

# With MLflow's own limits, one request to an unreachable store takes many minutes.
LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "120",
    "AWS_MAX_ATTEMPTS": "3",
}
# MLflow tries ten times to connect to a database, which takes 100 s. MLFLOW_HTTP_REQUEST_MAX_RETRIES is for http
# stores only; for databases no variable or argument sets the number, so `connect` sets a constant of MLflow.
DATABASE_ATTEMPTS = 3
SILENCE = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
}
# An active run or experiment of the caller's shell must not be used here.
FOREIGN = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_ACTIVE_MODEL_ID")


@contextlib.contextmanager
def locked(uri: str) -> Iterator[None]:
    """Hold the store's lock: one writer at a time, so that tables are created once and no run is written twice.

    The lock file is next to an SQLite store, and in the working directory for other stores. Raises TryAgain if another
    job holds the lock for more than LOCK_WAIT_S, and Unreachable if the lock file cannot be opened.
    """
    database = sqlite_file(uri)
    path = database.with_name(f"{database.name}.lock") if database else Path("mlflow.db.lock")
    try:
        lock = open(path, "ab")  # noqa: SIM115 - closed below, which also releases the lock
    except OSError as error:
        if error.errno in CANNOT_WRITE and error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise Unreachable(store_errors.line(uri, f"{path.parent}: {error.strerror}")) from error
    with lock:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TryAgain(
                        f"{path} is held by another job for more than {LOCK_WAIT_S} s; rerun the command"
                    ) from None
                time.sleep(0.02)
        yield


def connect(uri: str) -> "MlflowClient":
    """Return a client of the store. The caller holds the lock: on a new store this creates the tables.

    User and password of an http store are moved from the URI to environment variables that MLflow reads. So MLflow's
    messages and files do not show them.
    """
    uris.insist_on_store(uri)
    import mlflow
    import mlflow.store.db.utils

    mlflow.store.db.utils.MAX_RETRY_COUNT = DATABASE_ATTEMPTS
    try:
        if (database := sqlite_file(uri)) and not database.exists():
            _create(database)
        elif database and uris.is_inside(uri):
            relocation.follow(database)
        uri_without_login = _without_login(uri)
        with _environment_kept("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):  # the next month needs the user's values
            mlflow.set_tracking_uri(uri_without_login)
            mlflow.set_registry_uri(uri_without_login)
        client = mlflow.MlflowClient()
        client.search_experiments(max_results=1)  # opens the store now, not in the middle of a later step
        return client
    except Exception as error:
        raise store_errors.exit_of(error, uri) or Unreachable(store_errors.line(uri, str(error))) from error


@contextlib.contextmanager
def _environment_kept(*names: str) -> Iterator[None]:
    old_values = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in old_values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _create(database: Path) -> None:
    """Create a new SQLite store under another name and rename it.

    If the job is killed while it creates the tables, the result is a file that MLflow can neither use nor repair.
    MLflow writes the location of the default experiment into SQL unchanged, and a client would pass one that is no URI.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    part = database.with_name(f"{database.name}.part")
    try:
        _remove(part)
        models = (Path.cwd() / uris.MODELS).as_uri()
        SqlAlchemyStore(uris.of_sqlite_file(part), models)  # type: ignore[no-untyped-call]  # MLflow types no __init__
        os.replace(part, database)
    finally:
        _remove(part)


def _remove(part: Path) -> None:
    for path in (part, part.with_name(f"{part.name}-journal")):
        path.unlink(missing_ok=True)


def _without_login(uri: str) -> str:
    if uris.is_server(uri) and "@" in (parts := urlsplit(uri)).netloc:
        os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username or "")
        os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return uris.absolute(uri)


def prepare() -> None:
    """Set what MLflow reads at import, and keep its messages out of the job's log. Call it before `connect`."""
    os.environ.update(SILENCE)
    for name, value in LIMITS.items():
        os.environ.setdefault(name, value)
    for name in FOREIGN:
        os.environ.pop(name, None)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def get_run(client: "MlflowClient", run_id: str) -> "Run | None":
    """Return a run, even if it was deleted; None if the store does not have it."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def runs_of(client: "MlflowClient", experiment: str, dataset: str, month: str) -> "list[Run]":
    """Return all visible runs of a dataset and run month, oldest first, regardless of content and state."""
    query = f"tags.`{DATASET}` = '{dataset}' and tags.`{MONTH}` = '{month}'"
    return list(client.search_runs([experiment], query, order_by=["attributes.start_time ASC"]))


class Logged(NamedTuple):
    """A complete run of the store, and the model that it logged."""

    run_id: str
    model_id: str


def logged(run: "Run") -> Logged | None:
    """Return the ids of a run and its model; None if the run is incomplete: the status is written last."""
    models = run.outputs.model_outputs if run.outputs else []
    return Logged(run.info.run_id, models[0].model_id) if run.info.status == "FINISHED" and models else None


def find(client: "MlflowClient", experiment: str, dataset: str, month: str, content: str) -> Logged | None:
    """Return the oldest complete run of a month and content; None if there is none. The caller holds the lock.

    Runs of the month that killed jobs left incomplete, and runs whose model files are missing, are deleted, regardless
    of their content.
    """
    oldest = None
    for run in runs_of(client, experiment, dataset, month):
        complete = logged(run)
        if complete is None or not has_model(client, complete.model_id):
            _delete(client, run)
        elif oldest is None and run.data.tags.get(CONTENT) == content:
            oldest = complete
    return oldest


def model_id_of(version: "ModelVersion") -> str:
    """Return the id of the model of a version in the registry; older stores have it in the version's source only."""
    return version.model_id or (version.source or "").removeprefix("models:/")


def has_model(client: "MlflowClient", model_id: str) -> bool:
    """Return whether a logged model is in the store, with its files."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_logged_model(model_id)  # raises if the model was deleted, unlike the next line
        artifacts = client.list_logged_model_artifacts(model_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return any(file.path == "MLmodel" for file in artifacts)


def _delete(client: "MlflowClient", run: "Run") -> None:
    """Mark a run and its models as deleted (`mlflow gc` removes them permanently)."""
    for model in client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"):
        client.delete_logged_model(model.model_id)
    client.delete_run(run.info.run_id)
