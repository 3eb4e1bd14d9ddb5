"""Any account: without a home, with a read-only one, without a user name, with a strict umask."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.equal_builds import assert_equal
from fixtures.marks import nightly
from fixtures.shared_months import FIRST
from fixtures.workflow import Clone, called_bare

NOBODY = 12345  # a uid without a passwd entry
HOMES = {
    "no HOME": ["env", "-u", "HOME"],
    "HOME=/": ["env", "HOME=/"],
    "a missing HOME": ["env", "HOME=/no/such/home"],
    "a read-only HOME": ["env", "HOME={closed}"],
    "umask 077": ["sh", "-c", 'umask 077; exec "$@"', "sh"],
}


@pytest.fixture(scope="module")
def whole(unbuilt: Clone, tmp_path_factory) -> Clone:
    """One run month of one dataset, built; not to be changed."""
    clone = Clone(tmp_path_factory.mktemp("whole") / "clone", like=unbuilt)
    clone.configure({"datasets": ["green"], "last": FIRST})
    clone.build()
    return clone


@pytest.fixture
def partial(whole: Clone, tmp_path: Path) -> Clone:
    """A copy of it that has to track and register again, in a new store."""
    return made_partial(whole, tmp_path / "clone")


def made_partial(whole: Clone, folder: Path) -> Clone:
    clone = Clone(folder, like=whole)
    clone.path("mlflow.db").unlink()
    clone.path(f"runs/green/{FIRST}/tracking.json").unlink()
    return clone


def insist_on(clone: Clone, called: list[str], *command: str) -> str:
    ended = clone.run(*called, *command)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def insist_on_check_and_run(clone: Clone, called: list[str]) -> None:
    insist_on(clone, called, "./monthwise", "check")
    output = insist_on(clone, called, "./monthwise", "run", FIRST, "--jobs", "2")
    assert f"built 1 run months (green {FIRST}), 3 jobs" in output


def insist_on_the_others(clone: Clone, whole: Clone, called: list[str], plain: list[str] | None = None) -> None:
    insist_on(clone, called, "./monthwise", "verify", FIRST)
    insist_on(clone, called, "./monthwise", "track")
    assert "Nothing to be done" in insist_on(clone, plain or called, ".venv/bin/snakemake", "--cores", "2")
    assert_equal(whole, clone)
    assert not clone.path("~").exists()


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A home that its owner cannot write to."""
    home = tmp_path / "closed"
    home.mkdir(mode=0o500)
    yield home
    home.chmod(0o700)


@nightly
@pytest.mark.parametrize("name", HOMES)
def test_check_and_run_work_whatever_the_home_is(name, whole, partial, closed):
    if os.geteuid() == 0 and name in ("HOME=/", "a read-only HOME"):
        pytest.skip(f"NOT CHECKED with {name}: root can write everywhere")
    called = [word.replace("{closed}", str(closed)) for word in HOMES[name]]
    insist_on_check_and_run(partial, called)
    if name == "a missing HOME":
        insist_on_the_others(partial, whole, called)
    assert not Path("/no/such").exists()
    assert list(closed.iterdir()) == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="monthwise-nobody-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.root
def test_every_command_works_for_a_uid_without_a_name_and_a_home(whole, open_folder):
    nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    nobody += ["env", "-u", "HOME", "-u", "USER", "-u", "LOGNAME", "-u", "USERNAME"]
    clone = made_partial(whole, open_folder / "clone")
    if subprocess.run([*nobody, clone.path(".venv/bin/python"), "-c", ""], env=called_bare()).returncode:
        reason = (
            "NOT CHECKED FOR A UID WITHOUT A NAME: other users cannot read this Python; make PYTHON=/usr/bin/python3"
        )
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    for path in (clone.folder, *clone.folder.rglob("*")):
        shutil.chown(path, NOBODY, NOBODY) if not path.is_symlink() else None
    insist_on_check_and_run(clone, nobody)
    # Snakemake called by itself looks for a home before any code of this project runs.
    insist_on_the_others(clone, whole, nobody, plain=[*nobody, "HOME=/"])
