"""The evidence of a decision, and the history of decisions that superseded others."""

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import evidence
import pytest
from fixtures.workflow import REPOSITORY
from monthwise.base import files
from monthwise.state import decisions

MODEL = {"month": "2021-05", "kind": "model", "recipe": "linear", "columns": ["pair"]}
CHAMPION = {
    "dataset": "green",
    "month": "2021-05",
    "champion": MODEL,
    "decision": "promoted",
    "since": "2021-05",
    "reason": "the challenger's error is smaller",
    "compared": {"difference": 0.05},
    "validation_error": 5.0,
}
PREVIOUS = CHAMPION | {"month": "2021-04", "champion": MODEL | {"month": "2021-03"}}
STAGES = {
    "clean": {month: {"month": month, "target": {"max": 60}} for month in ("2021-03", "2021-04", "2021-05")},
    "train": {"2021-05": {"months": ["2021-03"], "seed": 7}},
    "evaluate": {"2021-05": {"validation_month": "2021-04"}},
    "promote": {"2021-05": {"promotion": {"margin": 0.02}}},
}
SETTINGS = {"dataset": "green", "month": "2021-05", "scored": True, "stages": STAGES}
CONTENTS = {
    "runs/green/2021-04/champion.json": PREVIOUS,
    "runs/green/2021-05/training.json": {"rows_available": 90, "train_rows": 80, "seed": 7},
    "runs/green/2021-05/metrics.json": {"rows": 70, "rmse": 5.0},
    "runs/green/2021-05/champion.json": CHAMPION,
    "runs/green/2021-05/live.json": {"rows": 60},
    "runs/green/2021-05/tracking.json": {"run_id": "1"},
    "runs/green/2021-05/train.provenance.json": {"python": "3.11.7"},
}


@pytest.fixture
def run(tmp_path, monkeypatch) -> dict:
    """The files of a run month in the working directory, and how `evidence` is called."""
    monkeypatch.chdir(tmp_path)
    contents = CONTENTS | {
        f"data/green/{month}/quality.json": {"month": month, "rows_in": 100, "rows_out": 90}
        for month in STAGES["clean"]
    }
    for path, content in contents.items():
        write(path, content)
    raw = [f"data/green/{month}/features.parquet" for month in STAGES["clean"]]
    for path in (*raw, "runs/green/2021-05/model.skops"):
        Path(path).write_text(f"content of {path}")
    return {"files": [*contents, *raw, "runs/green/2021-05/model.skops"], "settings": SETTINGS}


def write(path: str, content: dict) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, content)


def collect(run: dict, sources: list[str] | tuple = ()) -> dict:
    job = argparse.Namespace(**run, sources=list(sources), evidence="evidence.json")
    evidence.main(job)
    return files.read_json("evidence.json")


def test_it_holds_hashes_rows_seeds_settings_and_what_ran(run):
    collected = collect(run)
    path = "runs/green/2021-05/metrics.json"
    assert collected["files"][path] == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert collected["rows"]["clean"]["2021-04"] == {"rows_in": 100, "rows_out": 90}
    assert collected["rows"]["train"] == {"rows_available": 90, "train_rows": 80}
    assert collected["rows"]["evaluate"] == {"rows": 70}
    assert collected["rows"]["score"] == {"rows": 60}
    assert collected["seeds"] == {"train": 7}
    assert collected["settings"] == STAGES
    assert collected["provenance"]["tracking"] == {"run_id": "1"}
    assert collected["provenance"]["train"] == {"python": "3.11.7"}
    assert list(collected["provenance"]["models"]) == ["runs/green/2021-05/model.skops"]
    accounted = {*collected["files"], *collected["provenance"]["models"]}
    assert set(run["files"]) - accounted == {
        "runs/green/2021-05/tracking.json",
        "runs/green/2021-05/train.provenance.json",
    }


def test_it_holds_the_module_of_the_dataset_and_its_files_by_their_place_in_the_clone(run, tmp_path):
    names = ("config/zones/new-york.csv", "scripts/monthwise/prepare/taxi/__init__.py")
    elsewhere = tmp_path / "stores.csv"
    elsewhere.write_text("a")
    sources = [*(str(REPOSITORY / name) for name in names), str(REPOSITORY / "scripts/monthwise/prepare/__init__.py")]
    collected = collect(run, [*sources, str(elsewhere)])["sources"]
    assert list(collected) == sorted([*names, "scripts/monthwise/prepare/__init__.py", "stores.csv"])
    assert collected[names[0]] == files.sha256(REPOSITORY / names[0])
    assert collected["stores.csv"] == hashlib.sha256(b"a").hexdigest()


def test_another_build_of_the_month_differs_in_provenance_alone(run):
    first = collect(run)
    write("runs/green/2021-05/tracking.json", {"run_id": "2"})
    write("runs/green/2021-05/train.provenance.json", {"python": "3.13.1"})
    Path("runs/green/2021-05/model.skops").write_text("the same model with other times in it")
    second = collect(run)
    assert first.pop("provenance") != second.pop("provenance")
    assert first == second


def test_a_month_without_a_challenger_has_evidence_too(run):
    named = ("champion.json", "quality.json", "features.parquet")
    stages = {stage: STAGES[stage] for stage in ("clean", "promote")}
    collected = collect(
        {"files": [f for f in run["files"] if f.endswith(named)], "settings": SETTINGS | {"stages": stages}}
    )
    assert collected["provenance"] == {"models": {}, "tracking": None}
    assert decisions.decisions()[-1]["hashes"].keys() == {"runs/green/2021-04/champion.json"}


