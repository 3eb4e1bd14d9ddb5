"""`./monthwise report`: complete or not, whatever its files hold; and what is drawn again."""

import argparse
import hashlib
import html
import html.parser
import json
import os
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import pytest
import yaml
from fixtures import long_history
from fixtures.workflow import REPOSITORY, Clone
from monthwise import report
from monthwise.base import exits, files, lock, redact, results
from monthwise.base.text import first_few
from monthwise.commands import main
from monthwise.config.settings import Settings
from monthwise.report import over_time, watch
from monthwise.runner import call
from monthwise.runner.events import Job
from monthwise.state import calls, summary
from monthwise.workflow import stages
from monthwise.workflow.calendar import Calendars
from prometheus_client.parser import text_string_to_metric_families

MONTH = "2024-01"  # a run month of `built` that is decided, compared and scored
BEFORE = "2023-12"
CONFIG = {"source": "demo", "begin": {"green": "2023-11"}, "demo": {"first": "2023-09", "last": MONTH}}
HOSTILE = "<script>alert(1)</script> \"quoted\" 'twice' & {{ 7 * 7 }} ](x) | `code`\nnext line " + "x" * 10_000


@pytest.fixture(scope="module")
def history(built: Clone, tmp_path_factory) -> Path:
    """Run months 2023-11 to 2024-01 of green, made of a built one; not to be changed."""
    folder = tmp_path_factory.mktemp("history") / "history"
    long_history.make(folder, built.folder, MONTH, ["green"], "2023-11", MONTH)
    return folder


@pytest.fixture
def here(history, tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "here"
    shutil.copytree(history, folder)
    monkeypatch.chdir(folder)
    return folder


def build(**changed) -> dict:
    report.build(Settings((), CONFIG | changed))
    return json.loads(Path("report/status.json").read_text())


def pages() -> dict[str, bytes]:
    found = sorted(Path("report").rglob("*.html"))
    return {str(path): path.read_bytes() for path in found}


def test_every_link_leads_to_a_file_and_every_month_has_its_pages(here):
    told = build()
    assert set(told["services"]["green"]["runs"]) == {"2023-11", "2023-12", "2024-01", "2024-02"}
    seen = 0
    for name, content in pages().items():
        assert b"does not hold what it should" not in content, name
        for link in links(content.decode()):
            path, _, part = link.partition("#")
            target = Path(name).parent / unquote(path) if path else Path(name)
            assert target.exists(), f"{name} leads to {link}"
            is_filter = "=" in part
            if part and target.suffix == ".html" and not is_filter:
                assert f'id="{part}"' in target.read_text(), f"{name} leads to {link}"
            seen += 1
    assert seen > 150


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("href", "src") and not value.startswith("data:")]


def links(text: str) -> list[str]:
    parser = Links()
    parser.feed(text)
    return parser.found


def test_what_did_not_change_is_not_written_again(here):
    build()
    before = {path: os.stat(path).st_mtime_ns for path in pages()}
    build()
    assert {path: os.stat(path).st_mtime_ns for path in pages()} == before

    live = json.loads(Path(f"runs/green/{MONTH}/live.json").read_text())
    files.write_json(f"runs/green/{MONTH}/live.json", live | {"rmse_min": 1.25})
    build()
    written = {path for path in before if os.stat(path).st_mtime_ns != before[path]}
    # Its own page, and the first one.
    assert written == {"report/index.html", f"report/runs/green/{MONTH}.html"}
    assert b"1.250 min" in Path(f"report/runs/green/{MONTH}.html").read_bytes()


def test_one_more_month_writes_its_pages_and_those_beside_it(here, built, tmp_path):
    build()
    before = {
        path: (os.stat(path).st_mtime_ns, hashlib.sha256(content).hexdigest()) for path, content in pages().items()
    }
    more = tmp_path / "more"
    long_history.make(more, built.folder, MONTH, ["green"], "2024-02", "2024-02")
    for part in ("data", "runs"):
        shutil.copytree(more / part / "green/2024-02", Path(part) / "green/2024-02")
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


