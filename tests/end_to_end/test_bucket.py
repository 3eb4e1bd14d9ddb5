"""Results in a bucket: a real S3 endpoint, several machines, pushes that break off."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fixtures.marks import nightly
from fixtures.shared_months import SETTINGS, publish
from fixtures.workflow import REPOSITORY, Clone, called_bare, wait_for
from monthwise.base import months
from servers import s3_server

pytestmark = pytest.mark.root

FIRST, LAST = "2023-03", "2023-05"  # run months
WITH_BUCKET = str(REPOSITORY / "deploy/with-bucket")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not shutil.which("rclone"):
        reason = "NOT CHECKED WITH A REAL BUCKET: apt-get install rclone"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with s3_server.serving(tmp_path_factory.mktemp("s3") / "swift") as swift:
        yield swift


class Machine:
    """A clone with its own home, whose results are in the bucket."""

    def __init__(self, folder: Path, published: Path, server: s3_server.Server, bucket: str):
        self.clone, self.bucket, home = Clone(folder / "clone"), bucket, folder / "home"
        home.mkdir()
        changed = {"source": f"file:{published}", "datasets": ["green"], "begin": {"green": FIRST}, "last": "newest"}
        changed["tracking"] = {"artifacts": (published.parent / "models").as_uri()}  # for another bucket
        self.clone.configure(SETTINGS | changed)
        remote = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": server.url}
        remote |= {"ACCESS_KEY_ID": s3_server.KEY, "SECRET_ACCESS_KEY": s3_server.SECRET}
        self.env = called_bare({f"RCLONE_CONFIG_STORE_{key}": value for key, value in remote.items()})
        self.env = {key: value for key, value in self.env.items() if key != "AWS_CA_BUNDLE"} | {"HOME": str(home)}
        # Stands for the database server that all machines see.
        self.env["MLFLOW_TRACKING_URI"] = f"sqlite:///{published.parent}/mlflow.db"

    def call(self, *command: str, **environment: str) -> subprocess.CompletedProcess:
        command = [WITH_BUCKET, f"store:{self.bucket}/kept", *(command or ("./monthwise", "run"))]
        return subprocess.run(command, **self.place(environment), capture_output=True, text=True)

    def place(self, environment: dict[str, str] | None = None) -> dict:
        return {"cwd": self.clone.folder, "env": self.env | (environment or {})}

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


def put_before_rclone(folder: Path, line: str) -> None:
    """Make an rclone in `folder` that does a line of shell first; `$real` is the real one."""
    folder.mkdir()
    (folder / "rclone").write_text(f'#!/bin/sh\nreal={shutil.which("rclone")}\n{line}\nexec "$real" "$@"\n')
    (folder / "rclone").chmod(0o755)


def large(machine: Machine) -> dict[str, int]:
    """Return the large files of a machine with their bytes; those of stubs are 0."""
    paths = [path for folder in ("data", "runs") for path in machine.clone.path(folder).rglob("[!.]*.*")]
    return {
        str(path.relative_to(machine.clone.folder)): path.stat().st_size
        for path in paths
        if path.suffix in (".parquet", ".skops", ".file")
    }


def states(status: dict) -> Iterator[dict]:
    for dataset in status["datasets"].values():
        for month in (*dataset["data"].values(), *dataset["runs"].values()):
            yield from month.values()


def kept(machine: Machine, folder: str) -> list[Path]:
    """Return the files of a bucket's folder as another machine fetches them."""
    assert machine.call("true").returncode == 0
    return list(machine.clone.path(folder).iterdir())


def files_with_secret(clone: Clone) -> list[Path]:
    files = [path for path in clone.folder.rglob("*") if path.is_file() and ".venv" not in path.parts]
    return [path for path in files if s3_server.SECRET.encode() in path.read_bytes()]


def test_on_other_machines_nothing_is_due_and_a_new_or_restated_month_takes_its_jobs_and_files_alone(machines):
    one = machines("one")
    ended = one.call()
    assert ended.returncode == 0, ended.stderr
    assert one.last()["months"] == [f"green {month}" for month in months.span(FIRST, LAST)]
    files = sorted(large(one))
    shutil.rmtree(one.clone.folder)

    other = machines("other")
    ended = other.call()
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "up to date"), ended.stdout + ended.stderr
    assert other.last()["jobs"] == {"done": 0, "failed": 0, "left": 0}
    assert large(other) == dict.fromkeys(files, 0)  # none was fetched
    status = json.loads(other.clone.monthwise("status", "--json").stdout)
    assert {state["state"] for state in states(status) if state["state"] != "not published"} == {"built"}

    publish(machines.published, "green", LAST)
    assert other.call().returncode == 0
    new = other.last()["reason"]
    assert {job.split()[-1] for job in new if "green 2" in job} == {LAST, months.shift(LAST, 1)}
    fetched_months = {Path(path).parts[2] for path, size in large(other).items() if size}
    assert fetched_months == set(
        months.span(months.shift(LAST, -2), months.shift(LAST, 1))
    )  # the months that the last decision reads

    restated = months.shift(LAST, -1)
    publish(machines.published, "green", restated, seed=2)
    third = machines("third")
    planned = third.call("./monthwise", "plan")
    assert f"{restated} was restated" in planned.stdout
    assert third.call().returncode == 0
    reasons = third.last()["reason"]
    assert {job for job in reasons if job.startswith("clean")} == {f"clean green {restated}"}
    # Trained on it, measured on it, scored on it, and decided after it.
    assert {job.split()[-1] for job in reasons if "green 2" in job} == set(months.span(restated, months.shift(LAST, 1)))
    assert 0 in large(third).values()
    ended = third.call("./monthwise", "verify", FIRST)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [size for path, size in large(third).items() if f"runs/green/{FIRST}/" in path and not size] == []
    assert files_with_secret(third.clone) == []


