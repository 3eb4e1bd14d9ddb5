"""The chain of champions on a history with known events: each decision, and what a change reaches."""

import json
import re
from pathlib import Path

import pytest
from fixtures import planted_history as planted
from fixtures.equal_builds import assert_equal
from fixtures.marks import nightly
from fixtures.workflow import Clone
from monthwise.base import exits, files, months
from monthwise.config.settings import Settings
from monthwise.workflow import targets

RUN_MONTHS = months.span(planted.FIRST, planted.LAST)
NO_DECISION = {"locate", "ingest", "clean", "featurize", "train", "evaluate", "track", "drift"}


@pytest.fixture(scope="session")
def unplayed(tmp_path_factory) -> Clone:
    """The planted history, published and configured, nothing built; not to be changed."""
    clone = Clone(tmp_path_factory.mktemp("unplayed") / "clone")
    planted.publish(clone.path("published"))
    clone.configure(planted.CONFIG)
    return clone


@pytest.fixture(scope="session")
def played(unplayed: Clone, tmp_path_factory) -> Clone:
    """The same, built in one call; not to be changed."""
    clone = Clone(tmp_path_factory.mktemp("played") / "clone", like=unplayed)
    clone.build()
    return clone


@pytest.fixture
def clone(played: Clone, tmp_path: Path) -> Clone:
    """A copy of the built history, to be changed."""
    return Clone(tmp_path / "clone", like=played)


def champion(clone: Clone, month: str) -> dict:
    return files.read_json(clone.path(targets.run_file("green", month, "champion.json")))


def jobs_of(clone: Clone, *arguments: str) -> dict[str, list[str]]:
    """Return the months of each rule that a dry run lists, but for `register`, which has none."""
    jobs = clone.planned_jobs(*arguments)
    return {rule: sorted(month for name, _, month in jobs if name == rule) for rule, _, _ in jobs}


def test_decisions_are_those_that_were_written_down_before(played):
    champions = {month: champion(played, month) for month in RUN_MONTHS}
    decided = {month: (entry["decision"], entry["champion"]["month"]) for month, entry in champions.items()}
    assert decided == planted.DECISIONS
    assert champions["2023-01"]["since"] == planted.BETTER
    assert "skipped" in champions["2023-01"]["reason"]


def test_asked_again_there_is_nothing_to_do(played):
    assert played.planned() == {}


def test_a_month_whose_validation_month_is_skipped_has_a_champion_and_no_model(played):
    month = months.shift(planted.REJECTED, 1)
    names = {path.name for path in played.path(f"runs/green/{month}").iterdir()}
    assert names == {*targets.PROMOTED, "evidence.json", *targets.SCORED}
    assert not played.path(f"runs/green/{planted.REJECTED}/predictions.parquet").exists()
    ended = played.snakemake("--dry-run", "--", f"runs/green/{planted.REJECTED}/live.json")
    assert ended.returncode == 64
    assert f"monthwise: green {planted.REJECTED} is not scored: the month is skipped" in ended.stderr


def test_live_errors_are_those_of_the_champion_in_its_month(played):
    for month in RUN_MONTHS:
        if month == planted.REJECTED:
            continue
        live = files.read_json(played.path(targets.run_file("green", month, "live.json")))
        decision = champion(played, month)
        assert live["champion"]["month"] == decision["champion"]["month"]
        assert live["validation_error"] == decision["validation_error"]
        assert live["live_excess"] == pytest.approx(live["rmse"] / decision["validation_error"] - 1)
    slower = files.read_json(played.path(targets.run_file("green", planted.SLOWER, "live.json")))
    assert slower["live_excess"] > 0.05
    drift = files.read_json(played.path(targets.run_file("green", planted.SLOWER, "drift.json")))
    assert drift["ranked"][0]["name"] == "target"
    assert drift["ranked"][0]["drifted"]


@nightly
def test_step_by_step_gives_what_one_call_gave(unplayed, played, tmp_path):
    clone = Clone(tmp_path / "clone", like=unplayed)
    clone.path("published").rename(clone.path("later"))
    clone.path("published").mkdir()
    for last in RUN_MONTHS:
        for path in clone.path("later").iterdir():
            # A run month is scored when it is published, and its champion is known a month before.
            if path.stem[-7:] < last or last == planted.LAST:
                path.rename(clone.path("published") / path.name)
        clone.build("--config", f"last={last}")
    assert_equal(played, clone)
    registries = [files.read_json(build.path("registry/green.json")) for build in (played, clone)]
    assert registries[0]["champion"]["month"] == registries[1]["champion"]["month"]
    contents = [
        {month: version["content"] for month, version in registry["versions"].items()} for registry in registries
    ]
    assert contents[0] == contents[1]


