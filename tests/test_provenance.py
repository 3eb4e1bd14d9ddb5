"""What a job says about what it ran with."""

import os
import re

import pytest
from monthwise import provenance
from workflow import REPOSITORY


@pytest.mark.parametrize(
    ("environment", "threads"),
    [({"OMP_NUM_THREADS": "1"}, 1), ({"OPENBLAS_NUM_THREADS": "3"}, 3), ({}, os.cpu_count())],
)
def test_it_names_commit_packages_lock_and_threads_and_no_place(monkeypatch, environment, threads):
    for name in provenance.THREADS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = provenance.provenance()
    assert found["packages"].keys() == set(provenance.PACKAGES)
    assert re.fullmatch(r"[0-9a-f]{64}", found["lock"])
    assert found["threads"] == threads
    assert found["clean"] in ("true", "false", "unknown")
    for place in (str(REPOSITORY), os.path.expanduser("~"), os.uname().nodename):
        assert place not in str(found)


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
