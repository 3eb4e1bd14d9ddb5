"""Faults of users and machines: one line, and nothing is lost but the outputs of the failed job."""

import contextlib
import json
import os
import re
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from fixtures.marks import nightly
from fixtures.shared_months import LAST, publish
from fixtures.workflow import REPOSITORY, Clone, wait_for
from monthwise.base import months
from monthwise.base.environment import SHELL_PREFIX
from monthwise.workflow import job_settings

NEXT = months.shift(LAST, 1)


def last_line(clone: Clone, log: str) -> str:
    text = clone.path(f"logs/{log}.log").read_text()
    assert "Traceback" not in text
    return text.splitlines()[-1]


def test_a_month_that_is_not_published_holds_back_only_what_needs_it(clone):
    publish(clone.path("published"), "yellow", LAST)
    ended = clone.snakemake("--config", f"first={NEXT}", f"last={NEXT}")
    assert ended.returncode == 1
    line = last_line(clone, f"locate/green/{LAST}")
    newest = months.shift(LAST, -1)
    assert re.match(rf"exit 66: green {LAST} is not published: .* the newest published month is {newest};", line)
    assert not clone.path(f"runs/green/{NEXT}/metrics.json").exists()
    assert clone.path(f"runs/yellow/{NEXT}/tracking.json").exists()
    assert clone.planned("--config", f"first={NEXT}", f"last={NEXT}")["track"] == 1


@nightly
def test_a_rejected_month_is_refused_until_it_is_waived_or_skipped(clone):
    for dataset in ("green", "yellow"):
        publish(clone.path("published"), dataset, LAST)
    path = clone.path(f"published/green_tripdata_{LAST}.parquet")
    pq.write_table(pq.read_table(path)[:120], path)
    wanted = ("--config", f"first={NEXT}", f"last={NEXT}", "quality={reject: {rows_below: 500}}")
    assert clone.snakemake(*wanted).returncode == 1
    assert json.loads(clone.path(f"data/green/{LAST}/quality.json").read_text())["verdict"] == "reject"
    line = last_line(clone, f"featurize/green/{LAST}")
    assert line.startswith(f"exit 65: green {LAST} is rejected by ")
    assert f'quality: {{waive: {{green: {{{LAST}: "reason"}}}}}}' in line
    assert "./monthwise plan" in line
    waived = f"quality={{reject: {{rows_below: 500}}, waive: {{green: {{{LAST}: looked at by hand}}}}}}"
    clone.build(*wanted[:3], waived)
    quality = json.loads(clone.path(f"data/green/{LAST}/quality.json").read_text())
    assert (quality["verdict"], quality["waiver"]) == ("reject", "looked at by hand")


def test_a_store_that_cannot_be_reached_costs_no_model(clone):
    for dataset in ("green", "yellow"):
        publish(clone.path("published"), dataset, LAST)
    wanted = ("--config", f"first={NEXT}", f"last={NEXT}")
    refused = clone.snakemake(*wanted, env={"MLFLOW_TRACKING_URI": "http://me:uncommon-word@127.0.0.1:9"})
    assert refused.returncode == 1
    assert last_line(clone, f"track/green/{NEXT}").startswith("exit 69: ")
    assert clone.path(f"runs/green/{NEXT}/metrics.json").exists()
    # Files with the run's id wait for it; the champion does not.
    assert clone.path(f"runs/green/{NEXT}/champion.json").exists()
    assert clone.planned(*wanted) == {"track": 2, "evidence": 2, "register": 2}
    clone.build(*wanted)
    ended = subprocess.run(["grep", "-rl", "uncommon-word", clone.folder, "--exclude-dir=.venv"], capture_output=True)
    assert ended.stdout == b"", ended.stdout


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        reason = f"A FULL DISK WAS NOT TRIED: a small tmpfs cannot be mounted here ({mounted.stderr.decode().strip()})"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


MODULE = {"prepare": "scripts/monthwise/prepare/taxi/__init__.py", "files": "config/zones/new-york.csv"}
TRAINED = ["model", "baseline", "training", "provenance"]