def test_a_month_that_is_gone_has_no_page(here):
    build()
    shutil.rmtree("runs/green/2023-11")
    shutil.rmtree("data/green/2023-09")
    build(begin={"green": "2023-12"}, demo={"first": "2023-10", "last": MONTH})
    assert not Path("report/runs/green/2023-11.html").exists()
    assert not Path("report/data/green/2023-09.html").exists()


OUTPUTS = [f"data/green/{BEFORE}/{name}" for stage in stages.DATA for name in stages.files_of(stage)]
OUTPUTS += [f"runs/green/{MONTH}/{name}" for stage in stages.RUN for name in stages.files_of(stage)]
OTHERS = [f"logs/train/green/{MONTH}.log", f"benchmarks/train/green/{MONTH}.tsv", "history/runs.jsonl"]


def edit(path: Path) -> None:
    """Change the content as a hand would: a number of a JSON file, a byte of any other, and the time stamp."""
    content = path.read_bytes()
    if path.suffix == ".json":
        found = json.loads(content)
        found["edited"] = True
        files.write_json(path, found)
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
    before, drawn = json.loads(Path("report/status.json").read_text())["services"]["green"], pages()
    damage(Path(path))
    if Path(path).exists():
        later = os.stat(f"runs/green/{MONTH}/evidence.json").st_mtime + 5
        os.utime(path, (later, later))
    after = build()["services"]["green"]
    is_note = damage is edit and path.endswith("evidence.json")  # what it says of the files is unchanged
    assert is_note or (before["data"], before["runs"]) != (after["data"], after["runs"])
    assert is_note or pages() != drawn
    assert all(content.rstrip().endswith(b"-->") for content in pages().values())


@pytest.mark.parametrize("damage", [Path.unlink, truncate, lambda path: path.write_bytes(b"\x00\xff nonsense {\n")])
@pytest.mark.parametrize("path", OTHERS)
def test_logs_benchmarks_and_history_may_be_anything(path, damage, here):
    build()
    drawn = pages()
    damage(Path(path))
    build()
    assert pages().keys() == drawn.keys()
    # A log of what is built is a link and nothing else.
    assert pages() != drawn or (path.startswith("logs/") and Path(path).exists())


@pytest.mark.parametrize("content", ["[]", "7", '{"jobs": 7, "not_published": [1]}', '{"jobs": [[]], "looked": {}}'])
def test_a_plan_may_be_anything(here, content):
    Path("logs/plan.json").write_text(content)
    assert build()["services"]["green"]["champion"]["month"] == MONTH


@pytest.mark.parametrize("content", [{"rmse_min": "much", "by": 3, "zones": []}, {"ranked": [7], "champion": 3}, {}])
@pytest.mark.parametrize("name", ["metrics", "live", "champion", "comparison", "drift", "training", "tracking"])
def test_content_that_makes_no_sense_is_said_in_its_part(here, name, content):
    files.write_json(f"runs/green/{MONTH}/{name}.json", content)
    build()
    page = Path(f"report/runs/green/{MONTH}.html").read_text()
    assert "is not what the evidence says" in page
    assert "Why it was built" in page
    if name in ("metrics", "live", "comparison") and "by" in content:
        assert "does not hold what it should" in page


def test_hostile_text_is_text(here):
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
    shown = Path(f"report/runs/green/{MONTH}.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "{{ 7 * 7 }}" in shown
    text = Path("report/summary.md").read_text()
    assert "\\<script\\>alert" in text
    assert re.search(r"(?<!\\)[<>`\[*]", text) is None


def test_a_service_name_with_markup_is_refused(fresh_config):
    clone, config = fresh_config
    config["catalog"] = {"<b>": {"file": "{month}", "duration": {"min": 1, "max": 2}, "columns": {}}}
    clone.path("odd.yaml").write_text(yaml.safe_dump(config))
    ended = clone.monthwise("report", "--configfile", "odd.yaml")
    assert ended.returncode == 78
    assert len(ended.stderr.splitlines()) == 1


@pytest.fixture
def fresh_config(tmp_path) -> tuple[Clone, dict]:
    return Clone(tmp_path / "clone"), {"source": "demo"}


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no /home/alice/a/b.json here", "no …/b.json here"),
        ("sqlite:////srv/x/mlflow.db", "sqlite:///…/mlflow.db"),
        ("file:/srv/tlc/green.parquet", "file:…/green.parquet"),
        ("postgresql://me:word@host/db", "postgresql://host/db"),
        ("https://a.example/b/c?token=1#x", "https://a.example/b/c"),
        ("logs/train/green/2024-01.log and 3/4", "logs/train/green/2024-01.log and 3/4"),
        ("built 3 of 4, 1.5 MB/s", "built 3 of 4, 1.5 MB/s"),
    ],
)
def test_scrubbed(text, shown):
    assert redact.scrub(text) == shown


