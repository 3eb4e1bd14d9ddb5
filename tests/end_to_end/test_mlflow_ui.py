"""The pages of `mlflow ui`: the real server, opened in Chromium (Debian's package `chromium`)."""

import contextlib
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from fixtures.marks import nightly
from fixtures.small_run import settings, small_run, start
from fixtures.workflow import free_ports, wait_for

MONTHS = ("2021-05", "2021-06")
pytestmark = nightly
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1600,2400"),
]


@pytest.fixture(scope="module")
def chromium():
    program = shutil.which("chromium")
    if program is None:
        advice = "chromium is missing, nobody looked at the MLflow pages: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(advice)
        pytest.skip(advice)
    return program


@pytest.fixture(scope="module")
def folder(chromium, tmp_path_factory):
    return tmp_path_factory.mktemp("tracked")


@pytest.fixture(scope="module")
def server(folder):
    """The address of a server that shows the store of `folder`, started there as README says."""
    track(folder, MONTHS[0])  # makes the store
    [port] = free_ports(1)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", "sqlite:///mlflow.db", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--allowed-hosts", f"127.0.0.1:{port}"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    with open(folder / "server.log", "w") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment | {"MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_it_answers(address, process, folder / "server.log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def tracked(folder, server):
    """`tracking.json` of each month: the first one written to the file, the second through the server."""
    first = json.loads((folder / f"runs/green/{MONTHS[0]}/tracking.json").read_text())
    return {MONTHS[0]: first, MONTHS[1]: track(folder, MONTHS[1], MLFLOW_TRACKING_URI=server)}


def track(folder: Path, month: str, **environment: str) -> dict:
    options = small_run(folder, month)
    process = start(folder, options, settings("sqlite:///mlflow.db", month), **environment)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    return json.loads(Path(options["tracking"]).read_text())


def wait_until_it_answers(address: str, process: subprocess.Popen, log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, f"the MLflow server ended:\n{log.read_text()}"
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=60):
            return True
        return False

    wait_for(answers)


@pytest.fixture
def page_text(chromium, server, tmp_path_factory):
    """A function that returns the visible text of a page once its requests are answered."""

    def read(path: str) -> str:
        command = [chromium, *FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]
        command += ["--virtual-time-budget=20000", "--dump-dom", f"{server}/#/{path}"]
        page = subprocess.run(command, capture_output=True, text=True).stdout
        page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())

    return read


def test_the_list_of_runs_shows_each_month_once(page_text, tracked):
    text = page_text(f"experiments/{tracked['2021-05']['experiment_id']}/runs")
    assert "monthwise-green" in text
    names = re.findall(r"green 2021-\d\d(?! \()", text)  # a name with a fingerprint behind it is a data month
    assert sorted(names) == [f"green {month}" for month in MONTHS]


@pytest.mark.parametrize("month", MONTHS)
def test_the_page_of_a_run_shows_parameters_errors_data_and_model(month, page_text, tracked):
    run = tracked[month]
    text = page_text(f"experiments/{run['experiment_id']}/runs/{run['run_id']}")
    for shown in ("recipe boosted", "recipe.max_iter 5", "challenger_validation_rmse 4.25", "Finished"):
        assert shown in text
    assert re.search(r"green 2021-0\d \([0-9a-f]{12}\) training", text)
    assert "Logged models" in text
    assert f"green-{month}" in text


def test_the_page_of_a_model_shows_its_run_and_columns(page_text, tracked):
    run = tracked["2021-06"]
    text = page_text(f"experiments/{run['experiment_id']}/models/{run['model_id']}")
    assert "green 2021-06" in text
    assert "rmse" in text
    assert "Ready" in text
