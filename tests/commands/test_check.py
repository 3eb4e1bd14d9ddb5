"""`./monthwise check`: tries what a run needs, prints one line for each, and leaves nothing behind."""

import os

import pytest
from fixtures.marks import nightly
from fixtures.one_month import NASTY, clone_in
from fixtures.workflow import Clone


@pytest.fixture
def clone(tmp_path) -> Clone:
    return clone_in(tmp_path / "clone")


def lines(clone: Clone, *arguments: str, env: dict | None = None) -> dict[str, str]:
    """Return state and message of each check by its name: `ok ...` or `FAIL ...`."""
    ended = clone.monthwise("check", *arguments, env=env)
    assert ended.stderr == ""
    rows = [line.split(maxsplit=1) for line in ended.stdout.splitlines()[1:]]
    state_by_name = {rest.split(": ")[0]: f"{state} {rest.partition(': ')[2]}" for state, rest in rows}
    assert ended.returncode == any(state == "FAIL" for state, _ in rows)
    assert len(state_by_name) == 7, ended.stdout
    return state_by_name


@pytest.mark.parametrize("name", [pytest.param("plain", marks=nightly), NASTY])
def test_check_tries_the_folder_that_is_named_and_leaves_nothing(name, clone, tmp_path):
    folder = tmp_path / "results" / name
    folder.mkdir(parents=True)
    states = lines(clone, "--directory", str(folder))
    assert {state.split()[0] for state in states.values()} == {"ok"}
    assert states["jobs"] == "ok a cold and a warm job ran, and a rerun has nothing to do"
    assert states["results"] == f"ok {folder}"
    assert list((tmp_path / "results").rglob("*")) == [folder]


@nightly
def test_jobs_that_start_cold_are_no_failure(clone):
    states = lines(clone, env={"MONTHWISE_WARM": "0"})
    assert states["jobs"].startswith("ok jobs start cold: MONTHWISE_WARM=0")


@nightly
def test_a_store_that_is_there_is_opened_and_stays_as_it_is(clone):
    clone.build("--", "runs/green/2024-01/tracking.json")
    before = {path: path.read_bytes() for path in [clone.path("mlflow.db"), *clone.path("mlruns").rglob("*.skops")]}
    files = set(clone.path("mlruns").rglob("*"))
    assert lines(clone)["tracking store"] == "ok sqlite:///mlflow.db"
    assert set(clone.path("mlruns").rglob("*")) == files
    assert {path: path.read_bytes() for path in before} == before

    clone.path("mlflow.db").write_bytes(b"no database" * 1000)
    assert lines(clone)["tracking store"].startswith(
        "FAIL tracking store sqlite:///mlflow.db is damaged, or no SQLite database (file is"
    )


@nightly
def test_what_fails_is_named_with_its_advice_and_without_a_password(clone):
    clone.edit("requirements.txt", "pandas==", "pandas==9.")
    uri = "postgresql://ann:uncommon-word@127.0.0.1:9/db?sslpassword=other-word"
    states = lines(clone, env={"MLFLOW_TRACKING_URI": uri, "SNAKEMAKE_PROFILE": "absent"})
    assert {name for name, state in states.items() if state.startswith("FAIL")} == {"packages", "tracking store"}
    assert states["packages"].startswith("FAIL 1 differ from requirements.txt (pandas ==")
    assert states["tracking store"].startswith("FAIL tracking store postgresql://127.0.0.1:9/db cannot be reached")
    assert "set tracking.uri or MLFLOW_TRACKING_URI" in states["tracking store"]
    assert "word" not in "".join(states.values())


@nightly
def test_a_temporary_folder_that_cannot_be_used_is_one_line(clone, tmp_path):
    (tmp_path / "none").mkdir()
    states = lines(clone, env={"TMPDIR": str(tmp_path / "none")})
    assert states["temporary files"] == f"ok {tmp_path / 'none'}"
    assert not os.listdir(tmp_path / "none")


@nightly
def test_a_path_that_is_too_long_for_sqlite_fails_with_the_advice(clone, tmp_path):
    states = lines(clone, "--directory", str(tmp_path / "/".join(["x" * 100] * 8)))
    assert states["jobs"].startswith("ok")
    assert "SQLite takes 499; set MLFLOW_TRACKING_URI=" in states["tracking store"]


def test_a_job_that_cannot_start_is_named_by_its_own_reason(clone):
    clone.edit("scripts/monthwise/commands/check_job.py", "import pandas", "import pandaz as pandas")
    states = lines(clone)
    assert states["jobs"].startswith("FAIL a job cannot start: ModuleNotFoundError: No module named 'pandaz'")
