"""Tracking in a real PostgreSQL and bucket, with and without MLflow's server in front: jobs at once on an empty
database, some of them killed; no password anywhere.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest
from fixtures.marks import nightly
from fixtures.shared_months import FIRST
from fixtures.small_run import REPOSITORY, settings, small_run, start
from fixtures.workflow import Clone
from monthwise.base import files
from servers import mlflow_server, postgres_server, s3_server

pytestmark = pytest.mark.root

# Eight jobs at once, ten times, in the nightly run; four, once, else.
TIMES, LAST = (10, 11) if "MONTHWISE_NIGHTLY" in os.environ else (1, 7)
MONTHS = [f"2021-{number:02d}" for number in range(3, LAST)]


@pytest.fixture(scope="module")
def server():
    with postgres_server.serving() as postgres:
        yield postgres


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with s3_server.serving(tmp_path_factory.mktemp("s3") / "swift") as swift:
        swift.client().create_bucket(Bucket="models")
        yield swift


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    results = tmp_path_factory.mktemp("tracked")
    for month in MONTHS:
        small_run(results, month)
    return results


def options_of(folder: Path, month: str) -> dict:
    run, data = folder / "runs/green" / month, folder / "data/green"
    job_settings = settings("", month)
    features = [str(data / data_month / "features.parquet") for data_month in job_settings["training_months"]]
    options = {name: str(run / f"{name}.json") for name in ("training", "metrics", "tracking")}
    validation = str(data / job_settings["validation_month"] / "features.parquet")
    return options | {"model": str(run / "model.skops"), "features": features, "validation_features": validation}


class Store:
    """The settings of jobs about the store, and the variables of their environment."""

    def __init__(self, uri: str, artifacts: str | None = None, environment: dict[str, str] | None = None):
        self.job_settings = {"uri": "sqlite:///unused.db"} | ({"artifacts": artifacts} if artifacts else {})
        self.environment = {"MLFLOW_TRACKING_URI": uri} | (environment or {})


def start_tracking(folder: Path, store: Store, months: list[str]) -> list:
    return [
        start(folder, options_of(folder, month), settings("", month) | store.job_settings, **store.environment)
        for month in months
    ]


def register(folder: Path, store: Store, name: str = "monthwise-green") -> subprocess.Popen:
    """Start scripts/register.py as a process in `folder`."""
    job_settings = {"dataset": "green", "experiment": name, "model": name, "begin": MONTHS[0]}
    job_settings |= store.job_settings
    command = [sys.executable, str(REPOSITORY / "scripts/register.py"), "--settings", json.dumps(job_settings)]
    command += ["--champions", f"runs/green/{MONTHS[0]}/champion.json", "--registry", "registry/green.json"]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=folder, env=inherited | store.environment, **pipes)


@pytest.mark.parametrize("seed", range(TIMES))
@pytest.mark.parametrize("through", [pytest.param("database", marks=nightly), "server"])
def test_jobs_at_once_on_an_empty_database_some_killed_leave_one_run_and_version_each(
    through, seed, server, bucket, folder, tmp_path
):
    uri, artifacts = server.database(f"{through}{seed}"), f"s3://models/{through}{seed}"
    with contextlib.ExitStack() as stack:
        store = Store(uri, artifacts, bucket.environment())
        if through == "server":
            mlflow = mlflow_server.serving(tmp_path / "server", uri, artifacts, bucket.environment())
            store = Store(stack.enter_context(mlflow))
        ask_killing_some(folder, store, random.Random(seed))
    insist_on_one_each(folder, uri)
    kept = bucket.client().list_objects_v2(Bucket="models", Prefix=f"{through}{seed}/")
    # Every model's files, and perhaps those of killed jobs.
    assert len([entry for entry in kept["Contents"] if entry["Key"].endswith("/MLmodel")]) >= len(MONTHS)
    assert not (folder / "mlruns").exists()


def ask_killing_some(folder: Path, store: Store, chance: random.Random) -> None:
    jobs = start_tracking(folder, store, MONTHS)
    for job in chance.sample(jobs, len(jobs) // 2):
        time.sleep(chance.uniform(0, 2.5))
        job.send_signal(signal.SIGKILL)
    for job in jobs:
        job.communicate()
    for job in start_tracking(folder, store, MONTHS):  # the next call
        out, _ = job.communicate()
        assert job.returncode == 0, out

    for month in MONTHS:
        decide(folder, month)
    killed, *others = [register(folder, store) for _ in range(3)]
    time.sleep(chance.uniform(1.5, 3))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    for job in others:
        out, _ = job.communicate()
        assert job.returncode == 0, out


def decide(folder: Path, month: str) -> None:
    decided = {"champion": {"month": MONTHS[0], "kind": "model"}, "since": MONTHS[0], "reason": "it is the first"}
    decided["decision"] = "first" if month == MONTHS[0] else "kept"
    files.write_json(folder / f"runs/green/{month}/champion.json", decided)


class Place:
    """A results folder that tracks into a store under a name of its own, one month after the other."""

    def __init__(self, folder: Path, store: Store, name: str):
        self.folder, self.store, self.name = folder, store, name

    def call(self, month: str) -> list[tuple[int, str]]:
        """Track and register a month; return the code and the last line of each job."""
        if not (self.folder / f"runs/green/{month}").exists():
            small_run(self.folder, month)
            decide(self.folder, month)
        job = settings("", month) | self.store.job_settings | {"experiment": self.name}
        ended = []
        for start_job in (
            lambda: start(self.folder, options_of(self.folder, month), job, **self.store.environment),
            lambda: register(self.folder, self.store, self.name),
        ):
            process = start_job()
            out, _ = process.communicate()
            ended.append((process.returncode, out.splitlines()[-1]))
        return ended


@nightly
def test_two_installations_share_a_store_for_six_months(server, tmp_path):
    uri, run_months = server.database("shared"), MONTHS[:6]
    store = Store(uri, (tmp_path / "models").as_uri())
    one, two = Place(tmp_path / "one", store, "monthwise-green"), Place(tmp_path / "two", store, "monthwise-green")
    for number, month in enumerate(run_months):
        if number == 3:  # a copy beside the original is refused, a moved folder goes on
            copy = Place(tmp_path / "copy", store, one.name)
            shutil.copytree(one.folder, copy.folder)
            assert {code for code, _ in copy.call(month)} == {78}
            assert f"copy is a copy of {one.folder}" in copy.call(month)[1][1]
            shutil.rmtree(copy.folder)
            one.folder = one.folder.rename(tmp_path / "moved")
        assert [code for code, _ in one.call(month)] == [0, 0]
        if number == 0:
            assert [code for code, _ in two.call(month)] == [78, 78]
            assert "belongs to the installation in" in two.call(month)[0][1]
            two.name = "monthwise-2-green"
        assert [code for code, _ in two.call(month)] == [0, 0], two.call(month)

    client = mlflow.MlflowClient(uri, uri)
    assert {listed.name for listed in client.search_experiments()} == {
        one.name,
        two.name,
        "Default",
    }
    for place in (one, two):
        experiment = client.get_experiment_by_name(place.name)
        assert experiment.tags["monthwise.path"] == str(place.folder)
        runs = client.search_runs([experiment.experiment_id])
        assert sorted(run.data.tags["monthwise.month"] for run in runs) == run_months
        versions = client.search_model_versions(f"name = '{place.name}'")
        assert {version.run_id for version in versions} == {run.info.run_id for run in runs}
        aliases = client.get_registered_model(place.name).aliases
        assert set(aliases) == {"champion", *(f"run-{month}" for month in run_months)}
        assert client.get_model_version_by_alias(place.name, "champion").tags["monthwise.month"] == run_months[0]


def insist_on_one_each(folder: Path, uri: str) -> None:
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("monthwise-green")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["monthwise.month"] for run in runs) == MONTHS
    assert {run.info.status for run in runs} == {"FINISHED"}
    models = client.search_logged_models([experiment.experiment_id])
    assert len(models) == len(MONTHS)
    written = {json.loads(Path(options_of(folder, month)["tracking"]).read_text())["run_id"] for month in MONTHS}
    assert written == {run.info.run_id for run in runs}
    versions = client.search_model_versions("name = 'monthwise-green'")
    assert sorted(version.tags["monthwise.month"] for version in versions) == MONTHS


@nightly
def test_a_database_that_restarts_meanwhile_is_one_line_and_the_next_call_completes(server, folder):
    store = Store(server.database("restarts"))
    jobs = start_tracking(folder, store, MONTHS)
    time.sleep(2.5)
    server.ctl("-m", "immediate", "restart")
    for job in jobs:
        out, _ = job.communicate()
        assert job.returncode in (0, 69, 75), out
        assert "Traceback" not in out
    for job in start_tracking(folder, store, MONTHS):
        out, _ = job.communicate()
        assert job.returncode == 0, out


def test_no_password_is_in_any_file_and_a_wrong_one_is_one_line(server, bucket, unbuilt, folder, tmp_path):
    uri, keys = server.database("quiet"), bucket.environment()
    outputs = []

    def track_once(month: str, code: int, *words: str, **store) -> None:
        (job,) = start_tracking(folder, Store(**store), [month])
        out, _ = job.communicate()
        assert job.returncode == code, out
        assert len(out.splitlines()) == 1
        assert all(word in out for word in words), out
        outputs.append(out)

    first, second, *_ = MONTHS
    direct = {"uri": uri, "artifacts": "s3://models/quiet"}
    clone = Clone(tmp_path / "clone", like=unbuilt)
    clone.configure({"datasets": ["green"], "last": FIRST, "tracking": {"artifacts": direct["artifacts"]}})
    ended = clone.monthwise("run", FIRST, env=keys | {"MLFLOW_TRACKING_URI": uri})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    outputs.append(ended.stdout + ended.stderr)
    direct["uri"] = uri = server.database("quiet-too")  # the names in the first one belong to the clone
    track_once(second, 69, uri=uri.replace(postgres_server.IN_URI, "wrong-word"))
    track_once(second, 69, "SignatureDoesNotMatch", **direct, environment=keys | {"AWS_SECRET_ACCESS_KEY": "wrong-key"})
    track_once(second, 69, "NoSuchBucket", uri=uri, artifacts="s3://no-such/models", environment=keys)
    with mlflow_server.serving(tmp_path / "server", server.database("quieter"), "s3://models/q", keys) as through:
        track_once(first, 0, uri=through)
        track_once(second, 69, "401", uri=through.replace(mlflow_server.IN_URI, "wrong-word"))
    track_once(second, 69, "refused", uri=through)

    written = [path for root in (folder, clone.folder) for path in root.rglob("*") if path.is_file()]
    everything = [*outputs, *(path.read_bytes().decode(errors="replace") for path in written)]
    assert any("postgresql://127.0.0.1" in text for text in everything)
    words = (postgres_server.PASSWORD, postgres_server.IN_URI, mlflow_server.PASSWORD, mlflow_server.IN_URI)
    for secret in (*words, s3_server.SECRET, "wrong-word", "wrong-key"):
        assert not any(secret in text for text in everything)
