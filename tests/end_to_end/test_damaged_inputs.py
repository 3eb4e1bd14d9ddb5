"""Truncated or damaged intermediate files: one line in every program that reads them."""

import importlib
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from fixtures.shared_months import LAST
from monthwise.base import files, months
from monthwise.job import command_line
from monthwise.verify import recorded_jobs
from monthwise.workflow import stages

DATASET, MONTH = "green", months.shift(LAST, -1)  # the newest month that is scored
COPIED = ("promote", ".skops")


@pytest.fixture(scope="module")
def jobs(built, tmp_path_factory) -> list[recorded_jobs.Job]:
    """The jobs of a run month and its data, in a copy of a whole build that is the working directory."""
    folder = tmp_path_factory.mktemp("damaged") / "results"
    folder.mkdir()
    for name in ("data", "runs"):
        shutil.copytree(built.path(name), folder / name)
    before = Path.cwd()
    os.chdir(folder)
    evidence = files.read_json(f"runs/{DATASET}/{MONTH}/evidence.json")
    module = [str(path) for path in sorted(built.path("scripts/monthwise/prepare/taxi").glob("*.py"))]
    sources = {"prepare": module, "files": [str(built.path("config/zones/new-york.csv"))]}
    yield [*recorded_jobs.data_jobs(evidence, sources)[0], *recorded_jobs.run_jobs(evidence)]
    os.chdir(before)


def call(job: recorded_jobs.Job, folder: Path, monkeypatch, capsys) -> tuple[int, str]:
    """Run the program of a job; return its exit code and its last line."""
    outputs = {name: str(folder / Path(path).name) for name, path in job.outputs.items()}
    words = [f"scripts/{job.stage}.py", "--settings", json.dumps(job.settings)]
    for name, paths in (job.inputs | {name: [path] for name, path in outputs.items()}).items():
        words += [f"--{name.replace('_', '-')}", *paths]
    list_options = [name for name, job_input in stages.STAGES[job.stage].inputs.items() if job_input.is_list]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        command_line.run(importlib.import_module(job.stage).main, tuple(job.inputs), tuple(outputs), list_options)
    return end.value.code, capsys.readouterr().out.splitlines()[-1]


def inputs_of(job: recorded_jobs.Job) -> list[str]:
    """Return the intermediate files that a job reads; `promote` copies models and does not open them."""
    paths = recorded_jobs.paths_of(job)
    return [path for path in paths if not os.path.isabs(path) and (job.stage, Path(path).suffix) != COPIED]


def written(job: recorded_jobs.Job, folder: Path) -> dict[str, bytes]:
    """Return the files that a job wrote, but for models and provenance, which differ from call to call."""
    paths = [folder / Path(path).name for path in job.outputs.values()]
    return {path.name: path.read_bytes() for path in paths if not path.name.endswith((".skops", ".provenance.json"))}


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def zeroed(content: bytes) -> bytes:
    third = len(content) // 3
    return content[:third] + bytes(third) + content[2 * third :]


@pytest.mark.parametrize("damage", [cut, zeroed])
def test_every_program_names_the_damaged_input(jobs, damage, tmp_path, monkeypatch, capsys):
    refusals = set()
    for job in jobs:
        assert call(job, tmp_path, monkeypatch, capsys)[0] == os.EX_OK
        right = written(job, tmp_path)
        for path in inputs_of(job):
            whole = Path(path).read_bytes()
            Path(path).write_bytes(damage(whole))
            code, line = call(job, tmp_path, monkeypatch, capsys)
            Path(path).write_bytes(whole)
            if code == os.EX_OK:  # the damaged part is not read
                assert written(job, tmp_path) == right, f"{job.stage}, {path}: {line}"
                continue
            assert (code, path in line) == (os.EX_DATAERR, True), f"{job.stage}, {path}: {line}"
            refusals.add((job.stage, Path(path).suffix))
    assert {stage for stage, _ in refusals} >= {"clean", "featurize", "train", "evaluate", "compare", "score", "drift"}
    assert {suffix for _, suffix in refusals} == {".file", ".parquet", ".json", ".skops"}
