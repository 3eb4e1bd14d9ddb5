"""`./monthwise report`: its pages, its links, what is drawn again, and what is left out."""

import hashlib
import html.parser
import json
import os
import shutil
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import pytest
import yaml
from fixtures import long_history
from fixtures.report_history import BEFORE, MONTH, build, pages
from fixtures.workflow import REPOSITORY, Clone
from monthwise.base import files


def test_every_link_leads_to_a_file_and_every_month_has_its_pages(workdir):
    status = build()
    assert set(status["datasets"]["green"]["runs"]) == {"2023-11", "2023-12", "2024-01", "2024-02"}
    link_count = 0
    for name, content in pages().items():
        assert b"does not hold what it should" not in content, name
        for link in links(content.decode()):
            path, _, part = link.partition("#")
            target = Path(name).parent / unquote(path) if path else Path(name)
            assert target.exists(), f"{name} leads to {link}"
            is_filter = "=" in part
            if part and target.suffix == ".html" and not is_filter:
                assert f'id="{part}"' in target.read_text(), f"{name} leads to {link}"
            link_count += 1
    assert link_count > 150


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.targets += [value for name, value in attrs if name in ("href", "src") and not value.startswith("data:")]


def links(text: str) -> list[str]:
    parser = Links()
    parser.feed(text)
    return parser.targets


def test_what_did_not_change_is_not_written_again(workdir):
    build()
    before = {path: os.stat(path).st_mtime_ns for path in pages()}
    build()
    assert {path: os.stat(path).st_mtime_ns for path in pages()} == before

    live = json.loads(Path(f"runs/green/{MONTH}/live.json").read_text())
    files.write_json(f"runs/green/{MONTH}/live.json", live | {"rmse": 1.25})
    build()
    written = {path for path in before if os.stat(path).st_mtime_ns != before[path]}
    # Its own page, and the first one.
    assert written == {"report/index.html", f"report/runs/green/{MONTH}.html"}
    assert b"1.250 min" in Path(f"report/runs/green/{MONTH}.html").read_bytes()


def test_one_more_month_writes_its_pages_and_those_beside_it(workdir, built, tmp_path):
    build()
    before = {
        path: (os.stat(path).st_mtime_ns, hashlib.sha256(content).hexdigest()) for path, content in pages().items()
    }
    folder = tmp_path / "more"
    long_history.make(folder, built.folder, MONTH, ["green"], "2024-02", "2024-02")
    for part in ("data", "runs"):
        shutil.copytree(folder / part / "green/2024-02", Path(part) / "green/2024-02")
    build(demo={"first": "2023-09", "last": "2024-02"})
    written = {
        Path(path).relative_to("report")
        for path in pages()
        if path not in before or os.stat(path).st_mtime_ns != before[path][0]
    }
    # The run month 2024-02 had a page that waited, so the one before it led there already.
    assert {str(path) for path in written} == {
        "index.html",
        "data/green/2024-01.html",
        "data/green/2024-02.html",
        "runs/green/2024-02.html",
        "runs/green/2024-03.html",
    }
    for path, (_, sha256) in before.items():
        assert Path(path).relative_to("report") in written or files.sha256(path) == sha256


def test_a_month_that_is_gone_has_no_page(workdir):
    build()
    shutil.rmtree("runs/green/2023-11")
    shutil.rmtree("data/green/2023-09")
    build(begin={"green": "2023-12"}, demo={"first": "2023-10", "last": MONTH})
    assert not Path("report/runs/green/2023-11.html").exists()
    assert not Path("report/data/green/2023-09.html").exists()


@pytest.fixture
def fresh_config(tmp_path) -> tuple[Clone, dict]:
    return Clone(tmp_path / "clone"), {"source": "demo"}


def test_a_dataset_name_with_markup_is_refused(fresh_config):
    clone, config = fresh_config
    described = {"file": "{month}.csv", "time": "time", "target": "price", "features": {"store": "category"}}
    config["catalog"] = {"<b>": described}
    clone.path("odd.yaml").write_text(yaml.safe_dump(config))
    ended = clone.monthwise("report", "--configfile", "odd.yaml")
    assert ended.returncode == 78
    assert len(ended.stderr.splitlines()) == 1


def test_of_nothing_there_is_a_page_that_says_how_to_begin(fresh_config):
    clone, _ = fresh_config
    ended = clone.monthwise("report", "--config", "source=demo")
    assert (ended.returncode, ended.stdout) == (0, "report/index.html\n"), ended.stderr
    assert "waiting" in clone.path("report/index.html").read_text()
    clone.path("elsewhere").mkdir()
    https = clone.monthwise("report", "--directory", "elsewhere")
    assert https.returncode == 0
    assert "./monthwise run" in clone.path("elsewhere/report/index.html").read_text()


def test_no_path_user_or_secret_leaves(built, tmp_path):
    clone = Clone(tmp_path / "clone", like=built)
    folder, home = str(clone.folder), str(Path.home())
    for month in (MONTH, BEFORE):
        clone.path(f"runs/green/{month}/drift.json").unlink(missing_ok=True)
        clone.path(f"logs/drift/green/{month}.log").write_text(
            f'Traceback\n  File "{folder}/scripts/drift.py", line 3\nexit 1: no {home}/x/y.parquet, '
            "see https://user:secret1@host.example/a?X-Amz-Signature=secret2"
        )
    ended = clone.monthwise("report")
    assert ended.returncode == 0, ended.stderr
    everything = b"".join(path.read_bytes() for path in clone.path("report").rglob("*") if path.is_file()).decode()
    assert "https://host.example/a" in everything
    for hidden in (folder, str(REPOSITORY), home + "/", "secret1", "secret2", str(tmp_path)):
        assert hidden not in everything


def test_status_json_holds_to_its_schema_and_is_what_status_prints(built, tmp_path):
    clone = Clone(tmp_path / "clone", like=built)
    clone.monthwise("report")
    status = json.loads(clone.path("report/status.json").read_text())
    schema = json.loads((REPOSITORY / "docs/status.schema.json").read_text())
    jsonschema.validate(status, schema)
    for name in ("built", "format"):  # of the file alone
        status.pop(name)
    assert json.loads(clone.monthwise("status", "--json").stdout) == status
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(status | {"schema_version": 1}, schema)


def test_a_report_that_cannot_be_written_costs_no_run(clone):
    clone.path("report").write_text("a file where the folder should be")
    ended = clone.monthwise("run")
    assert ended.returncode == 0, ended.stderr
    assert "the report was not written (" in ended.stdout


def test_a_run_leaves_its_report(clone):
    ended = clone.monthwise("run")
    assert ended.returncode == 0, ended.stderr
    page = clone.path("report/index.html").read_text()
    assert "up to date" in page
