"""Tracking in a real PostgreSQL: eight jobs at once on an empty database, some of them killed; no password anywhere."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import postgres_server
import pytest
from conftest import nightly
from monthwise import files
from small_run import REPOSITORY, settings, small_run, start

# Eight jobs at once, ten times, in the nightly run; four, once, else.
TIMES, LAST = (10, 11) if "MONTHWISE_NIGHTLY" in os.environ else (1, 7)
MONTHS = [f"2021-{number:02d}" for number in range(3, LAST)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with postgres_server.serving(tmp_path_factory.mktemp("postgres") / "server") as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("tracked")
    for month in MONTHS:
        small_run(found, month)
    return found


def options_of(folder: Path, month: str) -> dict:
    run, data = folder / "runs/green" / month, folder / "data/green"
    told = settings("", month)
    features = [str(data / each / "features.parquet") for each in told["training_months"]]
    found = {name: str(run / f"{name}.json") for name in ("training", "metrics", "tracking")}
    validation = str(data / told["validation_month"] / "features.parquet")
    return found | {"model": str(run / "model.skops"), "features": features, "validation_features": validation}


def ask(folder: Path, uri: str, months: list[str]) -> list:
    found = []
    for month in months:
        job = settings("sqlite:///unused.db", month)
        found.append(start(folder, options_of(folder, month), job, MLFLOW_TRACKING_URI=uri))
    return found


def register(folder: Path, uri: str) -> subprocess.Popen:
    """Start scripts/register.py as a process in `folder`."""
    told = {"service": "green", "uri": "sqlite:///unused.db", "experiment": "monthwise-green"}
    told |= {"model": "monthwise-green", "begin": MONTHS[0]}
    command = [sys.executable, str(REPOSITORY / "scripts/register.py"), "--settings", json.dumps(told)]
    command += ["--champions", f"runs/green/{MONTHS[0]}/champion.json", "--registry", "registry.json"]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=folder, env=inherited | {"MLFLOW_TRACKING_URI": uri}, **pipes)


@pytest.mark.parametrize("seed", range(TIMES))
def test_jobs_at_once_on_an_empty_database_some_killed_leave_one_run_and_version_each(seed, server, folder):
    uri = server.database(f"empty{seed}")
    chance = random.Random(seed)
    jobs = ask(folder, uri, MONTHS)
    for job in chance.sample(jobs, len(jobs) // 2):
        time.sleep(chance.uniform(0, 2.5))
        job.send_signal(signal.SIGKILL)
    for job in jobs:
        job.communicate()
    for job in ask(folder, uri, MONTHS):  # the next call
        out, _ = job.communicate()
        assert job.returncode == 0, out
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("monthwise-green")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["monthwise.month"] for run in runs) == MONTHS
    assert {run.info.status for run in runs} == {"FINISHED"}
    models = client.search_logged_models([experiment.experiment_id])
    assert len(models) == len(MONTHS)
    written = {json.loads(Path(options_of(folder, month)["tracking"]).read_text())["run_id"] for month in MONTHS}
    assert written == {run.info.run_id for run in runs}

    for month in MONTHS:
        decided = {"champion": {"month": MONTHS[0], "kind": "model"}, "since": MONTHS[0], "reason": "it is the first"}
        decided["decision"] = "first" if month == MONTHS[0] else "kept"
        files.write_json(folder / f"runs/green/{month}/champion.json", decided)
    killed, *others = [register(folder, uri) for _ in range(3)]
    time.sleep(chance.uniform(1.5, 3))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    for job in others:
        out, _ = job.communicate()
        assert job.returncode == 0, out
    versions = client.search_model_versions("name = 'monthwise-green'")
    assert sorted(version.tags["monthwise.month"] for version in versions) == MONTHS


@nightly
def test_a_database_that_restarts_meanwhile_is_one_line_and_the_next_call_completes(server, folder):
    uri = server.database("restarts")
    jobs = ask(folder, uri, MONTHS)
    time.sleep(2.5)
    server.ctl("-m", "immediate", "restart")
    for job in jobs:
        out, _ = job.communicate()
        assert job.returncode in (0, 69, 75), out
        assert "Traceback" not in out
    for job in ask(folder, uri, MONTHS):
        out, _ = job.communicate()
        assert job.returncode == 0, out


def test_no_password_is_in_any_file(server, folder):
    uri = server.database("quiet")
    (job,) = ask(folder, uri, MONTHS[:1])
    out, _ = job.communicate()
    wrong = uri.replace(postgres_server.IN_URI, "wrong-word")
    (refused,) = ask(folder, wrong, MONTHS[1:2])
    said, _ = refused.communicate()
    assert refused.returncode == 69, said
    everything = [
        out,
        said,
        *(path.read_bytes().decode(errors="replace") for path in folder.rglob("*") if path.is_file()),
    ]
    for secret in (postgres_server.PASSWORD, postgres_server.IN_URI, "wrong-word"):
        assert not any(secret in text for text in everything)
