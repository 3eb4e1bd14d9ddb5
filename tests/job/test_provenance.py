"""Provenance: commit, packages, lock and threads that a job ran with."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from fixtures.workflow import REPOSITORY
from monthwise.job import provenance


@pytest.mark.parametrize(
    ("environment", "threads"),
    [({"OMP_NUM_THREADS": "1"}, 1), ({"OPENBLAS_NUM_THREADS": "3"}, 3), ({}, os.cpu_count())],
)
def test_it_names_commit_packages_lock_and_threads_and_no_place(monkeypatch, environment, threads):
    for name in provenance.THREADS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    record = provenance.provenance()
    assert record["packages"].keys() == set(provenance.PACKAGES)
    assert re.fullmatch(r"[0-9a-f]{64}", record["lock"])
    assert record["threads"] == threads
    assert record["clean"] in ("true", "false", "unknown")
    for place in (str(REPOSITORY), os.path.expanduser("~"), os.uname().nodename):
        assert place not in str(record)


def test_changes_name_every_version_that_is_another_one():
    now = provenance.provenance()
    then = now | {"python": "3.8.1", "lock": "other", "packages": now["packages"] | {"numpy": "1.0"}}
    assert provenance.changes(now, now) == []
    assert provenance.changes(then, now) == [
        f"Python 3.8.1 then, {now['python']} now",
        f"numpy 1.0 then, {now['packages']['numpy']} now",
        "another lock, requirements.txt",
    ]


def test_a_folder_without_git_of_its_own_has_no_commit(tmp_path):
    assert provenance.code_commit(tmp_path) == ("unknown", "unknown")
    assert provenance.code_commit(REPOSITORY / "scripts") == ("unknown", "unknown")


@pytest.fixture
def repository(tmp_path) -> Path:
    """A repository with a program, nothing changed."""
    (tmp_path / "scripts/monthwise").mkdir(parents=True)
    (tmp_path / "scripts/train.py").write_text("program")
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("note.md", "true"),
        ("config/mine.yaml", "true"),
        ("scripts/monthwise/code.pyc", "true"),
        ("scripts/monthwise/mine.py", "false"),
        ("scripts/monthwise/models/recipes/mine.py", "false"),
        ("rules/mine.smk", "false"),
        ("scripts/train.py", "false"),
    ],
)
def test_the_code_is_clean_unless_tracked_files_or_programs_changed(repository, path, clean):
    assert provenance.code_commit(repository)[1] == "true"
    (repository / path).parent.mkdir(parents=True, exist_ok=True)
    (repository / path).write_text("changed")
    assert provenance.code_commit(repository)[1] == clean
