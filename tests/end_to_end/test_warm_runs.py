"""The warm start under Snakemake: benchmarks, kills, edited programs, crashes."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from fixtures.equal_builds import assert_equal
from fixtures.marks import nightly
from fixtures.workflow import REPOSITORY, Clone, called_bare, wait_for

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="jobs start cold on this system")

# As rules/common.smk has it, with rules that take no data.
SNAKEFILE = f"""
import os, sys
sys.path.insert(0, {str(REPOSITORY / "scripts")!r})
from monthwise.job import warm
from monthwise.workflow import stages
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]

onstart:
    warm.start(workflow.local_exec and workflow.is_main_process, stages.by_warm_process())

rule all:
    input: expand("made/{{job}}", job=range(int(config["jobs"])))

rule clean:
    output: "made/{{job}}"
    log: "logs/clean/{{job}}.log"
    benchmark: "benchmarks/clean/{{job}}.tsv"
    shell: "python clean.py {{output}} > {{log}} 2>&1"
"""


class Run:
    """A call of Snakemake in a folder whose one rule runs clean.py `jobs` times."""

    def __init__(self, folder: Path, jobs: int, cores: int = 2, program: str = "clean.py"):
        (folder / "Snakefile").write_text(SNAKEFILE.replace("clean.py", program))
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--config", f"jobs={jobs}", "--keep-going"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = psutil.Popen(command, cwd=folder, env=called_bare(), start_new_session=True, **pipes)

    def ends(self) -> tuple[int, str]:
        output = self.process.communicate(timeout=120)[0]
        return self.process.returncode, output


def measured(folder: Path, job: int) -> dict[str, str]:
    with open(folder / f"benchmarks/clean/{job}.tsv", newline="") as file:
        return next(csv.DictReader(file, delimiter="\t"))


def running_in(folder: Path) -> list[psutil.Process]:
    """Return the processes whose working directory is `folder`."""
    processes = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                processes.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return processes


def test_figures_are_those_of_the_job_itself(tmp_path):
    (tmp_path / "clean.py").write_text(
        "import sys, time\n"
        "block = bytearray(200_000_000)\n"
        "begin = time.process_time()\n"
        "while time.process_time() - begin < 0.7: pass\n"
        "time.sleep(0.4)\n"
        "open(sys.argv[1], 'wb').write(block[:3_000_000])\n"
    )
    assert Run(tmp_path, 2).ends()[0] == 0
    for job in range(2):
        figures = measured(tmp_path, job)
        assert float(figures["cpu_time"]) >= 0.7
        assert float(figures["s"]) >= 1.1
        assert 200 < float(figures["max_rss"]) < 400
        assert float(figures["io_out"]) > 2.5
        assert float(figures["mean_load"]) == pytest.approx(
            100 * float(figures["cpu_time"]) / float(figures["s"]), 0.05
        )


@pytest.mark.parametrize("program", ["clean.py", "train.py", "track.py"])
def test_the_last_job_of_a_run_is_measured_too(tmp_path, program):
    (tmp_path / program).write_text("import sys\nopen(sys.argv[1], 'w').write('whole')\n")
    assert Run(tmp_path, 1, program=program).ends()[0] == 0
    figures = measured(tmp_path, 0)
    assert figures["max_pss"] == "NA"
    assert float(figures["max_rss"]) > 20


def test_a_hundred_jobs_at_eight_at_a_time(tmp_path):
    (tmp_path / "clean.py").write_text(
        "import os, sys\nprint(os.getpid(), 'numpy' in sys.modules)\nopen(sys.argv[1], 'w').write(sys.argv[1])\n"
    )
    code, output = Run(tmp_path, 100, cores=8).ends()
    assert code == 0, output
    logs = [(tmp_path / f"logs/clean/{job}.log").read_text().split() for job in range(100)]
    assert len({pid for pid, _ in logs}) == 100
    assert {warm for _, warm in logs} == {"True"}
    assert all((tmp_path / f"made/{job}").read_text() == f"made/{job}" for job in range(100))
    assert all(float(measured(tmp_path, job)["max_rss"]) > 20 for job in range(100))
    assert not list((tmp_path / "benchmarks").rglob(".*"))


@pytest.mark.parametrize("killed", ["snakemake", "warm process", "job", "group"])
def test_after_a_kill_nothing_is_left_and_the_next_call_completes(tmp_path, killed):
    (tmp_path / "clean.py").write_text(
        "import os, sys, time\n"
        "open(f'pid.{os.getpid()}', 'w').close()\n"
        "time.sleep(0 if os.path.exists('quick') else 5)\n"
        "open(sys.argv[1], 'w').write('whole')\n"
    )
    run = Run(tmp_path, 4)
    wait_for(lambda: len(list(tmp_path.glob("pid.*"))) == 2)
    job = psutil.Process(int(next(tmp_path.glob("pid.*")).suffix[1:]))
    (tmp_path / "quick").touch()
    if killed == "group":
        os.killpg(run.process.pid, signal.SIGKILL)
    else:
        {"snakemake": run.process, "warm process": job.parent(), "job": job}[killed].kill()
    if killed in ("snakemake", "group"):
        wait_for(lambda: not running_in(tmp_path))
    assert (run.ends()[0] == 0) == (killed == "warm process")
    wait_for(lambda: not running_in(tmp_path))
    subprocess.run([sys.executable, "-m", "snakemake", "--unlock", "--config", "jobs=4"], cwd=tmp_path, check=True)
    again = Run(tmp_path, 4)
    code, output = again.ends()
    assert code == 1 if "IncompleteFilesException" in output else code == 0, output
    assert all((tmp_path / f"made/{job}").read_text() == "whole" for job in range(4))


def test_a_program_edited_during_a_run_is_what_the_next_job_runs(tmp_path):
    program = tmp_path / "clean.py"
    new = "import pathlib, sys\npathlib.Path(sys.argv[1]).write_text('new')\n"
    program.write_text(new.replace("'new'", "'old'") + f"pathlib.Path('clean.py').write_text({new!r})\n")
    assert Run(tmp_path, 3, cores=1).ends()[0] == 0
    assert sorted((tmp_path / f"made/{job}").read_text() for job in range(3)) == ["new", "new", "old"]


def test_a_recipe_that_crashes_fails_its_months_alone(unbuilt, tmp_path):
    clone = Clone(tmp_path / "clone", like=unbuilt)
    clone.path("scripts/monthwise/models/recipes/crash.py").write_text(
        "import ctypes\n\nTRUSTED = []\n\n\ndef pipeline(task, numbers, categories, seed=0):\n    ctypes.string_at(0)\n"
    )
    crash = {"from": "2023-10", "datasets": ["green"], "reason": "a trial", "train": {"recipe": "crash"}}
    clone.configure({"changes": [crash]})
    ended = clone.snakemake("--config", "first=2023-09", "last=2023-10")
    assert ended.returncode == 1, ended.stderr
    assert "Segmentation fault" in ended.stderr or "exit status 139" in ended.stderr, ended.stderr
    assert not clone.path("runs/green/2023-10/model.skops").exists()
    for run in ("green/2023-09", "yellow/2023-09", "yellow/2023-10"):
        assert clone.path(f"runs/{run}/tracking.json").exists(), run


@nightly
def test_results_are_the_same_with_it_and_without(built, unbuilt, tmp_path):
    clone = Clone(tmp_path / "clone", like=unbuilt)
    other = "1" if os.environ.get("MONTHWISE_WARM") == "0" else "0"
    clone.build(env={"MONTHWISE_WARM": other})
    assert_equal(clone, built)