def test_status_json_holds_to_its_schema_and_is_what_status_prints(built, tmp_path):
    clone = Clone(tmp_path / "clone", like=built)
    clone.monthwise("report")
    told = json.loads(clone.path("report/status.json").read_text())
    schema = json.loads((REPOSITORY / "docs/status.schema.json").read_text())
    jsonschema.validate(told, schema)
    told.pop("built")
    assert json.loads(clone.monthwise("status", "--json").stdout) == told
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told | {"schema_version": 1}, schema)


def test_metrics_are_read_by_prometheus(here):
    build()
    text = Path("report/status.prom").read_text()
    found = {
        (sample.name.removeprefix("monthwise_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    live, champion, quality = (
        json.loads(Path(path).read_text())
        for path in (
            f"runs/green/{MONTH}/live.json",
            f"runs/green/{MONTH}/champion.json",
            f"data/green/{MONTH}/quality.json",
        )
    )
    assert found["champion_live_rmse_minutes", MONTH, "green"] == live["rmse_min"]
    assert found["champion_validation_rmse_minutes", MONTH, "green"] == champion["promised_rmse_min"]
    assert found["live_excess_ratio", MONTH, "green"] == live["off"]
    assert found["kept_share", MONTH, "green"] == quality["rows_out"] / quality["rows_in"]
    assert ("drift_ratio", "weekday", MONTH, "green") in found
    assert found["needs_person", "green"] == 0
    assert found["stages", "green", "built"] > 30
    assert found["last_run_exit_code",] == 0


def test_metrics_of_a_month_that_is_not_scored_yet_carry_its_own_name(here):
    Path(f"runs/green/{MONTH}/live.json").unlink()
    build()
    lines = Path("report/status.prom").read_text().splitlines()
    months = {line.split("{")[0]: re.findall(r'month="([^"]+)"', line) for line in lines if "rmse_minutes{" in line}
    assert months["monthwise_champion_live_rmse_minutes"] == ["2023-12"]
    both = [line for line in lines if line.startswith("monthwise_champion_validation_rmse_minutes{")]
    assert [re.findall(r'month="([^"]+)"', line)[0] for line in both] == ["2023-12", MONTH]


def test_all_errors_of_a_row_are_measured_on_the_trips_of_its_month(here, monkeypatch, capfd):
    of = build()["services"]["green"]
    metrics, live = (
        json.loads(Path(path).read_text())
        for path in (f"runs/green/{MONTH}/metrics.json", f"runs/green/{BEFORE}/live.json")
    )
    assert metrics["validation_month"] == BEFORE
    found = summary.errors_by_month(of)
    assert found[BEFORE] == {
        "trips": live["rows"],
        "challenger": metrics["rmse_min"],
        "champion": live["rmse_min"],
        "baseline": live["baseline_rmse_min"],
    }
    assert found["2023-10"].keys() == {"trips", "challenger"}  # no champion served then
    shown = [f"{found[BEFORE][name]:.3f}" for name in ("challenger", "champion", "baseline")]
    lines, page = Path("report/summary.md").read_text(), Path("report/index.html").read_text()
    assert f"| {BEFORE} | {' | '.join(shown)} |" in lines
    assert f"{BEFORE}</a>" + "".join(f"<td>{value}" for value in shown) in page
    matrix = "".join(f"<td class=num>{found[BEFORE][name]:.2f}" for name in ("challenger", "champion", "baseline"))
    assert re.search(rf'id="green-{BEFORE}".*{matrix}', page)
    screen = status(monkeypatch, capfd)
    assert re.search(rf"green  {BEFORE} .* {found[BEFORE]['trips']:,} +{' +'.join(shown)} ", screen)
    for text in (screen, lines, page, Path("report/status.prom").read_text(), json.dumps(of)):
        assert "promised" not in text


@pytest.mark.parametrize(
    ("difference", "interval", "caption"),
    [
        (
            -0.0034,
            [-0.0113, 0.0048],
            "0.34% larger than the champion's; with 95 % confidence between 1.13% larger and 0.48% smaller",
        ),
        (
            0.05,
            [0.01, 0.09],
            "5.00% smaller than the champion's; with 95 % confidence between 1.00% smaller and 9.00% smaller",
        ),
    ],
)
def test_the_caption_of_an_interval_says_larger_or_smaller_of_each_number(here, difference, interval, caption):
    path = Path(f"runs/green/{MONTH}/champion.json")
    champion = json.loads(path.read_text())
    champion["compared"] |= {"difference": difference, "interval": interval}
    files.write_json(path, champion)
    build()
    page = html.unescape(Path(f"report/runs/green/{MONTH}.html").read_text())
    assert f"The challenger's error is {caption}" in page


def note_call(code: int, **changed) -> None:
    """Append a call of `run` that ended with `code`."""
    line = {"start": "2024-02-18T05:17:00Z", "end": "2024-02-18T05:17:09Z", "code": code, "line": "no | way"}
    line |= {"jobs": {"done": 0, "failed": 0, "left": 3}, "failed": [], "reason": {f"train green {MONTH}": "edited"}}
    with open(calls.PATH, "a") as file:
        file.write(json.dumps(line | changed) + "\n")


REFUSED = "the run that began 2024-02-18T05:17:00Z ended with {}: no | way"


@pytest.mark.parametrize("code", [64, 78, 69, 75, 73, 65, 1, 130])
def test_a_call_that_did_not_do_its_work_needs_a_person_and_built_nothing(here, code, monkeypatch, capfd):
    build()
    assert "Nothing needs attention" in Path("report/index.html").read_text()
    note_call(code)
    told = build()
    text = REFUSED.format(code)
    assert told["needs"] == [{"kind": "call", "text": text}]
    page, lines = Path("report/index.html").read_text(), Path("report/summary.md").read_text()
    assert f"<li>{text}</li>" in page
    assert page.count("no | way") == 1
    assert "- " + text.replace("|", "\\|") in lines
    assert "Nothing needs attention" not in page + lines
    assert 'monthwise_needs_person{service=""} 1.0' in Path("report/status.prom").read_text()
    assert "edited" not in Path(f"report/runs/green/{MONTH}.html").read_text()
    assert f"needs attention: {text}\n" in status(monkeypatch, capfd)
    note_call(0)
    assert build()["needs"] == []


def status(monkeypatch, capfd) -> str:
    """Return what `./monthwise status` prints."""
    for stream in ("stdout", "stderr"):  # a command replaces them
        monkeypatch.setattr(sys, stream, getattr(sys, stream))
    overrides = [f"{key}={json.dumps(value)}" for key, value in CONFIG.items()]
    monkeypatch.setattr("sys.argv", ["monthwise", "status", "--config", *overrides])
    results.write_format()
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    return capfd.readouterr().out


def test_a_call_whose_failed_job_is_listed_is_not_listed_again(here):
    Path(f"runs/green/{MONTH}/drift.json").unlink()
    Path(f"logs/drift/green/{MONTH}.log").write_text("exit 1: planted")
    fault = {"service": "green", "month": MONTH, "rule": "drift", "code": 1}
    note_call(1, failed=[fault])
    told = build()
    assert [need["stage"] for need in told["services"]["green"]["needs"]] == ["drift"]
    assert told["needs"] == []
    registering = {"service": "green", "month": None, "rule": "register", "code": 1}  # no stage of a month
    note_call(1, failed=[fault, registering])
    assert len(build()["needs"]) == 1
    note_call(69, failed=[fault])  # and the publisher is not reachable
    assert len(build()["needs"]) == 1


def test_a_run_that_was_killed_needs_a_person_until_the_next_one(here):
    holder = {"command": "run", "process_group": 1, "since": "2024-02-18T05:17:00Z", "token": "none"}
    Path(lock.PATH).write_text(json.dumps(holder))
    assert "2024-02-18T05:17:00Z was killed" in build()["needs"][0]["text"]
    with lock.hold("run"):
        assert build()["needs"] == []
    assert build()["needs"] == []
    Path(lock.PATH).write_text(json.dumps(holder | {"command": "snakemake"}))  # so does it end, killed or not
    assert build()["needs"] == []


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (exits.WrongUsage("no"), 64, "no"),
        (
            PermissionError(13, "denied", "x"),
            73,
            "permission denied: x; change its permissions, then rerun the command",
        ),
        (KeyboardInterrupt(), 130, "interrupted; rerun the command to continue"),
        (ValueError("planted"), 1, "ValueError: planted"),
    ],
)
def test_whatever_ends_a_call_is_noted_and_raised(here, monkeypatch, error, code, line):
    a_call = call.Call(argparse.Namespace(service=None, range=None), Settings((), CONFIG))
    monkeypatch.setattr(a_call, "_check_and_build", lambda: (_ for _ in ()).throw(error))
    with pytest.raises(type(error)):
        a_call.run()
    noted = calls.read()[-1]
    assert (noted["code"], noted["line"]) == (code, line)
    assert line in json.loads(Path("report/status.json").read_text())["needs"][0]["text"]


