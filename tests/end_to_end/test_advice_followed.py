"""Every suggested command is run as it is printed, and repairs what was wrong."""

import re
import shutil
from pathlib import Path

import mlflow
import pytest
from fixtures.marks import nightly
from fixtures.shared_months import publish
from fixtures.workflow import Clone
from monthwise.base import files, months

FIRST, LAST = "2024-01", "2024-02"
SETTINGS = {
    "source": "file:published",
    "datasets": ["green"],
    "begin": {"green": FIRST},
    "last": LAST,
    "train": {"recipe": "linear", "parameters": {"solver": "lasso"}},
}
COMMAND = re.compile(r"(?:\./monthwise|\.venv/bin/snakemake) [^`;\n]*")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Clone:
    """Two run months, built by what `status` says about an empty folder."""
    clone = Clone(tmp_path_factory.mktemp("whole") / "clone")
    for month in months.span("2023-11", LAST):
        publish(clone.path("published"), "green", month, rows=400)
    clone.configure(SETTINGS)
    follow(clone, call(clone, "status"))
    return clone


@pytest.fixture
def clone(whole: Clone, tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone", like=whole)


def call(clone: Clone, *words: str, code: int = 0) -> str:
    """Return what a command prints."""
    ended = clone.monthwise(*words)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def follow(clone: Clone, output: str, code: int = 0) -> str:
    """Run the last command that a text suggests; return what it prints."""
    command = COMMAND.findall(output)[-1].strip()
    ended = clone.run("bash", "-c", command)
    assert ended.returncode == code, f"{output}\n{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout + ended.stderr


def assert_whole(clone: Clone) -> None:
    """Insist on a finished workflow whose months and registry agree."""
    assert call(clone, "run") == "up to date\n"
    verified = call(clone, "verify")
    assert verified.count("ok ") == 3, verified
    assert "the registry agrees" in verified


def store(clone: Clone) -> mlflow.MlflowClient:
    uri = f"sqlite:///{clone.path('mlflow.db')}"
    return mlflow.MlflowClient(uri, uri)


@nightly
def test_where_nothing_is_there_every_command_names_run(whole, tmp_path):
    clone = Clone(tmp_path / "empty")
    clone.configure(SETTINGS | {"source": f"file:{whole.path('published')}"})
    (tmp_path / "rows.parquet").touch()
    code_by_command = {
        ("status",): 0,
        ("status", "--errors"): 0,
        ("status", "--champions"): 0,
        ("verify",): 65,
        ("score", "--input", str(tmp_path / "rows.parquet"), "--output", str(tmp_path / "predictions.parquet")): 64,
    }
    suggested = {COMMAND.findall(call(clone, *words, code=code))[-1] for words, code in code_by_command.items()}
    assert suggested == {"./monthwise run", "./monthwise run --dataset green"}


@nightly
def test_what_was_suggested_built_it(whole, tmp_path):
    assert_whole(whole)


@nightly
def test_a_month_without_a_decision_is_decided(clone):
    shutil.rmtree(clone.path(f"runs/green/{FIRST}"))
    output = call(clone, "status", "--champions")
    assert f"green {FIRST}: no decision, so the chain stops here" in output
    follow(clone, output)
    assert "no decision" not in call(clone, "status", "--champions")
    call(clone, "run")  # the month after it
    assert_whole(clone)


@nightly
def test_a_file_that_is_cut_off_is_built_again(clone):
    path = clone.path(f"runs/green/{LAST}/metrics.json")
    path.write_bytes(path.read_bytes()[:40])
    output = call(clone, "status")
    assert f"runs/green/{LAST}/metrics.json is not whole: delete it, then" in output
    path.unlink()
    follow(clone, output)
    assert_whole(clone)


@nightly
def test_a_changed_file_is_verified(clone):
    path = clone.path(f"runs/green/{LAST}/metrics.json")
    path.write_bytes(path.read_bytes().replace(b'"rows": ', b'"rows":  '))
    assert "is not the file that the evidence is about" in follow(clone, call(clone, "status"), code=65)


@nightly
@pytest.mark.parametrize("name", ["validation.parquet", "evidence.json"])
def test_what_verify_misses_is_built_again(clone, name):
    clone.path(f"runs/green/{FIRST}/{name}").unlink()
    named = {"verify": 65} | ({} if name == "evidence.json" else {"plan": 0})
    for command, code in named.items():
        copy = Clone(clone.folder.parent / command, like=clone)
        follow(copy, call(copy, command, code=code) if command == "verify" else copy.snakemake("--dry-run").stderr)
        assert_whole(copy)


@nightly
def test_edited_evidence_is_collected_again(clone):
    path = clone.path(f"runs/green/{FIRST}/evidence.json")
    path.write_bytes(path.read_bytes().replace(b"2023-11", b"2023-10"))
    output = call(clone, "verify", code=65)
    assert f"runs/green/{FIRST}/evidence.json is not what was written; delete it, then" in output
    path.unlink()
    follow(clone, output)
    assert_whole(clone)


@nightly
def test_an_edited_file_of_the_registry_is_written_again(clone):
    path = clone.path("registry/green.json")
    path.write_text("{}")
    output = call(clone, "verify", code=65)
    assert "registry/green.json is not what was written; delete it, then" in output
    path.unlink()
    follow(clone, output)
    assert_whole(clone)


@nightly
def test_what_is_edited_in_mlflow_is_put_right(clone):
    client = store(clone)
    client.delete_registered_model_alias("monthwise-green", f"run-{FIRST}")
    client.delete_model_version(
        "monthwise-green", files.read_json(clone.path("registry/green.json"))["versions"][LAST]["version"]
    )
    follow(clone, call(clone, "verify", code=65))
    assert_whole(clone)


@nightly
def test_a_lost_model_is_tracked_again(clone):
    serving = files.read_json(clone.path("registry/green.json"))["champion"]["month"]
    tracked = files.read_json(clone.path(f"runs/green/{serving}/tracking.json"))
    store(clone).delete_logged_model(tracked["model_id"])
    clone.path("registry/green.json").unlink()
    clone.snakemake()
    (line,) = (log.read_text().splitlines()[-1] for log in clone.path("logs/register").rglob("*.log"))
    assert line.startswith("exit 65")
    follow(clone, line)
    assert call(clone, "verify").count("ok ") == 3
    call(clone, "run")  # collects the evidence of that month again
    assert_whole(clone)


@nightly
def test_a_restated_month_is_located_and_rebuilt(clone):
    publish(clone.path("published"), "green", "2023-12", rows=400, seed=2)
    follow(clone, clone.snakemake("--dry-run").stderr)
    clone.build()
    assert_whole(clone)


@nightly
def test_a_file_that_changed_before_it_was_fetched_is_located_again(clone):
    publish(clone.path("published"), "green", "2023-12", rows=400, seed=2)
    for path in clone.path("data/green/2023-12").glob("*raw*"):
        path.unlink()
    clone.path("data/green/2023-12/rows.parquet").unlink()
    assert clone.snakemake().returncode
    line = clone.path("logs/ingest/green/2023-12.log").read_text().splitlines()[-1]
    follow(clone, line)
    clone.build()
    assert_whole(clone)


@nightly
def test_a_lost_record_is_accepted(clone):
    shutil.rmtree(clone.path(".snakemake"))
    follow(clone, call(clone, "run"))
    assert_whole(clone)


@nightly
def test_accept_of_a_part_names_accept_of_all(clone):
    clone.edit("scripts/clean.py", '"""', '"""Edited. ')
    follow(clone, call(clone, "accept", LAST, code=65))
    assert_whole(clone)


@nightly
def test_more_than_max_rebuild_is_accepted(clone):
    clone.edit("scripts/clean.py", '"""', '"""Edited. ')
    follow(clone, call(clone, "run", "--config", "run={max_rebuild: 1}", code=64))
    assert_whole(clone)


@nightly
def test_a_damaged_format_file_is_written_again(clone):
    clone.path("registry/format.json").write_text("{")
    output = call(clone, "run", code=78)
    clone.path("registry/format.json").unlink()
    follow(clone, output)
    assert_whole(clone)


@nightly
def test_a_page_that_cannot_be_drawn_names_the_reason(clone):
    clone.path("config/zones/new-york.geojson").write_text("{")
    output = call(clone, "run")
    assert "the report was not written (WrongConfig)" in output
    assert "new-york.geojson cannot be read as outlines of places" in follow(clone, output, code=78)


@nightly
def test_a_rejected_month_names_plan_which_names_the_ways_on(clone):
    strict = ("--config", "quality={reject: {rows_below: 1000}}")
    clone.run(".venv/bin/snakemake", "--cores", "2", "--keep-going", *strict)
    line = clone.path("logs/featurize/green/2023-11.log").read_text().splitlines()[-1]
    assert line.startswith("exit 65: green 2023-11 is rejected")
    assert "write `quality: {waive: {green: {2023-11:" in follow(clone, line)
    page = call(clone, "report", *strict) + clone.path("report/summary.md").read_text()
    (need,) = (text for text in page.splitlines() if "2023-11" in text and "see the options" in text)
    assert "write `quality: {waive: {green: {2023-11:" in follow(clone, need.replace("\\", ""))


@nightly
def test_a_table_that_is_cut_is_shown_whole(clone):
    for month in months.span("2021-01", "2023-10"):
        shutil.copytree(clone.path("data/green/2023-11"), clone.path(f"data/green/{month}"))
    output = call(clone, "status")
    (command,) = (line for line in COMMAND.findall(output) if "status" in line)
    assert "2021-01" in clone.run("bash", "-c", command).stdout


@nightly
def test_names_of_another_installation_are_taken_over(clone, tmp_path):
    uri = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/team.db"}
    other = Clone(tmp_path / "other", like=clone)
    other.path("registry/installation.json").unlink()
    assert clone.monthwise("track", env=uri).returncode == 0
    refused = other.monthwise("track", env=uri)
    assert refused.returncode == 78, refused.stderr
    command = COMMAND.findall(refused.stderr)[-1].strip()
    ended = other.run("bash", "-c", command, env=uri)
    assert ended.returncode == 0, ended.stderr
    assert "the registry agrees" in other.monthwise("verify", env=uri).stdout
    assert clone.monthwise("track", env=uri).returncode == 78


@nightly
def test_what_prune_shows_is_what_it_deletes(clone):
    closed = ("--config", f"history={{closed_before: {LAST}}}")
    output = call(clone, "prune", "2023-11", "--keep", "1", *closed)
    files_before = {path for path in clone.path("data").rglob("*") if path.is_file()}
    follow(clone, output)
    deleted = files_before - {path for path in clone.path("data").rglob("*") if path.is_file()}
    assert {path.parent.name for path in deleted} == {"2023-11"}
    assert {path.name for path in deleted} >= {"raw.file", "rows.parquet", "features.parquet"}
