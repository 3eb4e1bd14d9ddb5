"""A run without its warm start finishes with the files of a cold one, and says why in one line."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from fixtures.equal_builds import assert_equal
from fixtures.marks import nightly
from fixtures.shared_months import SETTINGS, publish
from fixtures.workflow import REPOSITORY, Clone, called_bare, wait_for
from monthwise.job.warm.libraries import LIBRARIES

pytestmark = [
    nightly,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="jobs start cold on this system"),
]
FAULTS = str(REPOSITORY / "tests/fixtures/faults/sitecustomize.py")
RUN = ("./monthwise", "run", "--jobs", "2")
LOST = "monthwise: the warm start is lost, jobs start cold: "


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Clone:
    """One run month of one dataset, nothing built."""
    clone = Clone(tmp_path_factory.mktemp("tiny") / "clone")
    for month in ("2023-11", "2023-12"):
        publish(clone.path("published"), "green", month, rows=300)
    clone.configure(SETTINGS | {"datasets": ["green"], "begin": {"green": "2024-01"}, "last": "2024-01"})
    return clone


@pytest.fixture(scope="module")
def cold(tiny, tmp_path_factory) -> Clone:
    """The same, built without the warm start."""
    clone = Clone(tmp_path_factory.mktemp("cold") / "clone", like=tiny)
    ended = clone.run(*RUN, env={"MONTHWISE_WARM": "0"})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return clone


class Run:
    """A call of `./monthwise run` in a clone of its own."""

    def __init__(self, tiny: Clone, folder: Path, **environment: str):
        self.clone = Clone(folder / "clone", like=tiny)
        if "FAULT" in environment:  # a run drops PYTHONPATH
            planted = f'"""\n\nexec(compile(open({FAULTS!r}).read(), {FAULTS!r}, "exec"), {{}})\nimport '
            for module in ("__init__", "process"):
                self.clone.edit(f"scripts/monthwise/job/warm/{module}.py", '"""\n\nimport ', planted)
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = psutil.Popen(RUN, cwd=self.clone.folder, env=called_bare(environment), **pipes)

    def below(self, word: str) -> list[psutil.Process]:
        """Return the processes of this call that have `word` on their command line."""
        processes = []
        for process in self.process.children(recursive=True):
            try:
                if any(word in argument for argument in process.cmdline()):
                    processes.append(process)
            except psutil.NoSuchProcess:
                continue
        return processes

    def waiting_process(self) -> psutil.Process:
        """Wait for the process that FAULT stops, and return it."""
        path = self.clone.path("held")
        wait_for(lambda: path.exists() or self.process.poll() is not None, 600)
        return psutil.Process(int(path.read_text()))

    def lines(self) -> list[str]:
        """Wait for the end, insist on success; return the lines about the warm start."""
        output = self.process.communicate(timeout=900)[0]
        log = "".join(path.read_text() for path in sorted(self.clone.path("logs/run").glob("*.log")))
        assert self.process.returncode == 0, output + log
        return [line for line in log.splitlines() if line.startswith("monthwise: ")]

    def reasons(self) -> list[str]:
        return [line.removeprefix(LOST) for line in self.lines()]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("proc", "PermissionError: [Errno 13] Permission denied"),
        ("fork", "BlockingIOError: [Errno 11] Resource temporarily unavailable"),
        ("socket", "PermissionError: [Errno 13] Permission denied"),
    ],
)
def test_what_a_system_does_not_allow_costs_no_job(tiny, cold, tmp_path, fault, reason):
    run = Run(tiny, tmp_path, FAULT=fault)
    assert run.reasons() == [reason]
    assert_equal(run.clone, cold)


def test_a_warm_process_killed_while_jobs_wait_costs_no_job(tiny, cold, tmp_path):
    run = Run(tiny, tmp_path, FAULT="hang")
    warm = run.waiting_process()
    wait_for(lambda: run.below("warm/bin/../client.py"))
    warm.kill()
    assert run.reasons() in [
        [f"the process for {kind} was ended"] for kind in LIBRARIES
    ]  # the others did not exist yet
    assert_equal(run.clone, cold)


def test_a_warm_process_killed_while_its_job_runs_costs_no_job(tiny, cold, tmp_path):
    run = Run(tiny, tmp_path, FAULT="job")
    job = run.waiting_process()
    job.parent().kill()
    assert run.reasons() == ["the process for models was ended"]
    assert not job.is_running()
    assert_equal(run.clone, cold)


@pytest.mark.parametrize("kind", ["missing", "long"])
def test_no_temporary_folder_is_needed(tiny, cold, tmp_path, kind):
    folder = tmp_path / ("x" * 150 if kind == "long" else kind)
    if kind == "long":
        folder.mkdir()
    run = Run(tiny, tmp_path, TMPDIR=str(folder))
    assert run.reasons() == []
    assert_equal(run.clone, cold)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.root
@pytest.mark.parametrize("kind", ["noexec", "full"])
def test_a_temporary_folder_that_serves_for_nothing_costs_no_job(tiny, cold, tmp_path, kind):
    with mounted(tmp_path / "tmp", "noexec" if kind == "noexec" else "size=64k") as folder:
        if kind == "full":
            (folder / "filling").write_bytes(bytes(64 * 1024))
        run = Run(tiny, tmp_path, TMPDIR=str(folder))
        assert run.reasons() == []
    assert_equal(run.clone, cold)


def test_a_clone_from_which_nothing_may_be_started_costs_no_job(tiny, cold, tmp_path):
    cannot = Clone(tmp_path / "cannot", like=tiny)
    cannot.path("scripts/monthwise/job/warm/bin/python").chmod(0o644)
    run = Run(cannot, tmp_path)
    python = run.clone.path("scripts/monthwise/job/warm/bin/python").resolve()
    assert run.reasons() == [f"RuntimeError: not executable here: {python}"]
    assert_equal(run.clone, cold)