def test_a_run_month_counts_as_built_only_if_all_its_stages_finished(here):
    a_call = call.Call(argparse.Namespace(service=None, range=None), Settings((), CONFIG))
    a_call.plan.calendars = Calendars(a_call.settings)
    jobs = [("train", "2023-11"), ("train", MONTH), ("drift", MONTH), ("clean", "2024-01")]
    a_call.done = [Job(rule, "1", "green", month, [], [], "", "") for rule, month in jobs]
    a_call._summarize()
    assert a_call.outcome["months"] == ["green 2023-11", f"green {MONTH}"]
    Path(f"runs/green/{MONTH}/drift.json").unlink()
    _, line = a_call._summarize()
    assert a_call.outcome["months"] == ["green 2023-11"]
    assert line.startswith(f"built 1 run months (green 2023-11) and parts of 1 run months (green {MONTH}), 4 jobs")


def test_lists_that_are_cut_say_so(here, monkeypatch, capfd):
    of = build()["services"]["green"]
    monkeypatch.setattr("monthwise.report.watch.NEWEST", 2)
    monkeypatch.setattr("monthwise.commands.status.SHOWN", 2)
    assert "The newest 2 of 5 months." in watch.as_markdown({"services": {"green": of}, "needs": [], "last_run": None})
    assert "green: the newest 2 of 6 months" in status(monkeypatch, capfd)
    for known in of["rows"].values():
        known["drops"] = {f"reason {number}": 10 for number in range(9)}
    for known in of["numbers"].values():
        known["drift"] = {f"feature {number}": number for number in range(20)}
    drops = over_time.drops("green", of, list(of["rows"]))
    assert drops["head"] == ["month", *(f"reason {number}" for number in range(5)), "other"]
    assert float(drops["rows"][0][-1]) == pytest.approx(4 * float(drops["rows"][0][1]), abs=0.02)
    assert "The furthest 12 of 20 features." in over_time.drift("green", of, list(of["runs"]))["caption"]
    assert first_few(["a", "b", "c"], 2) == "a; b; and 1 more"
    assert first_few(["a", "b"], 2) == "a; b"


def test_the_line_says_who_serves_how_well_and_what_is_late(here):
    Path("logs/plan.json").write_text(json.dumps({"not_published": {"green": ["2024-02"]}, "jobs": []}))
    of = build()["services"]["green"]
    told = of["numbers"][MONTH]
    excess = told["live_excess"]
    excess = f"{abs(excess):.1%} {'more' if excess > 0 else 'less'} than its validation error"
    error = f"{told['champion_live_rmse_min']:.2f} min on {told['live_trips']:,} trips"
    assert of["line"].split("; ") == [
        f"green: {MONTH} is served by the model of 2023-11,"
        f" validation error {told['champion_validation_rmse_min']:.2f} min on {BEFORE}",
        f"live error of the model of 2023-11 in {MONTH}: {error}, {excess}",
        "2024-02 is not published yet",
    ]
    assert summary.changes(of) == ["2023-11"]


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
