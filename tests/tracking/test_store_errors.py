"""Failures of the tracking store: each has its own message, with a remedy that works."""

import os
import shutil
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from monthwise.base import exits
from monthwise.tracking import mlflow_store, store_errors

os.environ.update(mlflow_store.SILENCE)  # mlflow reads it while it is imported


@pytest.fixture(autouse=True)
def _no_store_of_the_environment(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # and back, after mlflow.set_tracking_uri has set it
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def refused(uri: str) -> exits.Exit:
    with pytest.raises(exits.Exit) as end:
        mlflow_store.connect(uri)
    assert "\n" not in str(end.value)
    return end.value


def test_a_store_of_another_revision_says_so(tmp_path):
    mlflow_store.connect(f"sqlite:///{tmp_path}/mlflow.db")
    shutil.copy(tmp_path / "mlflow.db", tmp_path / "other.db")
    with sqlite3.connect(tmp_path / "other.db") as store:
        store.execute("update alembic_version set version_num = 'feedbeef0001'")
    end = refused(f"sqlite:///{tmp_path}/other.db")
    assert isinstance(end, exits.WrongConfig)
    assert "other.db was made by" in str(end)
    assert "another store, then rerun the command" in str(end)


def test_a_file_that_is_no_database_says_so(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    end = refused(f"sqlite:///{tmp_path}/mlflow.db")
    assert isinstance(end, exits.BadData)
    assert "is damaged, or no SQLite database (file is not a database); restore the file" in str(end)


@pytest.fixture
def server():
    """A server whose answers all have the status that its attribute `status` says."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            self.send_response(server.status)
            self.end_headers()
            self.wfile.write(b"<html>not MLflow</html>")

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (401, "refuses the user or the password (failed with error code 401); correct the credentials"),
        (403, "refuses the user or the password (failed with error code 403); correct the credentials"),
        (404, "does not exist at this address (failed with error code 404); create it, or set tracking.uri"),
        (500, "cannot be reached (API request to "),
        (200, "cannot be reached (API request to "),
    ],
)
def test_what_a_server_answers_is_told_apart(server, status, line):
    server.status = status
    address = f"http://127.0.0.1:{server.server_port}"
    end = refused(address.replace("http://", "http://ann:uncommon-word@"))
    assert isinstance(end, exits.Unreachable)
    assert str(end).startswith(f"tracking store {address} {line}")
    assert "uncommon-word" not in str(end)


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ('FATAL:  password authentication failed for user "ann"', 69, "refuses the user or the password"),
        ('FATAL:  database "mlflow" does not exist', 69, "does not exist at this address"),
        ("connection to server at h, port 5432 failed: Connection refused", 69, "cannot be reached"),
        ("database is locked", 75, "is being written by another program"),
        ("database or disk is full", 73, "make room"),
    ],
)
def test_what_a_database_says_is_told_apart(text, code, line):
    from sqlalchemy.exc import OperationalError

    end = store_errors.exit_of(OperationalError("select 1", {}, Exception(text)), "postgresql://h/mlflow")
    assert end.code == code
    assert line in str(end)


def test_a_reason_is_cut_between_words():
    from mlflow.exceptions import MlflowException

    end = store_errors.exit_of(MlflowException("something long " * 40), "sqlite:///mlflow.db")
    assert "something long ...); " in str(end) or "something ...); " in str(end)
