"""Killed in the middle and asked again, a build ends like one that nobody disturbed."""

import os
import signal
import sqlite3
import subprocess

from conftest import FIRST, LAST, SERVICES
from equal_builds import assert_equal, built_files
from monthwise import months
from workflow import Clone, called_bare, wait_for

SNAKEMAKE = ".venv/bin/snakemake"
KILLS = 3


def kill_once_there_are(clone: Clone, count: int) -> None:
    """Build until there are `count` files, then kill Snakemake and its jobs at one stroke."""
    with open(clone.path("killed.log"), "w") as log:
        building = subprocess.Popen(
            [SNAKEMAKE, "--cores", "2"],
            cwd=clone.folder,
            env=called_bare(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(lambda: len(built_files(clone)) >= count or building.poll() is not None, seconds=600)
        assert building.poll() is None, clone.path("killed.log").read_text()[-4000:]
    finally:
        if building.poll() is None:
            os.killpg(building.pid, signal.SIGKILL)
        building.wait()


def unlock(clone: Clone) -> None:
    ended = clone.run(SNAKEMAKE, "--unlock")
    assert ended.returncode == 0, ended.stderr


def test_killed_in_the_middle_and_asked_again_a_build_equals_an_undisturbed_one(unbuilt, built, tmp_path):
    clone = Clone(tmp_path / "clone", like=unbuilt)
    in_the_end = len(built_files(built))
    for kill in range(1, KILLS + 1):
        kill_once_there_are(clone, in_the_end * kill // (KILLS + 1))
        assert any(clone.path(".snakemake/locks").iterdir())
        unlock(clone)
    clone.build()

    assert_equal(clone, built)
    assert clone.planned() == {}
    with sqlite3.connect(clone.path("mlflow.db")) as store:
        runs = store.execute("SELECT name, status FROM runs WHERE lifecycle_stage = 'active' ORDER BY name").fetchall()
    assert runs == [(f"{service} {month}", "FINISHED") for service in SERVICES for month in months.span(FIRST, LAST)]
