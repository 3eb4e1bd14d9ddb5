"""The commands of ./monthwise: their output and exit codes."""

import json
import shlex
import shutil

import pytest
from fixtures.shared_months import publish
from fixtures.workflow import REPOSITORY, Clone
from monthwise.base.exits import WrongConfig
from monthwise.report import month_pages
from monthwise.runner import reasons


@pytest.fixture
def fresh(tmp_path) -> Clone:
    return Clone(tmp_path / "clone")


def test_locate_writes_what_is_new_or_changed_and_nothing_else(fresh):
    for month in ("2021-01", "2021-02", "2021-03"):
        publish(fresh.path("published"), "green", month, rows=100)
    shutil.copy(fresh.path("published/green_tripdata_2021-01.parquet"), fresh.path("published/notes.txt"))
    command = ("locate", "--config", "source=file:published", "first=2021-03")
    first = fresh.monthwise(*command)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == [*(f"green 2021-0{month}: new" for month in (1, 2, 3)), "3 new"]
    sources = {path: path.stat().st_mtime_ns for path in fresh.path("data").rglob("source.json")}
    assert fresh.monthwise(*command).stdout == "3 unchanged\n"
    publish(fresh.path("published"), "green", "2021-02", rows=100, seed=2)
    assert fresh.monthwise(*command).stdout.splitlines() == ["green 2021-02: changed", "2 unchanged; 1 changed"]
    rewritten = [path.parent.name for path, before in sources.items() if path.stat().st_mtime_ns != before]
    assert rewritten == ["2021-02"]


def test_a_named_month_that_is_not_published_is_66(fresh):
    publish(fresh.path("published"), "green", "2021-01", rows=100)
    ended = fresh.monthwise("locate", "2021-01..2021-02", "--config", "source=file:published")
    assert ended.returncode == 66
    assert "green 2021-02 is not published" in ended.stdout
    assert fresh.path("data/green/2021-01/source.json").exists()
    assert not fresh.path("data/green/2021-02/source.json").exists()


def test_a_publisher_that_cannot_be_reached_is_69(fresh):
    fresh.edit("config/datasets.yaml", "https://d37ci6vzurychx.cloudfront.net/trip-data", "http://127.0.0.1:9")
    patience = {"MONTHWISE_PATIENCE": '{"tries": 2, "back_off_s": 0.01}'}
    ended = fresh.monthwise("locate", "2021-01", env=patience)
    assert ended.returncode == 69
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lokate"], "invalid choice: 'lokate'"),
        (["locate", "2021-13"], "'2021-13' is no month"),
        (["locate", "2021-03..2021-01"], "ends before it begins"),
        (["status", "--config", "first"], "write KEY=VALUE"),
        (["report", "2024-01"], "leave RANGE and --dataset out"),
        (["check", "2024-01"], "leave RANGE and --dataset out"),
        (["check", "--dataset", "green"], "leave RANGE and --dataset out"),
        (["status", "--json", "--errors"], "give one of --json, --errors"),
        (["status", "--json", "2024-01"], "leave RANGE out"),
        (["status", "--against", "typo"], "typo: there is no such folder"),
        (["run", "--directory", "Snakefile"], "--directory Snakefile: "),
        (["status", "--directory", "Snakefile/below"], "--directory Snakefile/below: "),
    ],
)
def test_wrong_usage_is_64_and_one_line(fresh, arguments, message):
    ended = fresh.monthwise(*arguments)
    assert ended.returncode == 64
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_status_of_nothing_says_how_to_begin(fresh):
    ended = fresh.monthwise("status")
    assert (ended.returncode, ended.stdout.count("\n")) == (0, 1)
    assert "./monthwise run" in ended.stdout


READING = {"accept": [], "plan": [], "prune": ["--keep", "1"], "report": [], "track": [], "verify": []}
READING |= {"status": [], "score": ["--input", "rows.parquet", "--output", "minutes.parquet"]}


