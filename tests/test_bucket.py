"""A bucket that keeps the directory: a real S3 endpoint, machines that come and go, pushes that break off."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import s3_server
from conftest import SETTINGS, nightly, publish
from monthwise import months
from workflow import Clone, called_bare, wait_for

FIRST, LAST = "2023-03", "2023-05"  # run months
WITH_BUCKET = str(Path(__file__).parent.parent / "deploy/with-bucket")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not shutil.which("rclone"):
        said = "NOT CHECKED WITH A REAL BUCKET: apt-get install rclone"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(said)
    with s3_server.serving(tmp_path_factory.mktemp("s3") / "swift") as found:
        yield found


class Machine:
    """A clone with a home of its own, and what it keeps in the bucket."""

    def __init__(self, folder: Path, published: Path, server: s3_server.Server, bucket: str):
        self.clone, self.bucket, home = Clone(folder / "clone"), bucket, folder / "home"
        home.mkdir()
        changed = {"source": f"file:{published}", "services": ["green"], "begin": {"green": FIRST}, "last": "newest"}
        self.clone.configure(SETTINGS | changed)
        remote = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": server.url}
        remote |= {"ACCESS_KEY_ID": s3_server.KEY, "SECRET_ACCESS_KEY": s3_server.SECRET}
        self.env = called_bare({f"RCLONE_CONFIG_STORE_{key}": value for key, value in remote.items()})
        self.env = {key: value for key, value in self.env.items() if key != "AWS_CA_BUNDLE"} | {"HOME": str(home)}
        # Stands for the database server that all machines see.
        self.env["MLFLOW_TRACKING_URI"] = f"sqlite:///{published.parent}/mlflow.db"

    def call(self, *command: str, **environment: str) -> subprocess.CompletedProcess:
        command = [WITH_BUCKET, f"store:{self.bucket}/kept", *(command or ("./monthwise", "run"))]
        return subprocess.run(
            command, cwd=self.clone.folder, env=self.env | environment, capture_output=True, text=True
        )

    def last(self) -> dict:
        return json.loads(self.clone.path("history/runs.jsonl").read_text().splitlines()[-1])


@pytest.fixture
def machines(server, tmp_path, request):
    """Return a function that sets up another machine; all see the same published months and bucket."""
    published, bucket = tmp_path / "published", f"b{abs(hash(request.node.name))}"
    for month in months.span(months.shift(FIRST, -2), months.shift(LAST, -1)):
        publish(published, "green", month)
    server.client().create_bucket(Bucket=bucket)

    def another(name: str) -> Machine:
        (tmp_path / name).mkdir()
        return Machine(tmp_path / name, published, server, bucket)

    another.published = published
    return another


def test_on_another_machine_nothing_is_due(machines):
    one = machines("one")
    ended = one.call()
    assert ended.returncode == 0, ended.stderr
    assert one.last()["months"] == [f"green {month}" for month in months.span(FIRST, LAST)]
    shutil.rmtree(one.clone.folder)

    other = machines("other")
    ended = other.call()
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "nothing due"), ended.stdout + ended.stderr
    assert other.last()["jobs"] == {"done": 0, "failed": 0, "left": 0}


@nightly
def test_on_other_machines_a_new_or_restated_month_takes_its_jobs_alone(machines):
    assert machines("one").call().returncode == 0
    publish(machines.published, "green", LAST)
    other = machines("other")
    assert other.call().returncode == 0
    new = other.last()["reason"]
    assert {about.split()[-1] for about in new if "green 2" in about} == {LAST, months.shift(LAST, 1)}

    restated = months.shift(LAST, -1)
    publish(machines.published, "green", restated, seed=2)
    third = machines("third")
    planned = third.call("./monthwise", "plan")
    assert f"{restated} was restated" in planned.stdout
    assert third.call().returncode == 0
    found = third.last()["reason"]
    assert {about for about in found if about.startswith("clean")} == {f"clean green {restated}"}
    # Trained on it, measured on it, scored on it, and decided after it.
    assert {about.split()[-1] for about in found if "green 2" in about} == set(
        months.span(restated, months.shift(LAST, 1))
    )


@nightly
def test_a_push_that_breaks_off_leaves_the_bucket_as_it_was(machines, tmp_path):
    one = machines("one")
    assert one.call("./monthwise", "run", f"{FIRST}").returncode == 0
    before = one.call("true")
    assert before.returncode == 0

    # An rclone that is cut off while it pushes.
    cut = tmp_path / "bin"
    cut.mkdir()
    real = shutil.which("rclone")
    (cut / "rclone").write_text(
        f'#!/bin/sh\nif [ "$1 $2" = "sync ." ]; then timeout -s KILL 0.3 {real} "$@"; exit 9; fi\nexec {real} "$@"\n'
    )
    (cut / "rclone").chmod(0o755)
    ended = one.call(PATH=f"{cut}:{one.env['PATH']}")
    assert ended.returncode == 69
    assert "cannot be written" in ended.stderr.splitlines()[-1]
    built = len(list(one.clone.path("runs/green").iterdir()))
    assert built > 1

    other = machines("other")  # sees what was there before, whole
    assert other.call("true").returncode == 0
    assert [path.name for path in other.clone.path("runs/green").iterdir()] == [FIRST]
    assert other.clone.planned("--config", f"last={FIRST}") == {}


def test_the_next_call_after_a_broken_push_keeps_what_was_built(machines, tmp_path):
    one = machines("one")
    assert one.call("true").returncode == 0
    one.clone.path(".bucket.changed").touch()
    built = one.clone.monthwise("run", FIRST)
    assert built.returncode == 0, built.stderr
    assert one.call().returncode == 0
    assert "built 2 run months" in one.last()["line"]


def test_what_is_stopped_is_pushed(machines):
    one = machines("one")
    command = [
        "sh",
        "-c",
        "mkdir history; trap 'echo stopped > history/told; exit 5' TERM; touch began; sleep 60 & wait",
    ]
    started = subprocess.Popen([WITH_BUCKET, f"store:{one.bucket}/kept", *command], cwd=one.clone.folder, env=one.env)
    wait_for(one.clone.path("began").exists)
    started.terminate()
    assert started.wait(60) == 5
    other = machines("other")
    assert other.call("cat", "history/told").stdout == "stopped\n"


@pytest.mark.parametrize(
    ("changed", "bucket"),
    [
        ({"RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY": "wrong"}, None),
        ({"RCLONE_CONFIG_STORE_ENDPOINT": "http://127.0.0.1:9"}, None),
        ({}, "no-such-bucket"),
    ],
    ids=["credentials", "away", "bucket"],
)
def test_a_bucket_that_cannot_be_read_is_one_line_and_nothing_runs(machines, changed, bucket):
    one = machines("one")
    one.bucket = bucket or one.bucket
    ended = one.call("touch", "ran", **changed)
    assert ended.returncode == 69, ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert "cannot be read" in ended.stderr
    assert s3_server.SECRET not in ended.stderr
    assert not one.clone.path("ran").exists()
