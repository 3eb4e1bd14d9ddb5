"""Results are up to date by content, wherever they and the clone are; `accept` keeps what another version built."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from fixtures.marks import nightly
from fixtures.shared_months import FIRST, LAST
from fixtures.workflow import Clone
from monthwise.base import lock, months, results
from monthwise.base.exits import CannotWrite, TryAgain, WrongConfig

RESULTS = ("data", "runs", "registry", "history", "benchmarks", ".snakemake")


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(lock.TOKEN, raising=False)
    return tmp_path


@pytest.fixture
def moved(built: Clone, tmp_path: Path) -> Path:
    """Built months, moved out of their clone to another depth."""
    folder = tmp_path / "far/away/results"
    for name in RESULTS:
        shutil.copytree(built.path(name), folder / name, symlinks=True)
    return folder


@pytest.fixture
def release(built: Clone, tmp_path: Path) -> Clone:
    """Another clone with the same config and without results."""
    clone = Clone(tmp_path / "release")
    shutil.copytree(built.path("published"), clone.path("published"))
    shutil.copy(built.path("config/config.yaml"), clone.path("config/config.yaml"))
    clone.configure({"datasets": ["green"]})
    return clone


def call(clone: Clone, folder: Path, *arguments: str, code: int = 0) -> str:
    """Call ./monthwise on results in a folder; return what it prints."""
    ended = clone.monthwise(*arguments, "--directory", str(folder))
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


# The same content in another place


def test_moved_results_and_another_clone_have_nothing_to_do(release, moved):
    assert release.planned("--directory", str(moved)) == {}
    assert call(release, moved, "run") == "up to date\n"


@nightly
def test_a_link_to_the_results_has_nothing_to_do(release, moved, tmp_path):
    (tmp_path / "link").symlink_to(moved)
    assert release.planned("--directory", str(tmp_path / "link")) == {}


def test_a_copied_tree_has_nothing_to_do(built, tmp_path):
    subprocess.run(["cp", "-r", built.folder, tmp_path / "copy"], check=True)  # new time stamps, in any order
    assert Clone(tmp_path / "copy").planned() == {}


@nightly
def test_clone_and_results_under_other_paths_as_in_a_container_have_nothing_to_do(release, moved, tmp_path):
    assert release.planned("--directory", str(moved)) == {}
    (tmp_path / "srv").mkdir()
    release.folder.rename(tmp_path / "srv/app")
    moved.rename(tmp_path / "data")
    assert Clone(tmp_path / "srv/app").planned("--directory", str(tmp_path / "data")) == {}


def test_an_edited_program_of_another_clone_runs_its_stage_and_what_reads_it(release, moved):
    release.edit("scripts/drift.py", '"""', '"""Edited. ')
    assert set(release.planned("--directory", str(moved))) == {"drift", "evidence"}


def test_results_in_the_clone_are_linked_without_a_loop(built):
    for name in results.LINKED:
        target = built.path(results.CODE) / name
        assert target.resolve() == built.path(name).resolve()
        assert not built.folder.is_relative_to(target.resolve())


# Two clones, one folder of results


def test_a_call_from_another_clone_waits_for_the_programs_that_run(workdir):
    for name in ("one", "other"):
        (workdir / name / "scripts").mkdir(parents=True)
    results.link_code(workdir / "one")
    with lock.hold("run"):
        results.link_code(workdir / "one", lambda: True)
        with pytest.raises(TryAgain, match=f"already running in .* with the programs of {workdir / 'one'}"):
            results.link_code(workdir / "other", lambda: True)
    assert os.readlink(f"{results.CODE}/scripts") == str(workdir / "one/scripts")
    results.link_code(workdir / "other", lambda: False)
    assert os.readlink(f"{results.CODE}/scripts") == str(workdir / "other/scripts")
    assert sorted(os.listdir(results.CODE)) == sorted(results.LINKED)


def test_a_folder_where_programs_cannot_be_linked_is_one_line(workdir):
    Path(".monthwise").touch()
    with pytest.raises(CannotWrite, match=r"cannot link the programs in .*; give write permission, or --directory DIR"):
        results.link_code(workdir)


@nightly
def test_a_dry_run_of_another_clone_does_not_change_what_a_running_call_runs(release, moved, built, tmp_path):
    other = Clone(tmp_path / "other", like=release)
    assert release.planned("--directory", str(moved)) == {}
    holder = subprocess.Popen(
        ["flock", "--exclusive", lock.PATH, "sh", "-c", "echo held; read _"],
        cwd=moved,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        ended = other.snakemake("--dry-run", "--directory", str(moved))
        assert ended.returncode == 75
        assert f"monthwise: already running in {moved} with the programs of {release.folder}" in ended.stderr
        assert release.planned("--directory", str(moved)) == {}  # the same clone may look
    finally:
        holder.communicate(b"\n")
    assert other.planned("--directory", str(moved)) == {}


# The format number


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "have format 1, this version has format 3; run `./monthwise accept`, which sets them aside"),
        ('{"format": 2}', "have format 2, this version has format 3; run `./monthwise accept`, which sets them aside"),
        ('{"format": 99}', "have format 99, this version has format 3; use the version that wrote them"),
        ('{"for', "format.json is damaged"),
        ("[3]", "format.json is damaged"),
        ('{"format": "3"}', "format.json is damaged"),
    ],
)
def test_results_of_another_format_are_refused_in_one_line(workdir, content, message):
    assert results.read_format() is None
    results.insist_on_format()
    Path("runs/green/2024-01").mkdir(parents=True)
    Path("runs/green/2024-01/metrics.json").touch()
    if content:
        Path("registry").mkdir()
        Path(results.FORMAT_FILE).write_text(content)
    with pytest.raises(WrongConfig) as end:
        results.insist_on_format()
    assert message in str(end.value)
    assert "\n" not in str(end.value)


def test_whoever_writes_first_notes_the_format(workdir):
    with lock.hold("locate"):
        assert results.read_format() == results.FORMAT
    results.insist_on_format()


def test_results_without_the_file_of_their_format_are_of_that_in_their_files(release, moved):
    (moved / results.FORMAT_FILE).unlink()
    assert call(release, moved, "run") == "up to date\n"
    assert (moved / results.FORMAT_FILE).exists()


def of_format_2(folder: Path) -> list[Path]:
    """Give published files, their facts and the format number the form of format 2; return the published files."""
    (folder / results.FORMAT_FILE).write_text('{"format": 2}')
    published = []
    for raw in sorted(folder.glob("data/*/*/raw.file")):
        published.append(raw.rename(raw.with_name("raw.parquet")))
        facts = json.loads(raw.with_name("source.json").read_text())
        facts["service"] = facts.pop("dataset")
        del facts["format"]
        raw.with_name("source.json").write_text(json.dumps(facts))
    return published


def test_an_older_folder_is_refused_by_every_call_until_it_is_set_aside(release, moved):
    published = {path.relative_to(moved).parent: path.read_bytes() for path in of_format_2(moved)}
    before = {path.relative_to(moved): path.read_bytes() for path in moved.rglob("*") if path.is_file()}
    for command in ("run", "plan", "status"):
        output = call(release, moved, command, code=78)
        assert output.count("\n") == 1, output
        assert f"./monthwise accept --directory {moved}" in output
    ended = release.snakemake("--directory", str(moved), "--dry-run")
    assert ended.returncode == 78
    assert "have format 2" in ended.stderr
    assert "Traceback" not in ended.stderr
    output = call(release, moved, "accept")
    assert f"{len(published)} published files are kept" in output
    older = {moved / "format-2" / path: content for path, content in before.items() if path.parts[0] in RESULTS}
    assert older == {path: path.read_bytes() for path in older}
    assert call(release, moved, "run", FIRST).splitlines()[-1].startswith(f"built 1 run months (green {FIRST})")
    logs = [path.read_text() for path in sorted((moved / "logs/ingest/green").glob("*.log"))]
    assert logs
    assert all("kept from before, nothing fetched" in log for log in logs)


# The record of what was built


def test_a_lost_record_is_named_and_its_months_count_for_max_rebuild(release, moved):
    shutil.rmtree(moved / ".snakemake")
    for path in sorted(moved.rglob("*.parquet")):  # as `cp -r` leaves them: in any order
        path.touch()
    output = call(release, moved, "run", code=64)
    assert results.NO_RECORD in output
    assert f"finished run months (green {months.shift(LAST, -5)}" in output or "more than run.max_rebuild" in output
    assert f"`./monthwise accept --directory {moved}`" in output
    assert results.NO_RECORD in call(release, moved, "plan", code=64)
    assert results.NO_RECORD in release.snakemake("--directory", str(moved), "--dry-run").stderr
    assert json.loads((moved / "history/runs.jsonl").read_text().splitlines()[-1])["code"] == 64


@nightly
@pytest.mark.parametrize("touched", [False, True])
def test_a_lost_record_is_made_by_accept(release, moved, touched):
    before = {path: path.read_bytes() for path in moved.rglob("*.json") if "runs" in path.parts}
    shutil.rmtree(moved / ".snakemake")
    for path in sorted(moved.rglob("*.parquet")) if touched else ():
        path.touch()
    output = call(release, moved, "accept")
    assert "files agree with their evidence" in output
    assert call(release, moved, "run") == "up to date\n"
    assert {path: path.read_bytes() for path in before} == before
    release.configure({"train": {"recipe": "linear", "parameters": {"solver": "lasso", "alpha": 0.7}}})
    assert release.planned("--directory", str(moved))["train"] > 0  # recorded with its settings


@nightly
def test_accept_keeps_what_another_version_built(release, moved):
    release.edit("scripts/clean.py", '"""', '"""Edited. ')
    assert "program changed: scripts/clean.py" in call(release, moved, "plan", code=64)
    output = call(release, moved, "accept")
    assert "jobs recorded as up to date" in output
    assert "program changed: scripts/clean.py" in output
    assert call(release, moved, "run") == "up to date\n"


@nightly
def test_accept_takes_a_range_and_leaves_later_months(release, moved):
    release.edit("scripts/drift.py", '"""', '"""Edited. ')
    first = months.shift(LAST, -5)
    call(release, moved, "accept", f"{first}..{months.shift(LAST, -3)}")
    output = release.snakemake("--directory", str(moved), "--dry-run").stdout
    assert f"month={months.shift(LAST, -2)}" in output
    assert f"month={first}" not in output


def test_accept_refuses_a_file_that_is_not_what_its_evidence_says(release, moved):
    release.edit("scripts/drift.py", '"""', '"""Edited. ')
    month = months.shift(LAST, -2)
    path = moved / f"runs/green/{month}/metrics.json"
    path.write_text(path.read_text().replace("rmse", "rnse"))
    output = call(release, moved, "accept", code=65)
    assert f"OFF   green {month}: runs/green/{month}/metrics.json is not the file that the evidence is about" in output
    assert "nothing was accepted" in output
    assert release.planned("--directory", str(moved))["drift"] > 0


@nightly
def test_accept_records_pruned_months_as_they_are(release, moved):
    release.configure({"history": {"closed_before": LAST}})
    call(release, moved, "prune", "--keep", "1", "--yes")
    pruned = moved / f"data/green/{months.shift(LAST, -4)}/features.parquet"
    assert not pruned.exists()
    shutil.rmtree(moved / ".snakemake")
    call(release, moved, "accept")
    assert not pruned.exists()
    assert call(release, moved, "run") == "up to date\n"


def test_accept_says_when_there_is_nothing_to_check(release, workdir):
    (workdir / "empty").mkdir()
    assert "there is no evidence.json" in call(release, workdir / "empty", "accept", code=65)
