"""The registry agrees with the files: one version for each run month and content, whatever was there before."""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.marks import nightly
from fixtures.small_run import REPOSITORY, small_run
from fixtures.small_run import settings as track_settings
from fixtures.tracked_months import restored_process
from monthwise.base import exits, files
from monthwise.tracking import mlflow_store

os.environ.update(mlflow_store.SILENCE)  # mlflow reads it while it is imported

import mlflow
from monthwise.tracking import registry, runs

MONTHS = ("2021-05", "2021-06")
LIVE = {"metric": "rmse", "rmse": 4.5, "mae": 3.5, "bias": 0.1, "p90_abs": 8.0, "rows": 250}
LIVE |= {"baseline": {"rmse": 6.5, "mae": 5.5}}


@pytest.fixture(scope="module", autouse=True)
def _undo():
    with restored_process():
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A folder with one store: making tables takes a second, and each test has a dataset of its own."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def dataset(store, monkeypatch, request) -> str:
    """Two run months that are trained, tracked and decided, the first one scored."""
    monkeypatch.chdir(store)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    for month in MONTHS:
        options = small_run(Path(), month, name, "linear")
        runs.main(argparse.Namespace(settings=track_settings("sqlite:///mlflow.db", month, name), **options))
    decide(name, MONTHS[0], MONTHS[0])
    decide(name, MONTHS[1], MONTHS[0])
    Path(f"runs/{name}/{MONTHS[0]}/live.json").write_text(json.dumps(LIVE))
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    return name


def decide(dataset: str, month: str, champion_month: str, kind: str = "model") -> None:
    champion = {
        "champion": {"month": champion_month, "kind": kind},
        "since": champion_month,
        "reason": f"it is {champion_month}",
    }
    champion["decision"] = "first" if champion_month == month else "kept"
    files.write_json(f"runs/{dataset}/{month}/champion.json", champion)


def job(dataset: str) -> argparse.Namespace:
    name = f"monthwise-{dataset}"
    settings = {"dataset": dataset, "uri": "sqlite:///mlflow.db", "experiment": name, "model": name, "begin": MONTHS[0]}
    champions = [f"runs/{dataset}/{MONTHS[0]}/champion.json"]  # the others are found on disk
    return argparse.Namespace(settings=settings, champions=champions, registry=f"{dataset}.json")


def register_dataset(dataset: str) -> dict:
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    registry.main(job(dataset))
    return files.read_json(f"{dataset}.json")


def versions_in_store(dataset: str) -> tuple[dict, dict]:
    """Return the aliases, and month and tags by version."""
    client = mlflow.MlflowClient()
    versions = client.search_model_versions(f"name = 'monthwise-{dataset}'")
    return client.get_registered_model(f"monthwise-{dataset}").aliases, {
        str(version.version): version.tags for version in versions
    }


def run_of(dataset: str, month: str) -> str:
    return files.read_json(f"runs/{dataset}/{month}/tracking.json")["run_id"]


def test_each_run_month_has_a_version_and_the_champion_an_alias(dataset):
    written = register_dataset(dataset)
    aliases, versions = versions_in_store(dataset)
    assert written["champion"] == {"month": MONTHS[0], "version": "1"}
    assert {alias: str(version) for alias, version in aliases.items()} == {
        "champion": "1",
        "run-2021-05": "1",
        "run-2021-06": "2",
    }
    assert versions["2"]["monthwise.decision"] == "kept"
    assert versions["2"]["monthwise.reason"] == "it is 2021-05"
    model = mlflow.sklearn.load_model(f"models:/monthwise-{dataset}@champion")
    assert hasattr(model, "predict")


