"""Every command of README.md and docs/trial.md is run as it is typed in, on a publisher of our own."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import urllib.request

import pytest
from fixtures.marks import nightly
from fixtures.shared_months import publish
from fixtures.workflow import REPOSITORY, Clone, called_bare, wait_for
from monthwise.base import months
from servers.misbehaving_server import MisbehavingServer

# What a test runs elsewhere: this very suite, and the crontab line (test_cron.py).
ELSEWHERE = ("make test", "17 5 * * * ")
SMALL = {"train": {"recipe": "linear", "parameters": {"solver": "lasso"}}, "publisher": {"lag": 1000}}


def commands(page: str) -> list[str]:
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", (REPOSITORY / page).read_text(), re.M | re.S)
    lines = [re.sub(r" {2,}#.*| +# .*", "", line).strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(ELSEWHERE)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A clone whose publisher is a server on this machine, and a folder of months for `file:`."""
    folder = tmp_path_factory.mktemp("readme")
    published = folder / "tlc"
    for month in (*months.span("2021-01", "2021-05"), *months.span("2023-11", "2024-02")):
        publish(published, "green", month, rows=400)
    clone = Clone(folder / "clone")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, clone.path(name))
    # The environment is that of the tests: it is there already, and must not be made anew.
    os.utime(clone.path("requirements.txt"), (0, 0))
    if not clone.path(".venv/.ready").exists():
        clone.path(".venv/.ready").touch()
    with MisbehavingServer(published) as server:
        clone.configure(SMALL)
        text = clone.path("config/datasets.yaml").read_text()
        clone.path("config/datasets.yaml").write_text(
            text.replace("https://d37ci6vzurychx.cloudfront.net/trip-data", server.url)
        )
        yield clone, published


def run(clone: Clone, line: str) -> str:
    ended = clone.run("bash", "-c", line)
    assert ended.returncode == 0, f"{line}\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    return ended.stdout + ended.stderr


def test_every_command_of_the_readme(place):
    clone, published = place
    outputs = {}
    for line in commands("README.md"):
        line = line.replace("/data/tlc", str(published))
        outputs[line] = answers(clone, line) if "mlflow ui" in line else run(clone, line)
    demo = outputs["make demo"]
    assert "ok    jobs: a cold and a warm job ran" in demo
    assert re.search(r"green +2024-02 +\+{4}  \+{8} +[\d,]+ +RMSE, min( +\d+\.\d{3}){3} +2024-\d\d", demo)
    assert demo.count("  .venv/bin/") + demo.count("  ./monthwise") == 3
    for month in ("2021-06", "2024-01", "2024-03"):
        assert clone.path(f"runs/green/{month}/tracking.json").exists()
    assert "2024-03" in outputs["./monthwise status"]
    directory = next(text for line, text in outputs.items() if "--directory demo" in line)
    assert "Nothing to be done" in directory


@nightly
def test_every_command_of_the_trial_page(place):
    clone, _ = place
    run(clone, ".venv/bin/snakemake --cores 2 --config last=2024-03")
    outputs = {line: run(clone, line) for line in commands("docs/trial.md")}
    planned = next(text for line, text in outputs.items() if "--directory trial" in line and "snakemake" in line)
    assert not re.search(r"rule (locate|ingest|clean|featurize):", planned)
    assert len(re.findall(r"rule train:", planned)) == 3
    table = outputs["./monthwise status --directory trial --against ."]
    assert re.findall(r"green +(2024-0\d)", table) == ["2024-01", "2024-02", "2024-03"]


def answers(clone: Clone, line: str) -> str:
    """Run a server until it answers, then end its group."""
    server = subprocess.Popen(
        ["bash", "-c", f"exec {line}"],
        cwd=clone.folder,
        env=called_bare(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        page = []

        def answered() -> bool:
            assert server.poll() is None, f"{line} ended with {server.returncode}"
            with contextlib.suppress(OSError), urllib.request.urlopen("http://127.0.0.1:5000/", timeout=60) as answer:
                page.append(answer.read().decode())
            return bool(page)

        wait_for(answered)
        return page[0]
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
