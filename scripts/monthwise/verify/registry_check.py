"""Check the model registry against registry/{dataset}.json and tracking.json. Changes nothing."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..base import exits, files, redact, suggest
from ..tracking import mlflow_store, relocation, store_errors, uris

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from ..base.file_types import ModelVersion, Tracking

Answer = TypeVar("Answer")


class NotChecked(Exception):
    """Why the registry could not be checked. This is no finding about a month."""


def findings(dataset: str, months: Mapping[str, Tracking | None], uri: str) -> dict[str, str]:
    """Return the first problem of each month that has one, in words, by month.

    `months` holds the content of tracking.json by run month; None for a month that trained nothing. Raises NotChecked
    if there is no registry file or no store.
    """
    path = Path(f"registry/{dataset}.json")
    if not path.exists():
        raise NotChecked(f"there is no {path}")
    content = path.read_bytes()
    registry = files.parse_json_if_whole(content) or {}
    try:
        name, versions, champion, decided = (registry[key] for key in ("model", "versions", "champion", "decided"))
        is_whole = files.to_json(registry) == content
    except (ValueError, KeyError):
        is_whole = False
    if not is_whole:
        return {max(months): f"{path} is not what was written; delete it, then {_again()}"}
    if registry["uri"] != redact.public(uri):
        raise NotChecked(f"{path} is about {registry['uri']}, and the store is {redact.public(uri)} now")
    problems = {}
    with _opened(uri) as client:
        for month, record in months.items():
            if record and month not in versions:
                problems[month] = f"{path} has no version of it; {_again()}"
            elif record and (problem := _off(client, name, month, versions[month], record)):
                problems[month] = _repair(problem)
        if champion and decided in months and decided not in problems:
            aliased = _at(client, name, "champion")
            if aliased != champion["version"]:
                wanted = f"version {champion['version']}, the model of {champion['month']}"
                problems[decided] = _repair(f"alias champion of {name} is at {_named(aliased)}, not at {wanted}")
    return problems


def _again() -> str:
    return f"rebuild it: {suggest.snakemake()}"


def _repair(problem: str) -> str:
    """Return a problem of the store, followed by the command that makes the store agree with the files."""
    return f"{problem}; `{suggest.command('track')}` makes it agree with the files"


def _off(client: MlflowClient, name: str, month: str, version: ModelVersion, record: Tracking) -> str | None:
    """Return the first problem of a month's version, in words; None if there is none."""
    for key in ("run_id", "model_id", "content"):
        if version[key] != record[key]:
            return f"registry/{record['dataset']}.json names {key} {version[key]}, tracking.json {record[key]}"
    number = version["version"]
    registered = _ask(lambda: client.get_model_version(name, number))
    if registered is None:
        return f"version {number} of {name} is not in the registry"
    wanted = {
        mlflow_store.DATASET: record["dataset"],
        mlflow_store.MONTH: month,
        mlflow_store.CONTENT: record["content"],
        "run_id": record["run_id"],
        "model_id": record["model_id"],
    }
    ids = {"run_id": registered.run_id, "model_id": mlflow_store.model_id_of(registered)}
    actual_values = {**registered.tags, **ids}
    for key, value in wanted.items():
        if (actual := actual_values.get(key)) != value:
            return f"version {number} of {name} has {key} {actual}, tracking.json {value}"
    if not mlflow_store.has_model(client, record["model_id"]):
        return f"model {record['model_id']} of run {record['run_id']} is gone, or its files are"
    if (aliased := _at(client, name, f"run-{month}")) != number:
        return f"alias run-{month} of {name} is at {_named(aliased)}, not at {number}"
    return None


def _at(client: MlflowClient, name: str, alias: str) -> str | None:
    model_version = _ask(lambda: client.get_model_version_by_alias(name, alias))
    return str(model_version.version) if model_version else None


def _named(version: str | None) -> str:
    return f"version {version}" if version else "no version"


def _ask(request: Callable[[], Answer]) -> Answer | None:
    """Return the store's answer to a request; None if the store does not have it."""
    from mlflow.exceptions import MlflowException

    try:
        return request()
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


@contextlib.contextmanager
def _opened(uri: str) -> Iterator[MlflowClient]:
    """Yield a client of the store. An SQLite store is copied first, because MLflow would write into it."""
    mlflow_store.prepare()
    database = uris.sqlite_file(uri)
    if database and not database.exists():
        raise NotChecked(f"there is no {redact.public(uri)}")
    try:
        with tempfile.TemporaryDirectory(prefix="monthwise-verify-") as scratch:
            if database:
                copy = Path(scratch, "mlflow.db")
                with (
                    contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as source,
                    contextlib.closing(sqlite3.connect(copy)) as target,
                ):
                    source.backup(target)
                if uris.is_inside(uri):
                    relocation.follow(copy)
                uri = uris.of_sqlite_file(copy)
            with contextlib.chdir(scratch):  # MLflow always creates a folder for artifacts in the working directory
                client = mlflow_store.connect(uri)
            yield client
    except exits.Unreachable as end:
        raise NotChecked(str(end)) from None
    except sqlite3.Error as error:
        raise NotChecked(f"{redact.public(uri)} cannot be read ({error})") from None
    except exits.Exit:
        raise
    except Exception as error:
        store_exit = store_errors.exit_of(error, uri)
        if store_exit is None:
            raise
        raise NotChecked(str(store_exit)) from None
