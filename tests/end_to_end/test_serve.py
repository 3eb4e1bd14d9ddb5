"""The champion by MLflow's own server: the numbers of predictions.parquet, also after the folder was moved."""

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from fixtures.marks import nightly
from fixtures.workflow import Clone, called_bare, free_ports, wait_for
from monthwise.base import files

pytestmark = nightly
CONFIG = {
    "source": "demo",
    "begin": {"green": "2024-01"},
    "demo": {"rows": 1_000},
    "promotion": {"policy": "never"},  # the champion is that of the first month
    "train": {"parameters": {"max_iter": 10, "max_leaf_nodes": 15}},
}
SCORED = "2024-02"


@pytest.fixture(scope="module")
def moved(tmp_path_factory) -> Clone:
    """Three run months, built in one folder and moved to another one: their MLflow runs stay, where they are now."""
    folder = tmp_path_factory.mktemp("serve")
    original = Clone(folder / "here")
    original.configure(CONFIG)
    original.build()
    original.folder.rename(folder / "there")
    moved_clone = Clone.__new__(Clone)
    moved_clone.folder = folder / "there"
    tracked = moved_clone.monthwise("track")
    assert tracked.returncode == 0, tracked.stderr
    assert "written to" not in tracked.stdout
    assert not original.folder.exists()
    return moved_clone


@pytest.fixture(scope="module")
def served(moved):
    """The address of `mlflow models serve` with the champion."""
    [port] = free_ports(1)
    mlflow = str(Path(moved.path(".venv/bin/mlflow")))
    command = [mlflow, "models", "serve", "-m", "models:/monthwise-green@champion", "--env-manager", "local"]
    environment = called_bare({"MLFLOW_TRACKING_URI": f"sqlite:///{moved.path('mlflow.db')}"})
    environment["PATH"] = f"{moved.path('.venv/bin')}:{environment['PATH']}"
    log = open(moved.path("serve.log"), "w")  # noqa: SIM115 - closed below
    server = subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=moved.folder,
        env=environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )

    def is_up() -> bool:
        assert server.poll() is None, moved.path("serve.log").read_text()[-3000:]
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=60).status == 200
        except OSError:
            return False

    try:
        wait_for(is_up)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=600)
        log.close()


def test_the_server_answers_with_the_numbers_of_predictions_parquet(moved, served):
    features = pq.read_table(moved.path(f"data/green/{SCORED}/features.parquet")).to_pandas()
    expected = pq.read_table(moved.path(f"runs/green/{SCORED}/predictions.parquet")).to_pandas()
    # More columns than the model knows, as a newer month has them: it names its own.
    assert "epoch_day" not in files.read_json(moved.path(f"runs/green/{SCORED}/champion.json"))["champion"]["columns"]
    body = json.dumps(
        {"dataframe_split": json.loads(features.to_json(orient="split", index=False, double_precision=15))}
    )
    request = urllib.request.Request(served, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        predictions = json.loads(answer.read())["predictions"]
    assert np.array_equal(predictions, expected["prediction"])


def test_track_of_a_store_that_agrees_writes_nothing(moved):
    written = [path for top in ("runs", "registry") for path in moved.path(top).rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in written}
    ended = moved.monthwise("track")
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_lost_store_and_lost_models_are_written_again(moved, tmp_path):
    clone = Clone(tmp_path / "clone", like=moved)
    clone.path("mlflow.db").unlink()
    ended = clone.monthwise("track")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("written to sqlite:///mlflow.db") == 3
    registry = files.read_json(clone.path("registry/green.json"))
    assert set(registry["versions"]) == {"2024-01", "2024-02", "2024-03"}
    assert clone.planned().keys() <= {"register", "evidence"}  # what names the ids of runs

    shutil.rmtree(clone.path("mlruns"))
    assert clone.monthwise("track").stdout.count("written to sqlite:///mlflow.db") == 3


def test_a_month_without_its_features_is_passed_over_in_one_line(moved, tmp_path):
    clone = Clone(tmp_path / "clone", like=moved)
    clone.path("data/green/2023-11/features.parquet").unlink()
    ended = clone.monthwise("track", "2024-01")
    assert "green 2024-01: passed over, there is no data/green/2023-11/features.parquet" in ended.stdout