@pytest.mark.root
@pytest.mark.parametrize(
    ("program", "inputs", "outputs", "stage"),
    [
        ("ingest", {"source": "data/green/2023-10/source.json"}, ["raw"], "ingest"),
        ("clean", {"raw": "data/green/2023-10/raw.file"} | MODULE, ["rows", "quality"], "clean"),
        ("train", {"features": "data/green/2023-10/features.parquet"}, TRAINED, "train"),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(built, small_disk, program, inputs, outputs, stage):
    before = dict.fromkeys(outputs, b"of before")
    for name, content in before.items():
        (small_disk / name).write_bytes(content)
    with contextlib.suppress(OSError), open(small_disk / "fill", "wb", buffering=0) as fill:
        while True:
            fill.write(bytes(4096))
    from monthwise.config.settings import Settings
    from monthwise.workflow.calendar import Calendar

    settings = Settings([built.path("config/config.yaml")], {"source": f"file:{built.path('published')}"})
    month = "2023-12" if stage == "train" else "2023-10"
    arguments = [f"--{name}={built.path(path)}" for name, path in inputs.items()]
    arguments += [f"--{name}={small_disk / name}" for name in outputs]
    arguments += ["--settings", json.dumps(job_settings.of_job(Calendar.read(settings, "green"), stage, month))]
    python = built.path(".venv/bin/python")
    ended = subprocess.run([python, REPOSITORY / f"scripts/{program}.py", *arguments], capture_output=True, text=True)
    assert ended.returncode == 73, ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("exit 73: cannot write")
    assert "Traceback" not in ended.stdout + ended.stderr
    contents = {path.name: path.read_bytes() for path in small_disk.iterdir() if path.name != "fill"}
    assert contents == before


PROGRAM = """
import sys
sys.path.insert(0, "scripts")
from monthwise.job import command_line

def main(job):
    read = open(job.features).read()
    open(job.metrics, "w").write("made of " + read)
    if job.settings["restated"]:
        open(job.features, "w").write("other rows")
    return "done"

command_line.run(main, inputs=("features",), outputs=("metrics",))
"""


@pytest.mark.parametrize(("restated", "code"), [(False, 0), (True, 75)])
def test_a_result_of_an_input_that_changed_under_the_job_is_not_kept(restated, code, tmp_path):
    features, metrics = tmp_path / "features.parquet", tmp_path / "metrics.json"
    features.write_text("rows")
    settings = json.dumps({"restated": restated})
    arguments = [f"--features={features}", f"--metrics={metrics}", f"--settings={settings}"]
    command = [sys.executable, "-c", PROGRAM, *arguments]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.returncode == code, ended.stdout
    assert ended.stdout.splitlines()[-1].startswith(f"exit {code}: ")
    assert (
        sorted(path.name for path in tmp_path.iterdir()) == ["features.parquet", "metrics.json"][: 1 + (not restated)]
    )


def test_a_job_that_hangs_is_ended_with_all_that_it_started(tmp_path):
    assert "shell.prefix(environment.SHELL_PREFIX)" in (REPOSITORY / "rules/common.smk").read_text()
    limit = SHELL_PREFIX.replace("{{", "{").replace("}}", "}")
    hangs = 'import os, subprocess; p = subprocess.Popen(["sleep", "600"]); print(p.pid, flush=True); p.wait()'
    ended = subprocess.run(["bash", "-c", f"{limit} limit 1s {sys.executable} -c '{hangs}'"], capture_output=True)
    assert ended.returncode == 124
    child = int(ended.stdout)
    wait_for(lambda: not os.path.exists(f"/proc/{child}"))


def test_each_rule_with_a_program_has_a_time_limit():
    for path in (REPOSITORY / "rules").glob("*.smk"):
        for rule in re.split(r"^(?=rule )", path.read_text(), flags=re.M)[1:]:
            if "python" in rule:
                assert "limit {resources.runtime}m" in rule, rule[:40]
                assert "runtime=" in rule, rule[:40]
