"""Whether the model registry has what registry/{service}.json and tracking.json say; reads, and changes nothing."""

import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..base import exits, files, redact, suggest
from ..tracking import mlflow_store, relocation, store_errors, uris


class NotChecked(Exception):
    """Why the registry could not be looked at, which says nothing about a month."""


def findings(service: str, months: Mapping[str, dict | None], uri: str) -> dict[str, str]:
    """Return the first thing that is off, in words, for each month where something is.

    `months` holds the content of tracking.json by run month, None for one that trained nothing. Raises NotChecked
    without a registry or a store.
    """
    path = Path(f"registry/{service}.json")
    if not path.exists():
        raise NotChecked(f"there is no {path}")
    content = path.read_bytes()
    try:
        told = json.loads(content)
        name, versions, champion, decided = (told[key] for key in ("model", "versions", "champion", "decided"))
        is_whole = files.to_json(told) == content
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        return {max(months): f"{path} is not what was written; delete it, then {_again()}"}
    if told["uri"] != redact.public(uri):
        raise NotChecked(f"{path} is about {told['uri']}, and the store is {redact.public(uri)} now")
    found = {}
    with _opened(uri) as client:
        for month, record in months.items():
            if record and month not in versions:
                found[month] = f"{path} has no version of it; {_again()}"
            elif record and (off := _off(client, name, month, versions[month], record)):
                found[month] = _repair(off)
        if champion and decided in months and decided not in found:
            serving = _at(client, name, "champion")
            if serving != champion["version"]:
                wanted = f"version {champion['version']}, the model of {champion['month']}"
                found[decided] = _repair(f"alias champion of {name} is at {_named(serving)}, not at {wanted}")
    return found


def _again() -> str:
    return f"rebuild it: {suggest.snakemake()}"


def _repair(off: str) -> str:
    """Return what is off in the store, with the command that makes the store agree with the files."""
    return f"{off}; `{suggest.command('track')}` makes it agree with the files"


def _off(client, name: str, month: str, version: Mapping, record: Mapping) -> str | None:
    """Return what is off about the version of a month."""
    for key in ("run_id", "model_id", "content"):
        if version[key] != record[key]:
            return f"registry/{record['service']}.json names {key} {version[key]}, tracking.json {record[key]}"
    number = version["version"]
    there = _ask(lambda: client.get_model_version(name, number))
    if there is None:
        return f"version {number} of {name} is not in the registry"
    wanted = {
        mlflow_store.SERVICE: record["service"],
        mlflow_store.MONTH: month,
        mlflow_store.CONTENT: record["content"],
    }
    has = {"run_id": there.run_id, "model_id": there.model_id or there.source.removeprefix("models:/")}
    for key, value in (wanted | {key: record[key] for key in has}).items():
        if (found := (there.tags | has).get(key)) != value:
            return f"version {number} of {name} has {key} {found}, tracking.json {value}"
    if not mlflow_store.has_model(client, record["model_id"]):
        return f"model {record['model_id']} of run {record['run_id']} is gone, or its files are"
    if (at := _at(client, name, f"run-{month}")) != number:
        return f"alias run-{month} of {name} is at {_named(at)}, not at {number}"
    return None


def _at(client, name: str, alias: str) -> str | None:
    found = _ask(lambda: client.get_model_version_by_alias(name, alias))
    return str(found.version) if found else None


def _named(version: str | None) -> str:
    return f"version {version}" if version else "no version"


def _ask(question):
    """Return what the store answers, None for what it does not have."""
    from mlflow.exceptions import MlflowException

    try:
        return question()
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


@contextlib.contextmanager
def _opened(uri: str) -> Iterator:
    """Yield a client of the store. Of an SQLite store it is a copy that is looked at: MLflow would write into it."""
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
            with contextlib.chdir(scratch):  # where MLflow makes a folder for artifacts, asked or not
                client = mlflow_store.connect(uri)
            yield client
    except exits.Unreachable as end:
        raise NotChecked(str(end)) from None
    except sqlite3.Error as error:
        raise NotChecked(f"{redact.public(uri)} cannot be read ({error})") from None
    except exits.Exit:
        raise
    except Exception as error:
        end = store_errors.exit_of(error, uri)
        if end is None:
            raise
        raise NotChecked(str(end)) from None
