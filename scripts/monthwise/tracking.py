"""The MLflow store: where it is, one writer at a time, the runs of a month, and what its failures mean to a person.

MLflow is imported inside the functions: it takes more than a second, and whoever only names a store need not wait.
"""

import contextlib
import errno
import fcntl
import logging
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from . import uris
from .exits import CANNOT_WRITE, CannotWrite, Exit, TryAgain, Unreachable
from .uris import public, sqlite_file

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

SERVICE, MONTH, CONTENT = "monthwise.service", "monthwise.month", "monthwise.content"
LOCK_WAIT_S = 600  # some hundred jobs in a row; who holds the lock longer than that hangs

# MLflow's own limits let one request to a store that is away go on for many minutes.
LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "120",
    "AWS_MAX_ATTEMPTS": "3",
}
DATABASE_ATTEMPTS = 3  # MLflow's ten take 100 s, and sleep longest before the last
SILENCE = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
}
# A run or experiment that the caller's shell is in is not ours.
FOREIGN = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_ACTIVE_MODEL_ID")


@contextlib.contextmanager
def locked(uri: str) -> Iterator[None]:
    """Hold the store's lock: one writer at a time, so that tables are created once and no run is written twice.

    The lock is a file beside an SQLite store, and in the working directory for any other.
    """
    database = sqlite_file(uri)
    path = database.with_name(f"{database.name}.lock") if database else Path("mlflow.db.lock")
    try:
        lock = open(path, "ab")  # noqa: SIM115 - closed below, which also releases the lock
    except OSError as error:
        if error.errno in CANNOT_WRITE and error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise Unreachable(_line(uri, f"{path.parent}: {os.strerror(error.errno)}")) from error
    with lock:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TryAgain(f"{path} is held by another job for more than {LOCK_WAIT_S} s; ask again") from None
                time.sleep(0.02)
        yield


