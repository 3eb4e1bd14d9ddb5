"""The check of the model registry against the files, which changes nothing."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from fixtures.shared_months import FIRST
from monthwise.base import files, months
from monthwise.tracking import mlflow_store
from monthwise.verify import registry_check

NAME, MONTH = "monthwise-green", months.shift(FIRST, 1)


@pytest.fixture
def findings(clone, monkeypatch) -> Callable[..., dict[str, str]]:
    """Compare the registry with run month MONTH, the second one, in the folder of built months."""
    monkeypatch.chdir(clone.folder)
    monkeypatch.setattr(mlflow_store, "prepare", lambda: None)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):  # and back, after MLflow has set them
        monkeypatch.setenv(name, "")
    record = files.read_json(f"runs/green/{MONTH}/tracking.json")
    return lambda uri="sqlite:///mlflow.db": registry_check.findings("green", {MONTH: record}, uri)


def other_model(client) -> None:
    one = client.get_model_version(NAME, "1")
    with sqlite3.connect("mlflow.db") as database:
        database.execute("update model_versions set source = ?, run_id = ? where version = 2", (one.source, one.run_id))


def other_version(_) -> None:
    path = Path("registry/green.json")
    registry = files.read_json(path)
    registry["versions"][MONTH]["version"] = "1"
    files.write_json(path, registry)


REPLACED = {
    f"version 2 of {NAME} is not in the registry": lambda client: client.delete_model_version(NAME, "2"),
    f"version 2 of {NAME} has run_id": other_model,
    f"version 2 of {NAME} has monthwise.content x": lambda client: client.set_model_version_tag(
        NAME, "2", "monthwise.content", "x"
    ),
    f"alias run-{MONTH} of {NAME} is at version 1": lambda client: client.set_registered_model_alias(
        NAME, f"run-{MONTH}", "1"
    ),
    f"alias run-{MONTH} of {NAME} is at no version": lambda client: client.delete_registered_model_alias(
        NAME, f"run-{MONTH}"
    ),
    f"version 1 of {NAME} has monthwise.month": other_version,
    "registry/green.json is not what was written": lambda _: Path("registry/green.json").write_text("{}"),
}


@pytest.mark.parametrize("edit", REPLACED)
def test_a_replaced_version_is_found(findings, edit):
    assert findings() == {}
    uri = f"sqlite:///{Path('mlflow.db').absolute()}"
    REPLACED[edit](mlflow.MlflowClient(uri, uri))
    assert findings()[MONTH].startswith(edit)


def test_the_champion_is_where_the_newest_decided_month_says(findings):
    path = Path("registry/green.json")
    registry = files.read_json(path)
    files.write_json(path, registry | {"decided": MONTH, "champion": {"month": MONTH, "version": "7"}})
    assert findings()[MONTH].startswith(f"alias champion of {NAME} is at version ")


def test_a_store_that_is_away_is_no_finding(findings, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = "http://127.0.0.1:9"
    with pytest.raises(registry_check.NotChecked, match=r"is about sqlite:///mlflow.db, and the store is http"):
        findings(away)
    registry = files.read_json("registry/green.json")
    files.write_json("registry/green.json", registry | {"uri": away})
    with pytest.raises(registry_check.NotChecked, match=r"http://127.0.0.1:9 cannot be reached"):
        findings(away)
    Path("registry/green.json").unlink()
    with pytest.raises(registry_check.NotChecked, match=r"there is no registry/green.json"):
        findings(away)