def test_live_errors_are_in_the_run_of_the_model_that_served_by_month_once(dataset):
    register_dataset(dataset)
    Path(f"runs/{dataset}/{MONTHS[1]}/live.json").write_text(json.dumps(LIVE | {"rmse": 5.0}))
    register_dataset(dataset)
    register_dataset(dataset)
    client = mlflow.MlflowClient()
    run = client.get_run(run_of(dataset, MONTHS[0]))
    assert {name: value for name, value in run.data.metrics.items() if "live_" in name} == {
        "champion_live_rmse": 5.0,
        "champion_live_mae": 3.5,
        "champion_live_bias": 0.1,
        "champion_live_p90_abs": 8.0,
        "baseline_live_rmse": 6.5,
        "live_rows": 250,
    }
    history = client.get_metric_history(run.info.run_id, "champion_live_rmse")
    assert [(metric.step, metric.value) for metric in history] == [(202105, 4.5), (202106, 5.0)]
    assert not any("live_" in name for name in client.get_run(run_of(dataset, MONTHS[1])).data.metrics)


def test_a_live_error_that_an_older_version_did_not_measure_is_left_out(dataset):
    older = {name: value for name, value in LIVE.items() if name != "bias"}
    Path(f"runs/{dataset}/{MONTHS[0]}/live.json").write_text(json.dumps(older))
    register_dataset(dataset)
    logged = mlflow.MlflowClient().get_run(run_of(dataset, MONTHS[0])).data.metrics
    assert logged["champion_live_p90_abs"] == 8.0
    assert "champion_live_bias" not in logged


def test_an_error_that_is_measured_later_is_added_to_a_month_that_is_already_logged(dataset):
    path = Path(f"runs/{dataset}/{MONTHS[0]}/live.json")
    path.write_text(json.dumps({name: value for name, value in LIVE.items() if name != "bias"}))
    register_dataset(dataset)
    path.write_text(json.dumps(LIVE))
    register_dataset(dataset)
    client, run_id = mlflow.MlflowClient(), run_of(dataset, MONTHS[0])
    for name, value in (("champion_live_bias", 0.1), ("champion_live_rmse", 4.5)):
        history = client.get_metric_history(run_id, name)
        assert [(metric.step, metric.value) for metric in history] == [(202105, value)]


def test_asked_again_nothing_is_written(dataset, monkeypatch):
    written = register_dataset(dataset)

    def refuse(*arguments, **options):
        raise AssertionError(f"written again: {arguments} {options}")

    for name in ("create_model_version", "set_registered_model_alias", "set_model_version_tag", "set_tag", "log_batch"):
        monkeypatch.setattr(mlflow.MlflowClient, name, refuse)
    assert register_dataset(dataset) == written


def test_a_superseded_run_and_its_version_say_so_and_so_does_the_one_that_is_back(dataset):
    register_dataset(dataset)
    old = run_of(dataset, MONTHS[1])
    metrics = Path(f"runs/{dataset}/{MONTHS[1]}/metrics.json")
    before = metrics.read_text()
    paths = {name: f"runs/{dataset}/{MONTHS[1]}/{file}" for name, file in OPTIONS.items()}
    data = {"features": [f"data/{dataset}/2021-04/features.parquet"]}
    data["validation_features"] = f"data/{dataset}/2021-05/features.parquet"

    def tracked(text: str) -> None:
        metrics.write_text(text)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        of_job = track_settings("sqlite:///mlflow.db", MONTHS[1], dataset)
        runs.main(argparse.Namespace(settings=of_job, **paths, **data))

    tracked(before.replace("4.25", "4.5"))
    assert register_dataset(dataset)["versions"][MONTHS[1]]["version"] == "3"
    client = mlflow.MlflowClient()
    assert client.get_run(old).data.tags[registry.SUPERSEDED] == run_of(dataset, MONTHS[1]) != old
    aliases, versions = versions_in_store(dataset)
    assert str(aliases["run-2021-06"]) == versions["2"][registry.SUPERSEDED] == "3"

    tracked(before)
    assert register_dataset(dataset)["versions"][MONTHS[1]]["version"] == "2"
    assert registry.SUPERSEDED not in client.get_run(old).data.tags
    _, versions = versions_in_store(dataset)
    assert registry.SUPERSEDED not in versions["2"]
    assert versions["3"][registry.SUPERSEDED] == "2"


OPTIONS = {"model": "model.skops", "training": "training.json", "metrics": "metrics.json", "tracking": "tracking.json"}