@nightly
def test_a_file_that_was_published_again_with_the_same_rows_is_not_cleaned_on_another_machine(machines):
    one = machines("one")
    assert one.call().returncode == 0
    restated = machines.published / f"green_tripdata_{FIRST}.parquet"
    table = pq.read_table(restated)
    pq.write_table(table, restated, compression="gzip")
    assert one.call().returncode == 0
    assert "clean" in " ".join(one.last()["reason"])
    other = machines("other")  # rows.parquet is newer than what was made of it, and a stub
    ended = other.call()
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "up to date"), ended.stdout + ended.stderr
    assert [path for path, size in large(other).items() if size] == [f"data/green/{FIRST}/rows.parquet"]


def test_what_was_pruned_is_gone_from_the_bucket_and_callers_do_not_meet(machines):
    one = machines("one")
    one.clone.path("data/green/2020-01").mkdir(parents=True)
    one.clone.path("data/green/2020-01/rows.parquet").write_text("long ago")
    assert one.call("true").returncode == 0
    other = machines("other")
    other.clone.path("data").mkdir()  # of something else, it seems
    ended = other.call("true")
    assert (ended.returncode, ended.stderr.count("\n")) == (64, 1)
    other.clone.path("data").rmdir()
    pruning = "rm data/green/2020-01/rows.parquet; touch ready; while [ -e ready ]; do sleep 0.1; done"
    started = subprocess.Popen([WITH_BUCKET, f"store:{other.bucket}/kept", "sh", "-c", pruning], **other.place())
    wait_for(other.clone.path("ready").exists)
    ended = other.call("true")
    assert (ended.returncode, ended.stderr.count("\n")) == (75, 1)
    assert "another call" in ended.stderr

    assert one.call("true").returncode == 0  # from another machine: not seen beforehand, but at the end
    other.clone.path("ready").unlink()
    assert started.wait(timeout=600) == 75
    assert other.call("rm", "data/green/2020-01/rows.parquet").returncode == 0
    assert one.call("true").returncode == 0
    assert large(one) == {}


@nightly
def test_a_push_that_breaks_off_leaves_the_bucket_as_it_was(machines, tmp_path):
    one = machines("one")
    assert one.call("./monthwise", "run", f"{FIRST}").returncode == 0
    before = one.call("true")
    assert before.returncode == 0

    cut = tmp_path / "bin"
    put_before_rclone(cut, 'if [ "$1 $2" = "sync ." ]; then timeout -s KILL 0.3 "$real" "$@"; exit 9; fi')
    ended = one.call(PATH=f"{cut}:{one.env['PATH']}")
    assert ended.returncode == 69
    assert "cannot be written" in ended.stderr.splitlines()[-1]
    built = len(list(one.clone.path("runs/green").iterdir()))
    assert built > 1

    other = machines("other")  # sees what was there before, whole
    assert [path.name for path in kept(other, "runs/green")] == [FIRST]
    assert other.clone.planned("--config", f"last={FIRST}") == {}


@nightly
def test_with_a_bucket_that_is_away_in_mid_run_the_next_call_completes(machines, tmp_path):
    one, away = machines("one"), tmp_path / "bin"
    put_before_rclone(away, "if [ -e history ]; then RCLONE_CONFIG_STORE_ENDPOINT=http://127.0.0.1:9; fi")
    ended = one.call("./monthwise", "run", FIRST, PATH=f"{away}:{one.env['PATH']}")
    assert ended.returncode == 69
    assert "cannot be written" in ended.stderr.splitlines()[-1]
    assert one.last()["months"] == [f"green {FIRST}"]
    assert one.call().returncode == 0
    assert "built 2 run months" in one.last()["line"]
    other = machines("other")
    assert sorted(path.name for path in kept(other, "runs/green")) == months.span(FIRST, LAST)


def test_what_is_stopped_is_pushed(machines):
    one = machines("one")
    command = [
        "sh",
        "-c",
        "mkdir history; trap 'echo stopped > history/told; exit 5' TERM; touch began; sleep 6000 & wait",
    ]
    started = subprocess.Popen([WITH_BUCKET, f"store:{one.bucket}/kept", *command], **one.place())
    wait_for(one.clone.path("began").exists)
    started.terminate()
    assert started.wait(timeout=600) == 5
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
