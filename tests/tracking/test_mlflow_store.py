"""The MLflow store's name, its tables and its faults, without a run in it."""

import os
import sqlite3

import pytest
from monthwise.base import redact
from monthwise.tracking import mlflow_store, store_errors

os.environ.update(mlflow_store.SILENCE)  # mlflow reads it while it is imported


@pytest.fixture(autouse=True)
def _no_store_of_the_environment(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # and back, after mlflow.set_tracking_uri has set it
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "")


def test_a_new_store_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda *_: 1 / 0)
    with pytest.raises(mlflow_store.Unreachable):
        mlflow_store.connect(f"sqlite:///{tmp_path}/mlflow.db")
    assert not list(tmp_path.iterdir())


def test_what_a_killed_job_left_of_a_new_store_is_no_hindrance(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db.part") as database:
        database.execute("create table trace_info (half int)")
    mlflow_store.connect(f"sqlite:///{tmp_path}/mlflow.db")
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_the_lock_lets_one_in_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(mlflow_store, "LOCK_WAIT_S", 0.05)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with mlflow_store.locked(uri), pytest.raises(mlflow_store.TryAgain), mlflow_store.locked(uri):
        pass
    with mlflow_store.locked(uri):
        pass


def test_a_store_written_by_another_program_is_asked_again(tmp_path):
    error = sqlite3.OperationalError("database is locked")
    assert isinstance(store_errors.exit_of(error, "sqlite:///mlflow.db"), mlflow_store.TryAgain)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("https://ann:p@ss/w?o#rd@host:5000/path", "https://host:5000/path"),
        ("postgresql://ann:secret@host/db?password=secret", "postgresql://host/db"),
        ("http://host/x?token=secret", "http://host/x"),
    ],
)
def test_a_uri_is_shown_without_secrets(uri, shown):
    assert redact.public(uri) == shown


def test_a_secret_does_not_get_into_the_text_of_a_program_fault():
    uri = "postgresql://ann:s3cr%40t@host/db"
    with pytest.raises(RuntimeError) as end, store_errors.in_one_line(uri, "green 2021-05"):
        raise KeyError(f"{uri} and s3cr@t")
    assert "s3cr" not in str(end.value)
    assert end.value.__suppress_context__