def test_a_decision_is_written_down_once_however_often_it_is_collected(run):
    for _ in range(3):
        collect(run)
    (line,) = decisions.decisions()
    assert line["cause"] == "first decision"
    assert (line["champion"], line["since"], line["validation_error"]) == (MODEL, "2021-05", 5.0)
    assert line["previous"] == {"month": "2021-04", "champion": PREVIOUS["champion"]}
    assert line["hashes"].keys() == {
        "data/green/2021-03/features.parquet",
        "data/green/2021-04/features.parquet",
        "runs/green/2021-04/champion.json",
        "runs/green/2021-05/metrics.json",
    }


def other_previous() -> None:
    write("runs/green/2021-04/champion.json", PREVIOUS | {"champion": MODEL | {"month": "2021-04"}})


def other_reason() -> None:
    write("runs/green/2021-04/champion.json", PREVIOUS | {"reason": "!"})


def other_settings(stage: str, month: str) -> dict:
    return SETTINGS | {"stages": STAGES | {stage: STAGES[stage] | {month: {"changed": True}}}}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda: Path("data/green/2021-04/features.parquet").write_text("restated"), "data of 2021-04 changed"),
        (lambda: Path("data/green/2021-05/features.parquet").write_text("its own month"), "program changed"),
        (lambda: other_settings("promote", "2021-05"), "settings of promote changed"),
        (lambda: other_settings("clean", "2021-03"), "settings of clean changed"),
        (lambda: other_settings("clean", "2021-05"), "program changed"),
        (other_previous, "the champion of 2021-04 changed"),
        (
            lambda: write("runs/green/2021-04/champion.json", PREVIOUS | {"reason": "!"}),
            "the decision of 2021-04 changed",
        ),
        (lambda: None, "program changed"),
    ],
)
def test_a_decision_that_supersedes_another_says_why(run, change, cause):
    collect(run)
    changed = change()
    collect(run)
    assert len(decisions.decisions()) == 1  # the same decision, whatever it was made from
    write("runs/green/2021-05/champion.json", CHAMPION | {"decision": "kept"})
    collect(run | {"settings": changed} if isinstance(changed, dict) else run)
    assert decisions.decisions()[-1]["cause"] == cause
    assert len(decisions.decisions()) == 2


def line(month: str, champion: str, cause: str = "first decision", kind: str = "model") -> dict:
    return {"dataset": "green", "month": month, "champion": {"month": champion, "kind": kind}, "cause": cause}


def test_changed_champions_are_told_from_where_the_file_ended(tmp_path):
    path = tmp_path / "history/decisions.jsonl"
    for decision in (
        line("2021-05", "2021-04"),
        line("2021-06", "2021-04"),
        line("2021-06", "2021-06", "data of 2021-05 changed"),
    ):
        decisions.append("green", decision["month"], lambda _, decision=decision: decision, path)
    offset = path.stat().st_size
    assert decisions.changed_since(path, 0) == [
        "green 2021-06: champion is now the model of 2021-06, was 2021-04 (data of 2021-05 changed)"
    ]
    assert decisions.changed_since(path, offset) == []
    for decision in (line("2021-07", "2021-06"), line("2021-06", "2021-05", "program changed", "baseline")):
        decisions.append("green", decision["month"], lambda _, decision=decision: decision, path)
    assert decisions.changed_since(path, offset) == [
        "green 2021-06: champion is now the naive baseline of 2021-05, was 2021-06 (program changed)"
    ]
    assert decisions.changed_since(tmp_path / "none", 0) == []


def test_a_torn_last_line_is_passed_over_and_stays_alone(tmp_path):
    path = tmp_path / "decisions.jsonl"
    decisions.append("green", "2021-05", lambda _: line("2021-05", "2021-04"), path)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-20])
    before = []
    decisions.append("green", "2021-05", lambda newest: before.append(newest) or line("2021-05", "2021-05"), path)
    assert before[0]["champion"]["month"] == "2021-04"
    assert [decision["champion"]["month"] for decision in decisions.decisions(path)] == ["2021-04", "2021-05"]


def test_a_disk_that_is_full_leaves_no_half_line(tmp_path):
    path = tmp_path / "decisions.jsonl"
    decisions.append("green", "2021-05", lambda _: line("2021-05", "2021-04"), path)
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[1]); from monthwise.state import decisions\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); size = int(sys.argv[3]) + 20\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
        "decisions.append('green', '2021-06', lambda _: {'dataset': 'green' * 20}, sys.argv[2])"
    )
    before = path.read_bytes()
    command = [sys.executable, "-c", code, str(REPOSITORY / "scripts"), str(path), str(len(before))]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert "No space left on device" in ended.stderr
    assert path.read_bytes() == before


def test_jobs_at_once_write_whole_lines_and_each_decision_once(run):
    job = {"files": run["files"], "settings": SETTINGS}
    command = [sys.executable, str(REPOSITORY / "scripts/evidence.py"), "--files", *job["files"]]
    command += ["--settings", json.dumps(job["settings"]), "--evidence"]
    jobs = [subprocess.Popen([*command, f"{number}.json"], stdout=subprocess.DEVNULL) for number in range(6)]
    assert [job.wait() for job in jobs] == [0] * 6
    assert len(decisions.decisions()) == 1