def test_a_naive_baseline_that_is_champion_has_no_alias(dataset):
    register_dataset(dataset)
    decide(dataset, MONTHS[1], MONTHS[1], "baseline")
    assert register_dataset(dataset)["champion"] is None
    aliases, _ = versions_in_store(dataset)
    assert "champion" not in aliases
    tags = mlflow.MlflowClient().get_registered_model(f"monthwise-{dataset}").tags
    assert tags["monthwise.champion"] == "the naive baseline of 2021-06 since 2021-06"


@pytest.mark.parametrize("what", ["alias", "version", "duplicate", "tag", "everything"])
def test_what_was_edited_by_hand_is_put_right(dataset, what):
    name, written = f"monthwise-{dataset}", register_dataset(dataset)
    client = mlflow.MlflowClient()
    if what == "alias":
        client.set_registered_model_alias(name, "champion", "2")
        client.set_registered_model_alias(name, "run-1999-01", "2")
    elif what == "version":
        client.delete_model_version(name, "2")
    elif what == "duplicate":
        tracked = files.read_json(f"runs/{dataset}/{MONTHS[1]}/tracking.json")
        tags = {mlflow_store.MONTH: MONTHS[1], mlflow_store.CONTENT: tracked["content"]}
        client.create_model_version(name, tracked["model_uri"], tags=tags)
    elif what == "tag":
        client.set_model_version_tag(name, "1", "monthwise.decision", "because I say so")
    else:
        client.delete_registered_model(name)
    repaired = register_dataset(dataset)
    aliases, versions = versions_in_store(dataset)
    newer = {"version": "3"}.get(what, "2")
    assert {alias: str(version) for alias, version in aliases.items()} == {
        "champion": "1",
        "run-2021-05": "1",
        "run-2021-06": newer,
    }
    assert versions["1"]["monthwise.decision"] == "first"
    assert set(versions) == {"1", newer}
    assert {month: entry["run_id"] for month, entry in repaired["versions"].items()} == {
        month: entry["run_id"] for month, entry in written["versions"].items()
    }


def test_a_run_that_somebody_deleted_is_restored(dataset):
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.MlflowClient().delete_run(run_of(dataset, MONTHS[1]))
    register_dataset(dataset)
    assert mlflow.MlflowClient().get_run(run_of(dataset, MONTHS[1])).info.lifecycle_stage == "active"


@pytest.mark.parametrize("what", ["run", "model", "files"])
def test_what_the_store_has_lost_is_one_line(dataset, what):
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    path = Path(f"runs/{dataset}/{MONTHS[0]}/tracking.json")
    record = files.read_json(path)
    if what == "run":
        files.write_json(path, record | {"run_id": "0" * 32})
    elif what == "model":
        mlflow.MlflowClient().delete_logged_model(record["model_id"])
    else:
        shutil.rmtree(f"mlruns/monthwise-{dataset}/models/{record['model_id']}")
    with pytest.raises(exits.BadData, match=rf"{MONTHS[0]}: the MLflow run or its model is missing .* writes it"):
        register_dataset(dataset)


def test_a_store_that_is_away_is_one_line(dataset):
    away = job(dataset)
    away.settings["uri"] = "sqlite:////nowhere/mlflow.db"
    with pytest.raises(exits.Unreachable, match="cannot be reached"):
        registry.main(away)


def start(dataset: str) -> subprocess.Popen:
    arguments = job(dataset)
    command = [sys.executable, str(REPOSITORY / "scripts/register.py"), "--settings", json.dumps(arguments.settings)]
    command += ["--champions", *arguments.champions, "--registry", f"{dataset}.json"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@nightly
def test_asked_at_once_and_killed_in_between_there_is_one_version_each(dataset):
    for seconds in (1.2, 1.6, 2.0):
        killed = start(dataset)
        try:
            killed.wait(seconds)
        except subprocess.TimeoutExpired:
            killed.send_signal(signal.SIGKILL)
            killed.wait()
    together = [start(dataset) for _ in range(3)]
    for process in together:
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0, output
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    _, versions = versions_in_store(dataset)
    assert sorted(tags[mlflow_store.MONTH] for tags in versions.values()) == list(MONTHS)
