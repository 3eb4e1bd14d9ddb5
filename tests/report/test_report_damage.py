"""The report of damaged, nonsensical and hostile files: each is shown, and breaks nothing."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from fixtures.report_history import BEFORE, MONTH, build, pages
from monthwise.base import files
from monthwise.workflow import stages

HOSTILE = "<script>alert(1)</script> \"quoted\" 'twice' & {{ 7 * 7 }} ](x) | `code`\nnext line " + "x" * 10_000
OUTPUTS = [f"data/green/{BEFORE}/{name}" for stage in stages.DATA for name in stages.files_of(stage)]
OUTPUTS += [f"runs/green/{MONTH}/{name}" for stage in stages.RUN for name in stages.files_of(stage)]
OTHERS = [f"logs/train/green/{MONTH}.log", f"benchmarks/train/green/{MONTH}.tsv", "history/runs.jsonl"]


NONSENSE = [
    {"metric": "rmse", "rmse": "much", "by": 3, "places": []},
    {"metric": [], "classes": 7, "calibration": [7], "confusion": {}},
    {"ranked": [7], "champion": 3},
    {},
]


def edit(path: Path) -> None:
    """Change the content as a hand would: a number of a JSON file, a byte of any other, and the time stamp."""
    content = path.read_bytes()
    if path.suffix == ".json":
        values = json.loads(content)
        values["edited"] = True
        files.write_json(path, values)
    else:
        middle = len(content) // 2
        path.unlink()  # it is a link
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


@pytest.fixture(scope="module")
def proven(history, tmp_path_factory) -> Path:
    """The same history, with evidence of every file that may be damaged, and its report."""
    folder = tmp_path_factory.mktemp("proven") / "here"
    shutil.copytree(history, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        evidence = json.loads(Path(f"runs/green/{MONTH}/evidence.json").read_text())
        hashes = {name: files.sha256(name) for name in OUTPUTS if not name.endswith(("evidence.json", "tracking.json"))}
        evidence["files"] = {name: sha256 for name, sha256 in hashes.items() if not name.endswith(".skops")}
        evidence["provenance"]["models"] = {name: sha256 for name, sha256 in hashes.items() if name.endswith(".skops")}
        files.write_json(f"runs/green/{MONTH}/evidence.json", evidence)
        build()
    return folder


@pytest.mark.parametrize("damage", [Path.unlink, truncate, edit])
@pytest.mark.parametrize("path", OUTPUTS)
def test_damage_to_any_output_changes_a_cell_and_breaks_nothing(path, damage, proven, tmp_path, monkeypatch):
    shutil.copytree(proven, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    before, drawn = json.loads(Path("report/status.json").read_text())["datasets"]["green"], pages()
    damage(Path(path))
    if Path(path).exists():
        later = os.stat(f"runs/green/{MONTH}/evidence.json").st_mtime + 5
        os.utime(path, (later, later))
    after = build()["datasets"]["green"]
    is_note = damage is edit and path.endswith("evidence.json")  # the recorded hashes are unchanged
    assert is_note or (before["data"], before["runs"]) != (after["data"], after["runs"])
    assert is_note or pages() != drawn
    assert all(content.rstrip().endswith(b"-->") for content in pages().values())


@pytest.mark.parametrize("damage", [Path.unlink, truncate, lambda path: path.write_bytes(b"\x00\xff nonsense {\n")])
@pytest.mark.parametrize("path", OTHERS)
def test_logs_benchmarks_and_history_may_be_anything(path, damage, workdir):
    build()
    drawn = pages()
    damage(Path(path))
    build()
    assert pages().keys() == drawn.keys()
    # A log of what is built is a link and nothing else.
    assert pages() != drawn or (path.startswith("logs/") and Path(path).exists())


@pytest.mark.parametrize("content", ["[]", "7", '{"jobs": 7, "not_published": [1]}', '{"jobs": [[]], "looked": {}}'])
def test_a_plan_may_be_anything(workdir, content):
    Path("logs/plan.json").write_text(content)
    assert build()["datasets"]["green"]["champion"]["month"] == MONTH


@pytest.mark.parametrize("content", NONSENSE)
@pytest.mark.parametrize("name", ["metrics", "live", "champion", "comparison", "drift", "training", "tracking"])
def test_content_that_makes_no_sense_is_said_in_its_part(workdir, name, content):
    files.write_json(f"runs/green/{MONTH}/{name}.json", content)
    build()
    page = Path(f"report/runs/green/{MONTH}.html").read_text()
    assert "is not what the evidence says" in page
    assert "Why it was built" in page
    if name in ("metrics", "live", "comparison") and "by" in content:
        assert "does not hold what it should" in page
    if name in ("metrics", "live") and "calibration" in content:
        assert "does not hold what it should" in page


def test_hostile_text_is_text(workdir):
    Path(f"runs/green/{MONTH}/drift.json").unlink()
    Path(f"logs/drift/green/{MONTH}.log").write_text(HOSTILE + "\nexit 1: " + HOSTILE[:90].replace("\n", " "))
    quality = json.loads(Path(f"data/green/{BEFORE}/quality.json").read_text())
    files.write_json(f"data/green/{BEFORE}/quality.json", quality | {"waiver": HOSTILE, "verdict": "reject"})
    for name in ("champion", "tracking"):
        path = Path(f"runs/green/{MONTH}/{name}.json")
        files.write_json(
            path, json.loads(path.read_text()) | {"reason": HOSTILE, "decision": HOSTILE, "run_id": HOSTILE}
        )
    source = json.loads(Path(f"data/green/{BEFORE}/source.json").read_text())
    files.write_json(f"data/green/{BEFORE}/source.json", source | {HOSTILE[:200]: HOSTILE, "etag": HOSTILE})
    build(tracking={"url": "https://mlflow.example/<script>"})
    for name, page in pages().items():
        assert b"<script>alert" not in page, name
        assert len(page) < 400_000
        assert page.count(b"<script>") == (name == "report/index.html")
    page_of_month = Path(f"report/runs/green/{MONTH}.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page_of_month
    assert "{{ 7 * 7 }}" in page_of_month
    text = Path("report/summary.md").read_text()
    assert "\\<script\\>alert" in text
    assert re.search(r"(?<!\\)[<>`\[*]", text) is None