def test_a_folder_that_is_not_there_is_one_line_and_is_not_created(fresh):
    before = set(fresh.folder.iterdir())
    for command, arguments in READING.items():
        ended = fresh.monthwise(command, *arguments, "--directory", "typo")
        assert ended.returncode == 64, (command, ended.stderr)
        assert ended.stderr.startswith("monthwise: --directory typo: there is no such folder; check the spelling")
        assert len((ended.stdout + ended.stderr).splitlines()) == 1
    assert set(fresh.folder.iterdir()) == before


def test_settings_that_are_given_twice_add_up(fresh):
    fresh.path("a.yaml").write_text("bogus: 1\n")
    fresh.path("b.yaml").write_text("source: demo\n")
    for option, values in {"--config": ("bogus=1", "source=demo"), "--configfile": ("a.yaml", "b.yaml")}.items():
        twice = [word for value in values for word in (option, value)]
        ended = fresh.monthwise("status", *twice)
        assert (ended.returncode, len(ended.stderr.splitlines())) == (78, 1), ended.stderr
        assert "unknown key bogus" in ended.stderr
        snakemake = fresh.snakemake("--dry-run", *twice)
        assert snakemake.returncode == 64, snakemake.stderr
        assert f"monthwise: {option} is given 2 times, and Snakemake takes the last one alone" in snakemake.stderr


def test_suggested_commands_repeat_the_call(fresh):
    name = "it's a $HOME"
    fresh.path(name).mkdir()
    options = ["--directory", name, "--config", "source=demo", "demo={rows: 2000}", "--config", "window={length: 1}"]
    ended = fresh.monthwise("status", *options)
    suggested = shlex.split(ended.stdout.split("`")[1])
    config = ["--config", "source=demo", "demo={rows: 2000}", "window={length: 1}"]
    assert suggested == ["./monthwise", "run", "--directory", name, *config]


def test_a_run_whose_config_is_wrong_is_noted_and_told_once(fresh, mails):
    received, url = mails
    for _ in range(2):
        ended = fresh.monthwise("run", "--config", "source=demo", "bogus=1", env={"MONTHWISE_ALERT_URLS": url})
        assert (ended.returncode, len(ended.stderr.splitlines())) == (78, 1), ended.stderr
    line = ended.stderr.removeprefix("monthwise: ").strip()
    calls = [json.loads(text) for text in fresh.path("history/runs.jsonl").read_text().splitlines()]
    assert [(call["code"], call["line"]) for call in calls] == [(78, line)] * 2
    assert ["unknown key bogus" in text for text in received.texts] == [True]
    status = fresh.monthwise("status", "--config", "source=demo").stdout
    assert "ended with 78" in status
    assert "unknown key bogus" in status


@pytest.mark.parametrize("text", ["{", "[]", '{"features": []}', '{"features": [{"properties": {"id": 1}}]}'])
def test_outlines_that_cannot_be_read_are_named(tmp_path, text):
    path = tmp_path / "outlines.geojson"
    path.write_text(text)
    with pytest.raises(WrongConfig, match=r"outlines.geojson cannot be read as outlines of places") as end:
        month_pages._read_outlines(str(path))
    assert "\n" not in str(end.value)


def test_names_of_places_that_cannot_be_read_are_named(tmp_path):
    names = tmp_path / "names.csv"
    names.write_text("number,name\n1,Airport\n")
    with pytest.raises(WrongConfig, match=r"names.csv cannot be read as names of places \(KeyError: 'id'\)"):
        month_pages._read_outlines(str(REPOSITORY / "config/zones/new-york.geojson"), str(names))


def test_a_reason_that_says_which_setting_changed_is_said_once():
    changes = (("clean", ""), ("clean", "quality.days 9 -> 8"), ("train", ""))
    roots = [reasons.Root(reasons.SETTINGS, stage, how) for stage, how in changes]
    assert reasons.in_words(roots) == "settings changed: clean quality.days 9 -> 8; settings changed: train"
