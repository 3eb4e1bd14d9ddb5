"""Results, and the clone, in folders whose names mean something in a URI, a pattern or a shell."""

from pathlib import Path

import pytest
from fixtures.marks import nightly
from fixtures.one_month import MONTH, NASTY, clone_in
from fixtures.workflow import Clone
from monthwise.base import files


def assert_whole(clone: Clone, directory: Path) -> None:
    """Build a month in a directory and insist that every command finds it there, and its model in MLflow too."""
    directory_option = ("--directory", str(directory))
    directory.parent.mkdir(exist_ok=True)
    before = set(directory.parent.iterdir()) | {directory}
    ended = clone.monthwise("run", *directory_option)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1].startswith(f"built 1 run months (green {MONTH})")
    tracked = files.read_json(directory / f"runs/green/{MONTH}/tracking.json")
    models = list(directory.parent.rglob("MLmodel"))
    assert models == [directory / f"mlruns/monthwise-green/models/{tracked['model_id']}/artifacts/MLmodel"]
    assert "up to date" in clone.monthwise("run", *directory_option).stdout

    verified = clone.monthwise("verify", *directory_option)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "the registry agrees" in verified.stdout
    assert f"green  {MONTH}" in clone.monthwise("status", *directory_option).stdout
    assert clone.monthwise("report", *directory_option).returncode == 0
    tracked_again = clone.monthwise("track", *directory_option)
    assert tracked_again.returncode == 0, tracked_again.stderr
    assert "written to" not in tracked_again.stdout
    (directory / "mlflow.db").unlink()
    assert f"green {MONTH}: run" in clone.monthwise("track", *directory_option).stdout
    assert (directory / "mlflow.db").exists()
    assert set(directory.parent.iterdir()) == before


@nightly
def test_results_lie_in_a_folder_of_any_name(tmp_path):
    assert_whole(clone_in(tmp_path / "clone"), tmp_path / "results" / NASTY)


@nightly
def test_a_clone_lies_in_a_folder_of_nearly_any_name(tmp_path):
    clone = clone_in(tmp_path / NASTY.translate(dict.fromkeys(map(ord, "{}%"))))
    assert_whole(clone, clone.path("demo"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a{x}b", ": no clone can work in a folder of that name: Snakemake takes the braces for wildcards"),
        ("a:b", ": no clone can work in a folder of that name: PATH ends at the colon"),
        ("a%b", "/.venv: MLflow makes no tables where the path of its packages has a %"),
    ],
)
def test_a_clone_where_jobs_cannot_start_is_one_line(name, reason, tmp_path):
    ended = clone_in(tmp_path / name).monthwise("plan")
    assert ended.returncode == 78
    assert ended.stderr.splitlines()[-1].startswith(f"monthwise: {tmp_path / name}{reason}")


def test_a_path_that_sqlite_cannot_open_is_one_line_before_anything_runs(tmp_path):
    clone, directory = clone_in(tmp_path / "clone"), tmp_path / "/".join(["x" * 100] * 8)
    ended = clone.monthwise("run", "--directory", str(directory))
    assert ended.returncode == 78
    assert "SQLite takes 499; set MLFLOW_TRACKING_URI=sqlite:////SHORTER/mlflow.db" in ended.stderr
    assert not (directory / "data").exists() or not list(directory.glob("data/*/*/raw.file"))


@nightly
def test_results_lie_800_letters_deep_with_the_store_elsewhere(tmp_path):
    clone, directory = clone_in(tmp_path / "clone"), tmp_path / "/".join(["x" * 100] * 8)
    elsewhere = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    ended = clone.monthwise("run", "--directory", str(directory), env=elsewhere)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert list(directory.glob("mlruns/monthwise-green/models/*/artifacts/MLmodel"))


def test_plain_snakemake_says_the_same(tmp_path):
    clone = clone_in(tmp_path / "clone")
    ended = clone.snakemake(env={"MLFLOW_TRACKING_URI": "sqlite:////srv/what?/mlflow.db"})
    assert ended.returncode == 78
    assert ended.stderr.splitlines()[-1] == (
        "monthwise: tracking store sqlite:////srv/what?/mlflow.db: what follows ? is read as options; write"
        " sqlite+pysqlite:///file:/srv/what%3F/mlflow.db?uri=true"
    )