@nightly
def test_a_new_margin_decides_again_and_trains_nothing(clone):
    clone.configure({"promotion": {"margin": 0.5}})
    planned = jobs_of(clone)
    assert set(planned) & NO_DECISION == set()
    assert planned["promote"] == RUN_MONTHS
    clone.build()
    assert {champion(clone, month)["champion"]["month"] for month in RUN_MONTHS} == {planted.FIRST}
    assert clone.planned() == {}


def test_a_margin_from_one_month_on_reaches_only_later_decisions(clone):
    change = {"from": "2023-02", "reason": "stricter", "promotion": {"margin": 0.03}}
    clone.configure({"changes": [*planted.CONFIG["changes"], change]})
    planned = jobs_of(clone)
    assert set(planned) & NO_DECISION == set()
    assert planned["promote"] == months.span("2023-02", planted.LAST)


def test_a_pin_is_a_dated_line_and_is_in_the_reason(clone):
    pin = {"from": "2023-03", "reason": "the new trees were slow", "promotion": {"pin": "2022-05"}}
    clone.configure({"changes": [*planted.CONFIG["changes"], pin]})
    ended = clone.snakemake()
    assert ended.returncode == 0, ended.stderr[-3000:]
    decision = champion(clone, "2023-03")
    assert (decision["decision"], decision["champion"]["month"]) == ("pinned", "2022-05")
    assert decision["reason"] == "config pins the model of 2022-05: the new trees were slow"
    assert champion(clone, "2023-02")["champion"]["month"] == planted.BETTER
    assert champion(clone, "2023-04")["since"] == "2023-03"
    # The changes are printed at the end.
    assert "green 2023-03" in ended.stderr
    assert "was 2022-11" in ended.stderr


def test_a_restated_month_reaches_later_decisions_and_no_earlier_one(clone):
    restated = "2022-10"
    other = clone.path("other")
    planted.demo.write_month(other, "green", restated, 2_500, 2)
    other.replace(clone.path(f"published/green_tripdata_{restated}.parquet"))
    assert clone.monthwise("locate", restated).returncode == 0
    planned = jobs_of(clone)
    later = months.span(months.shift(restated, 1), planted.LAST)
    assert planned["promote"] == later
    assert planned["train"] == [months.shift(restated, 2)]
    assert planned["evaluate"] == [months.shift(restated, 1), months.shift(restated, 2)]
    assert planned["score"] == [month for month in [restated, *later] if month != planted.REJECTED]


@nightly
def test_a_range_in_the_middle_changes_no_decision(clone):
    assert clone.planned("--config", "first=2022-08", "last=2022-09") == {}
    for path in clone.path("runs/green/2022-08").iterdir():
        path.unlink()
    before = {month: champion(clone, month) for month in RUN_MONTHS if month != "2022-08"}
    clone.build("--config", "first=2022-08", "last=2022-08")
    assert {month: champion(clone, month) for month in before} == before
    registry = files.read_json(clone.path("registry/green.json"))
    assert registry["champion"]["month"] == planted.BETTER


def test_closed_months_keep_what_they_have(clone):
    clone.edit("scripts/train.py", "Fit the recipe", "Fit a recipe")
    clone.configure({"history": {"closed_before": "2023-01"}})
    planned = jobs_of(clone)
    assert planned["train"] == ["2023-02", "2023-03", "2023-04"]
    assert min(planned["promote"]) == "2023-02"
    clone.edit("scripts/featurize.py", "Turn clean rows", "Turn rows")
    # Of the data months that only closed run months read, none.
    assert min(jobs_of(clone)["featurize"]) == "2022-11"


def test_before_the_first_month_there_are_metrics_and_no_champion(clone):
    clone.configure({"begin": {"green": "2022-05"}})
    ended = clone.snakemake("--dry-run", "--", "runs/green/2022-04/champion.json")
    assert ended.returncode == 64
    assert "monthwise: green 2022-04 has no champion: the first one serves in 2022-05" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert clone.planned("--", "runs/green/2022-04/metrics.json") == {}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"promotion": {"pin": "2022-09"}}, "promotion.pin is 2022-09, which is not before 2022-03"),
        (
            {"changes": [{"from": "2022-09", "reason": "x", "promotion": {"pin": "2022-09"}}]},
            "promotion.pin is 2022-09, which is not before 2022-09",
        ),
        (
            {"changes": [{"from": "2023-03", "reason": "x", "promotion": {"pin": "2023-01"}}]},
            "green trains no model then: 2022-12 is skipped",
        ),
        ({"begin": {"green": "2023-01"}}, "the first month must train"),
        ({"promotion": {"margins": 1}}, "unknown key promotion.margins"),
        ({"promotion": {"segments": {"rows": 5}}}, "give both rows and worse, or neither"),
        ({"history": {"closed_before": "soon"}}, "'soon' is not a month (YYYY-MM), or null"),
    ],
)
def test_what_config_gets_wrong_is_one_line(tmp_path, changed, message):
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(planted.CONFIG | {"source": "demo", "changes": []} | changed))
    with pytest.raises(exits.WrongConfig, match=re.escape(message)) as end:
        Settings([path])
    assert "\n" not in str(end.value)