def connect(uri: str) -> "MlflowClient":
    """Return a client of the store; call it under the lock, because on a new store it creates the tables.

    User and password of an http store move from the URI to where MLflow looks for them too: its messages and files
    then cannot show them.
    """
    uris.insist_on_store(uri)
    import mlflow
    import mlflow.store.db.utils

    mlflow.store.db.utils.MAX_RETRY_COUNT = DATABASE_ATTEMPTS
    try:
        if (database := sqlite_file(uri)) and not database.exists():
            _create(database)
        bare = _without_login(uri)
        with _environment_kept("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):  # the next month is to find the user's
            mlflow.set_tracking_uri(bare)
            mlflow.set_registry_uri(bare)
        client = mlflow.MlflowClient()
        client.search_experiments(max_results=1)  # opens the store now, not in the middle of something
        return client
    except Exception as error:
        raise exit_of(error, uri) or Unreachable(_line(uri, _reason(str(error), uri))) from error


@contextlib.contextmanager
def _environment_kept(*names: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in names}
    yield
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _create(database: Path) -> None:
    """Make a new SQLite store under another name and rename it.

    Killed among the steps that make its tables, it would be a file that MLflow can neither use nor repair. MLflow
    writes the default experiment's place into SQL as it is: a client would give it one that is no URI.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    part = database.with_name(f"{database.name}.part")
    try:
        _remove(part)
        SqlAlchemyStore(uris.of_sqlite_file(part), (Path.cwd() / uris.MODELS).as_uri())
        os.replace(part, database)
    finally:
        _remove(part)


def _remove(part: Path) -> None:
    for left in (part, part.with_name(f"{part.name}-journal")):
        left.unlink(missing_ok=True)


def _without_login(uri: str) -> str:
    if uris.is_server(uri) and "@" in (parts := urlsplit(uri)).netloc:
        os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username or "")
        os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return uris.absolute(uri)


def prepare() -> None:
    """Set what MLflow reads while it is imported, and keep its talk out of the job's log. Call it before `connect`."""
    os.environ.update(SILENCE)
    for name, value in LIMITS.items():
        os.environ.setdefault(name, value)
    for name in FOREIGN:
        os.environ.pop(name, None)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def experiment_id(client: "MlflowClient", settings: Mapping[str, str], uri: str) -> str:
    """Return the id of the settings' `experiment`; makes it where it is missing, restores it where someone deleted it.

    Its models lie under `artifacts` where the settings have it. MLflow keeps that place with the experiment: one that
    says another, or that is of an SQLite store that was moved, is put aside, or runs would go to where it was.
    """
    name, artifacts = settings["experiment"], settings.get("artifacts")
    place = uris.place_of_models(name, artifacts, uri)
    found = client.get_experiment_by_name(name)
    location = found.artifact_location if found else ""
    if found and (not uris.is_at(location, place) if artifacts else uris.has_moved(location, uri)):
        client.rename_experiment(found.experiment_id, f"{name} (moved {found.experiment_id})")
        if found.lifecycle_stage != "deleted":
            client.delete_experiment(found.experiment_id)
        found = None
    if found is None:
        uris.insist_on_models(uri, artifacts)
        return client.create_experiment(name, place)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def runs_of(client: "MlflowClient", experiment: str, service: str, month: str) -> "list[Run]":
    """Return all visible runs of a service and run month, oldest first, whatever their content and state."""
    query = f"tags.`{SERVICE}` = '{service}' and tags.`{MONTH}` = '{month}'"
    return list(client.search_runs([experiment], query, order_by=["attributes.start_time ASC"]))


def is_whole(run: "Run") -> bool:
    """Whether a run was written to its end: the status is the last thing that is written."""
    return run.info.status == "FINISHED" and bool(run.outputs and run.outputs.model_outputs)


def find(client: "MlflowClient", experiment: str, service: str, month: str, content: str) -> "Run | None":
    """Return the oldest whole run of a month and content; call it under the lock.

    What killed jobs left of the month half-written, and runs whose model's files are gone, are deleted on the way,
    whatever their content.
    """
    whole = []
    for run in runs_of(client, experiment, service, month):
        if is_whole(run) and _has_model(client, run):
            whole.append(run)
        else:
            _delete(client, run)
    return next((run for run in whole if run.data.tags.get(CONTENT) == content), None)


def _has_model(client: "MlflowClient", run: "Run") -> bool:
    model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    folder = uris.local_folder(model.artifact_location)
    return folder is None or (folder / "MLmodel").exists()


def _delete(client: "MlflowClient", run: "Run") -> None:
    """Take a run and its models out of sight (`mlflow gc` removes them for good)."""
    for model in client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"):
        client.delete_logged_model(model.model_id)
    client.delete_run(run.info.run_id)


@contextlib.contextmanager
def in_one_line(uri: str, where: str) -> Iterator[None]:
    """Turn failures of the store into exits; `where` (service and month) begins their line.

    An exception that is nobody's fault but the program's goes on, unless its text holds a secret.
    """
    try:
        yield
    except Exit as end:
        raise type(end)(str(end) if where in str(end) else f"{where}: {end}") from None
    except Exception as error:
        if (end := exit_of(error, uri)) is not None:
            raise type(end)(f"{where}: {end}") from None
        text = str(error)
        if hide(text, uri) != text:
            raise RuntimeError(f"{type(error).__name__}: {hide(text, uri)}") from None
        raise


def exit_of(error: Exception, uri: str) -> Exit | None:
    """Return the exit that stands for a failure of the store; None where it is a fault of the program."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    chain = list(_chain(error))
    text = " ".join(str(link) for link in chain)
    full = any(isinstance(link, OSError) and link.errno in CANNOT_WRITE for link in chain)
    if full or "disk is full" in text or "disk I/O error" in text:
        reason = _reason(text, uri)
        return CannotWrite(f"cannot write to tracking store {public(uri)} ({reason}); make room, then ask again")
    if "database is locked" in text:
        return TryAgain(f"tracking store {public(uri)} is being written by another program; ask again")
    if isinstance(error, MlflowException) and error.error_code in _OWN_FAULTS:
        return None
    if any(type(link).__module__.startswith(_OF_ARTIFACTS) for link in chain):
        what = f"where tracking store {public(uri)} keeps models cannot be written"
        return Unreachable(
            f"{what} ({_reason(text, uri)}); look at tracking.artifacts and at the credentials, then ask again"
        )
    if isinstance(error, MlflowException | RequestException | SQLAlchemyError | ModuleNotFoundError):
        return Unreachable(_line(uri, _reason(text, uri)))
    return None


_OF_ARTIFACTS = ("boto", "google.", "azure.")  # botocore and boto3 among them
_OWN_FAULTS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS", "MALFORMED_REQUEST"}


def hide(text: str, uri: str) -> str:
    """Return a text without what is secret about a URI and in the environment."""
    user = uri.partition("://")[2].rpartition("@")[0]
    password = user.partition(":")[2]
    kept = (os.environ.get(name, "") for name in ("MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY"))
    named = [(uri, public(uri)), *((secret, "***") for secret in (user, password, unquote(password), *kept))]
    for secret, shown in named:
        if secret:
            text = text.replace(secret, shown)
    return text


def _line(uri: str, reason: str) -> str:
    return (
        f"tracking store {public(uri)} cannot be reached ({reason}); the model stays: start the store, or set"
        f" tracking.uri or MLFLOW_TRACKING_URI, then ask again"
    )


def _reason(text: str, uri: str) -> str:
    """Return what matters of a chain of messages: the system's or a bucket's words, or the first line."""
    system = re.search(
        r"An error occurred \((\w+)\)|\[Errno -?\d+\] ([^'\")\]]+)|(timed out)|\(sqlite3\.\w+\) ([^\n]+)", text
    )
    if system:
        return next(group for group in system.groups() if group).strip()
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return hide(first, uri)[:200].rstrip(".")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
