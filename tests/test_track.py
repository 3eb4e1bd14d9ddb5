"""The program `track`: jobs at once, stores that fail, and what it refuses."""

import argparse
import json
import os
import signal
import socket
import sqlite3
import time
from pathlib import Path

import pytest
from fixtures.small_run import settings, small_run, start
from fixtures.tracked_months import restored_process, track_month, trained_month
from monthwise.base import exits
from monthwise.tracking import mlflow_store

os.environ.update(mlflow_store.SILENCE)  # mlflow reads it while it is imported

from monthwise.tracking import runs


@pytest.fixture(scope="module", autouse=True)
def _undo():
    with restored_process():
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A folder with one store for all tests that ask for months of their own datasets: making tables takes a second."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(autouse=True)
def _in_the_folder(store, monkeypatch):
    monkeypatch.chdir(store)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # mlflow.set_tracking_uri sets it


@pytest.fixture(scope="module")
def green(store):
    before = Path.cwd()
    os.chdir(store)
    options, job = trained_month(store, "green")
    yield options, job, track_month(options, job)
    os.chdir(before)


def test_several_jobs_at_once_on_a_new_store_one_killed_in_the_middle(tmp_path):
    folder, store = tmp_path / "results", tmp_path / "team.db"  # a store that is not among the results
    options = {name: small_run(folder, name) for name in ("2021-05", "2021-06")}
    jobs = {name: settings(f"sqlite:///{store}", name) for name in options}
    killed = start(folder, options["2021-05"], jobs["2021-05"])
    state = wait_for_a_running_run(store, killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert state == "RUNNING"
    repeated = {**options["2021-05"], "tracking": str(tmp_path / "again.json")}
    together = [
        start(folder, options["2021-05"], jobs["2021-05"]),
        start(folder, repeated, jobs["2021-05"]),
        start(folder, options["2021-06"], jobs["2021-06"]),
    ]
    for process in together:
        out, _ = process.communicate()
        assert out.startswith("exit 0: green 2021-0"), out  # and MLflow says nothing
        assert out.count("\n") == 1
    with sqlite3.connect(store) as database:
        runs_in_store = database.execute(
            "select name, status from runs where lifecycle_stage = 'active' order by name"
        ).fetchall()
        experiments = database.execute("select name from experiments order by name").fetchall()
    assert runs_in_store == [("green 2021-05", "FINISHED"), ("green 2021-06", "FINISHED")]
    assert experiments == [("Default",), ("monthwise-green",)]
    assert Path(repeated["tracking"]).read_text() == Path(options["2021-05"]["tracking"]).read_text()


def wait_for_a_running_run(database: Path, process) -> str | None:
    while process.poll() is None:
        try:
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
                row = connection.execute("select status from runs").fetchone()
        except sqlite3.OperationalError:
            row = None
        if row:
            return row[0]
        time.sleep(0.005)
    return None


def test_a_server_that_is_away_is_one_line_without_password(tmp_path, green):
    options, job, _ = green
    with socket.socket() as reserved:  # bound, and nobody listens
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        away = {**options, "tracking": str(tmp_path / "tracking.json")}
        process = start(tmp_path, away, job, MLFLOW_TRACKING_URI=f"http://ann:s3cr%40t@127.0.0.1:{port}/x?key=s3cret")
        out, _ = process.communicate()
    assert process.returncode == exits.Unreachable.code
    assert out.startswith(f"exit 69: green 2021-05: tracking store http://127.0.0.1:{port}/x cannot be reached")
    assert out.count("\n") == 1
    assert "s3cr" not in out
    assert not (tmp_path / "tracking.json").exists()


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:////no/such/folder/mlflow.db",
        "foo://ann:s3cret@host/x",
        "postgresql://ann:s3cret@127.0.0.1:9/db",
        "./mlruns",
    ],
)
def test_a_store_that_cannot_be_opened_is_unreachable(uri, green):
    options, job, _ = green
    with pytest.raises(exits.Unreachable) as end:
        track_month(options, {**job, "uri": uri})
    assert "\n" not in str(end.value)
    assert str(end.value).startswith("green 2021-05: tracking store ")
    assert "s3cret" not in str(end.value)


@pytest.mark.parametrize("limit", [100_000, 1_100_000])  # too little for the tables; for the model
def test_a_full_disk_is_one_line(limit, tmp_path):
    import resource

    options = small_run(tmp_path)
    big = Path(options["metrics"])
    big.write_text(json.dumps(json.loads(big.read_text()) | {"by": "x" * 1_200_000}))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(exits.CannotWrite) as end:
            track_month(options, settings(f"sqlite:///{tmp_path}/full.db"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(end.value).startswith("green 2021-05: cannot write to tracking store sqlite:///")


def test_the_environment_goes_before_the_settings(green, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////no/such/folder/mlflow.db")
    options, job, _ = green
    with pytest.raises(exits.Unreachable, match="/no/such/folder"):
        runs.main(argparse.Namespace(settings=job, **options))


def test_files_and_months_that_do_not_match_are_refused(green):
    options, job, _ = green
    with pytest.raises(exits.WrongUsage):
        track_month(options, {**job, "training_months": ["2021-02", "2021-03"]})