# No look-ahead


def reads(output: str) -> dict[str, set[str]]:
    """Return the inputs of each output file that a dry run lists."""
    inputs_by_file: dict[str, set[str]] = {}
    for block in output.split("\nrule ")[1:]:
        lines = dict(re.findall(r"^    (input|output): (.*)$", block, re.M))
        for path in lines.get("output", "").split(", "):
            inputs_by_file[path] = set(lines.get("input", "").split(", "))
    return inputs_by_file


def behind(graph: dict[str, set[str]], file: str) -> set[str]:
    """Return all files that a file was made from, directly or not."""
    seen, todo = set(), [file]
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += graph.get(path, ())
    return seen


def looks_ahead(graph: dict[str, set[str]], decision: str) -> set[str]:
    """Return the files about the decision's month or a later one that its decision was made from."""
    run_month = decision.split("/")[2]
    sources = behind(graph, decision)
    return {path for path in sources if path.startswith("data/") and path.split("/")[2] >= run_month}


@pytest.mark.parametrize(("length", "begin"), [(1, "2022-03"), (2, "2022-04"), (3, "2022-06")])
def test_no_decision_reads_what_was_not_known(unplayed, tmp_path, length, begin):
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"window": {"length": length}, "begin": {"green": begin}}))
    ended = unplayed.snakemake("--dry-run", "--forceall", "--configfile", str(path))
    assert ended.returncode == 0, ended.stderr[-2000:]
    graph = reads(ended.stdout + ended.stderr)
    decisions = [path for path in graph if path.endswith("/champion.json")]
    assert len(decisions) == len(months.span(begin, planted.LAST))
    for decision in decisions:
        assert looks_ahead(graph, decision) == set()
    # The search works: the last decision depends on the published file of the month before.
    newest = targets.run_file("green", planted.LAST, "champion.json")
    assert f"data/green/{months.shift(planted.LAST, -1)}/source.json" in behind(graph, newest)


def test_a_planted_look_ahead_is_found(unplayed, tmp_path):
    clone = Clone(tmp_path / "clone", like=unplayed)
    clone.edit("rules/champion.smk", "features=of_run(validation_features)", "features=of_run(ahead)")
    ahead = "def ahead(wildcards):\n    return data_file(wildcards.dataset, wildcards.month, 'features.parquet')\n\n\n"
    clone.edit("rules/champion.smk", "rule compare:", f"{ahead}rule compare:")
    ended = clone.snakemake("--dry-run", "--forceall")
    graph = reads(ended.stdout + ended.stderr)
    assert looks_ahead(graph, "runs/green/2022-05/champion.json") >= {"data/green/2022-05/features.parquet"}


def decision(clone: Clone, seed: int, month: str) -> str:
    return files.read_json(clone.path(f"seed{seed}/runs/green/{month}/champion.json"))["decision"]


SEEDS, LAST_NOISE = (1, 2, 3, 4, 5), "2023-04"


@nightly
def test_on_noise_champions_hardly_ever_change(tmp_path):
    clone = Clone(tmp_path / "clone")
    run_months = months.span("2022-03", LAST_NOISE)
    changes = 0
    for seed in SEEDS:
        demo = {"seed": seed, "rows": 20_000, "first": "2022-01", "last": months.shift(LAST_NOISE, -1)}
        config = {"source": "demo", "begin": {"green": "2022-03"}, "demo": demo}
        (tmp_path / "config.yaml").write_text(json.dumps(config))
        clone.build("--directory", f"seed{seed}", "--configfile", str(tmp_path / "config.yaml"))
        decided = [decision(clone, seed, month) for month in run_months]
        assert decided[0] == "first"
        assert set(decided[1:]) <= {"kept", "promoted"}
        changes += decided.count("promoted")
    assert changes < 0.1 * len(SEEDS) * (len(run_months) - 1)
