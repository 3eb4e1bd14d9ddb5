"""The crontab line of the README, as it is typed in, with the bare environment that cron gives it."""

import getpass
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from fixtures.crontab import crontab_command
from fixtures.equal_builds import assert_equal, built_files
from fixtures.marks import nightly
from fixtures.shared_months import SETTINGS, publish
from fixtures.workflow import Clone, listed_jobs, wait_for
from monthwise.base import files, months

pytestmark = nightly
PUBLISHED = ["2023-01", "2023-02", "2023-03"]  # data months of the first night; its run months are the two below
BUILT = ["2023-03", "2023-04"]
RESTATED, NEW = "2023-02", "2023-04"


class Cron:
    """Runs the crontab line in a clone."""

    def __init__(self, clone: Clone):
        self.clone = clone
        self.home = clone.folder.with_name("home")
        self.home.mkdir(exist_ok=True)

    def start(self) -> subprocess.Popen:
        command = crontab_command()
        assert command.count("/srv/monthwise") == 1
        return subprocess.Popen(
            ["/bin/sh", "-c", command.replace("/srv/monthwise", shlex.quote(str(self.clone.folder)))],
            env={"SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", "HOME": str(self.home), "LOGNAME": getpass.getuser()},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def jobs(self) -> list[tuple[str, str, str]]:
        """Return rule, dataset and month of each job that Snakemake started, of all calls."""
        return [job for log in self.clone.path("logs/run").iterdir() for job in listed_jobs(log.read_text())]

    def log(self) -> str:
        path = self.clone.path("cron.log")
        return path.read_text() if path.exists() else ""

    def run(self) -> tuple[int, str]:
        """Return the exit code and what was added to the log."""
        before = len(self.log())
        code = self.start().wait(timeout=600)
        return code, self.log()[before:]


class Process(NamedTuple):
    """A process of /proc."""

    pid: int
    parent: int
    state: str
    arguments: list[str]


def processes() -> list[Process]:
    alive = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            arguments = (folder / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        alive.append(Process(int(folder.name), int(parent), state, arguments))
    return alive


def descendants(pid: int) -> list[Process]:
    """Return the processes that `pid` started, and those that they started."""
    everything, started, parents = processes(), [], {pid}
    while parents:
        children = [process for process in everything if process.parent in parents]
        started += children
        parents = {process.pid for process in children}
    return started


def main_of(cron: subprocess.Popen) -> int | None:
    """Return the process of Snakemake that builds, below the shell that cron started."""
    building = [
        process.pid
        for process in descendants(cron.pid)
        if {"snakemake", "--cores"} <= set(process.arguments) and "--dry-run" not in process.arguments
    ]
    return building[0] if building else None


def jobs_below(pid: int | None, name: str = "") -> set[int]:
    """Return the processes that `pid` started, if `name` is on the command line of one of them."""
    started = descendants(pid) if pid else []
    return {process.pid for process in started} if any(name in " ".join(job.arguments) for job in started) else set()


def running(pids: set[int]) -> set[int]:
    return pids & {process.pid for process in processes() if process.state != "Z"}


def jobs(rules: str, *months_: str) -> set[tuple[str, str, str]]:
    return {(rule, "green", month) for rule in rules.split() for month in months_}


@pytest.fixture(scope="module")
def first_night(tmp_path_factory) -> tuple[Cron, list[int | None], list[int]]:
    """The line started twice at once, nothing built before.

    Also the exit codes of both when the first one ended (None: still running), and at the end.
    """
    clone = Clone(tmp_path_factory.mktemp("first") / "clone")
    for month in PUBLISHED:
        publish(clone.path("published"), "green", month)
    clone.configure({**SETTINGS, "datasets": ["green"], "begin": {"green": BUILT[0]}, "last": "newest"})
    cron = Cron(clone)
    both = [cron.start(), cron.start()]
    wait_for(lambda: any(one.poll() is not None for one in both))
    return cron, [one.poll() for one in both], [one.wait(timeout=600) for one in both]


@pytest.fixture(scope="module")
def due(first_night, tmp_path_factory) -> Clone:
    """A clone for which a new month came out and another was published again; nothing built of it."""
    clone = Clone(tmp_path_factory.mktemp("due") / "clone", like=first_night[0].clone)
    publish(clone.path("published"), "green", NEW)
    publish(clone.path("published"), "green", RESTATED, seed=2)
    return clone


@pytest.fixture(scope="module")
def second_night(due, tmp_path_factory) -> tuple[Cron, int, str]:
    """The line run when something is due: the exit code, and what was added to the log."""
    clone = Clone(tmp_path_factory.mktemp("second") / "clone", like=due)
    shutil.rmtree(clone.path("logs/run"))
    return Cron(clone), *Cron(clone).run()


def test_twice_at_once_one_builds_and_the_other_ends_at_once(first_night):
    cron, when_one_ended, codes = first_night
    assert sorted(map(str, when_one_ended)) == ["75", "None"]
    assert sorted(codes) == [0, 75]
    built = cron.jobs()
    out = [month for month in BUILT if month in PUBLISHED]
    assert set(built) == (
        jobs("ingest clean featurize", *PUBLISHED)
        | jobs("train evaluate track promote evidence", *BUILT)
        | jobs("compare", *BUILT[1:])
        | jobs("score drift", *out)
        | jobs("register", "")
    )
    assert len(built) == len(set(built))


def test_once_more_there_is_nothing_to_do(first_night, tmp_path):
    clone = Clone(tmp_path / "clone", like=first_night[0].clone)

    def state() -> dict:
        return {name: (files.sha256(path), path.stat().st_mtime_ns) for name, path in built_paths(clone)}

    before = state()
    code, log = Cron(clone).run()
    assert code == 0
    assert log == "up to date\n"
    assert state() == before


def built_paths(clone: Clone) -> list[tuple[str, Path]]:
    return [(name, clone.path(name)) for name in built_files(clone)]


def test_a_new_month_and_a_restated_one_build_what_depends_on_them(second_night):
    cron, code, log = second_night
    assert code == 0
    assert f"green {RESTATED}: changed" in log
    assert f"green {NEW}: new" in log
    validated, trained, added = months.shift(RESTATED, 1), months.shift(RESTATED, 2), months.shift(NEW, 1)
    later = [month for month in (*BUILT, added) if month >= validated]
    read = {
        month for month in (*BUILT, added) if month >= RESTATED
    }  # the restated month is a month that is scored, too
    built = cron.jobs()
    assert len(built) == len(set(built))
    assert set(built) == (
        jobs("ingest clean featurize", RESTATED, NEW)
        | jobs("train", trained, added)
        | jobs("evaluate track", validated, trained, added)
        | jobs("promote", *later)
        | jobs("compare", *(set(later) - {BUILT[0]}))
        | jobs("score", *(read - {added}))
        | jobs("drift", *{month for month in (RESTATED, trained, NEW) if month in read})
        | jobs("evidence", *read)
        | jobs("register", "")
    )


def test_after_a_kill_the_next_call_ends_what_is_left_and_completes(due, second_night, tmp_path):
    clone = Clone(tmp_path / "clone", like=due)
    cron = Cron(clone)
    killed = cron.start()
    wait_for(lambda: jobs_below(main_of(killed), "scripts/train.py"))
    main = main_of(killed)
    orphans = {main, *jobs_below(main)}
    for process in descendants(killed.pid):
        if process.arguments[-1] == "run":
            os.kill(process.pid, signal.SIGKILL)
    assert killed.wait(timeout=600) == 128 + signal.SIGKILL
    assert running(orphans), "Snakemake and its jobs outlive it"

    code, log = cron.run()
    assert code == 0, log[-4000:]
    assert not running(orphans)
    assert_equal(clone, second_night[0].clone)
    code, log = cron.run()
    assert code == 0
    assert log == "up to date\n"
