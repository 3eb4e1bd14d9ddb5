"""Wrong config ends before a job starts: one line, exit code 78, the closest known key."""

import json
import math
import subprocess
import sys

import pytest
from fixtures.workflow import REPOSITORY, called_bare
from monthwise.base import months
from monthwise.base.exits import WrongConfig
from monthwise.config.sections.datasets import Dataset
from monthwise.config.sections.train import Train
from monthwise.config.settings import Settings
from monthwise.workflow.calendar import Calendars

WRONG = {
    "unknown key trian in --config, did you mean 'train'?": {"trian": 1},
    "unknown key train.max_row in --config, did you mean 'max_rows'?": {"train": {"max_row": 5}},
    "unknown key quality.warn.missing_share in --config, did you mean 'missing_share_above'?": {
        "quality": {"warn": {"missing_share": 0.5}}
    },
    "unknown key quality.distance_mi in --config; known are reject, ": {"quality": {"distance_mi": {"max": 5}}},
    "train.max_rows in --config: 'many' is not a whole number of at least 1": {"train": {"max_rows": "many"}},
    "window.length in --config: 0 is not a whole number of at least 1": {"window": {"length": "0"}},
    "first in --config: '2021-13' is not a month (YYYY-MM) or `begin`": {"first": "2021-13"},
    "begin.green in --config: '2021-1' is not a month (YYYY-MM)": {"begin": {"green": "2021-1"}},
    "green: first (2024-05, from `2024-05`) is after last (2024-02": {"first": "2024-05", "last": "2024-02"},
    "unknown dataset 'gren', did you mean 'green'?": {"datasets": ["gren"]},
    "skip: unknown dataset 'yelow', did you mean 'yellow'?": {"skip": {"yelow": ["2024-01"]}},
    "train: unknown recipe 'boosted_tree', did you mean 'boosted'?": {"train": {"recipe": "boosted_tree"}},
    "recipe boosted has no parameter 'max_itr', did you mean 'max_iter'?": {"train": {"parameters": {"max_itr": 5}}},
    "parameter max_iter of recipe boosted is 'ten', but wants int": {"train": {"parameters": {"max_iter": "ten"}}},
    "source in --config: 'ftp' is not https, demo or file:FOLDER": {"source": "ftp"},
    "the folder /nowhere of `source` cannot be read": {"source": "file:/nowhere"},
    "begin.yellow is missing": {"datasets": ["yellow"], "source": "https"},
    "changes[0] (from 2023-05) is before begin of green (2024-01)": {
        "changes": [{"from": "2023-05", "reason": "r", "window": {"length": 2}}]
    },
    "changes[1] (from 2024-05) is out of order": {
        "changes": [{"from": month, "reason": "r", "window": {"length": 2}} for month in ("2024-08", "2024-05")]
    },
    "changes[0] (from 2024-05) changes nothing": {"changes": [{"from": "2024-05", "reason": "r"}]},
    "unknown key changes.0.windw in --config, did you mean 'window'?": {
        "changes": [{"from": "2024-05", "reason": "r", "windw": {}}]
    },
    "train.features: green has no feature 'distance', did you mean 'distance_mi'?": {
        "train": {"features": ["minute_of_day", "distance"]}
    },
    "tracking.uri in --config: it holds a password": {
        "tracking": {"uri": "postgresql://host/db?user=me&password=secret"}
    },
    "tracking.uri in --config: it holds a user or password": {"tracking": {"uri": "postgresql://me:secret@host/db"}},
    "tracking.artifacts in --config: it holds a user or password": {"tracking": {"artifacts": "s3://me:secret@bucket"}},
    "tracking.url in --config: ['http://host'] is not a text, or null": {
        "tracking": {"url": ["http://me:secret@host"]}
    },
    "promotion.policy in --config: 'chalenge' is not challenge, always or never, did you mean 'challenge'?": {
        "promotion": {"policy": "chalenge"}
    },
    "train.seed in --config: null is not a whole number": {"train": {"seed": None}},
    "train.seed in --config: true is not a whole number": {"train": {"seed": True}},
    "promotion.floor in --config: nan is not a number": {"promotion": {"floor": math.nan}},
    "quality in --config: ['reject'] is not a mapping with the keys": {"quality": ["reject"]},
    "quality.waive.green in --config: '2024-4' is not a month": {"quality": {"waive": {"green": {"2024-4": "why"}}}},
    "skip.green in --config: '2024-05' is not a list": {"skip": {"green": "2024-05"}},
    "changes[0] (from 2024-05): unknown dataset 'grean', did you mean 'green'?": {
        "changes": [{"from": "2024-05", "reason": "r", "datasets": ["grean"], "window": {"length": 2}}]
    },
    "changes.0.reason is missing in --config": {"changes": [{"from": "2024-05"}]},
    "promotion.segments in --config: give both rows and worse": {"promotion": {"segments": {"rows": 500}}},
}


def _months_of_all_datasets(overrides: dict) -> list[list[str]]:
    return [calendar.run_months for calendar in Calendars(Settings(overrides=overrides)).of_call()]


@pytest.mark.parametrize("line", WRONG)
def test_wrong_config_is_named_in_one_line(line):
    with pytest.raises(WrongConfig) as refused:
        _months_of_all_datasets({"source": "demo"} | WRONG[line])
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("program", [[sys.executable, "-m", "snakemake", "--dry-run"], ["./monthwise", "locate"]])
def test_snakemake_and_commands_end_with_78_and_without_a_traceback(program, tmp_path):
    command = [*program, "--directory", str(tmp_path), "--config", "source=demo", "frist=2021-03"]
    ended = subprocess.run(command, cwd=REPOSITORY, env=called_bare(), capture_output=True, text=True)
    assert ended.returncode == 78
    assert "monthwise: unknown key frist in --config, did you mean 'first'?" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_config_file_that_is_no_yaml_is_named_with_its_line(tmp_path):
    (tmp_path / "mine.yaml").write_text("source: demo\nskip: {green: [\n")
    with pytest.raises(WrongConfig, match=r"mine\.yaml, line \d is no YAML"):
        Settings([tmp_path / "mine.yaml"])


def test_an_unknown_key_names_the_file_that_has_it(tmp_path):
    (tmp_path / "mine.yaml").write_text("skips: {}\n")
    with pytest.raises(WrongConfig, match=r"unknown key skips in .*mine\.yaml, did you mean 'skip'"):
        Settings([tmp_path / "mine.yaml"])


def test_naming_a_recipe_drops_the_parameters_of_another(tmp_path):
    (tmp_path / "mine.yaml").write_text("train: {recipe: boosted, parameters: {max_iter: 7}}\n")
    settings = Settings([tmp_path / "mine.yaml"], {"source": "demo", "train": {"recipe": "linear"}})
    assert settings.at("green", "2024-01").train.parameters == {}


def test_texts_become_the_numbers_that_are_wanted():
    train = {"recipe": "linear", "parameters": {"tol": "1e-8"}, "max_rows": "10"}
    settings = Settings(overrides={"source": "demo", "train": train}).at("green", "2024-01").train
    assert (settings.parameters, settings.max_rows) == ({"tol": 1e-8}, 10)


def test_texts_become_true_false_or_null_where_that_is_wanted():
    quality = {"time_in_month": "false", "reject": "null", "warn": {"days_share_below": "null"}}
    config = Settings(overrides={"source": "demo", "quality": quality, "history": {"closed_before": "null"}}).config
    assert (config.quality.time_in_month, config.quality.reject, config.history.closed_before) == (False, None, None)
    assert config.quality.rules({})["warn"].keys() >= {"kept_share_below"}
    assert "days_share_below" not in config.quality.rules({})["warn"]


def test_numbers_stay_as_they_are_written():
    rules = {"floor": 1, "margin": 0.5, "segments": {"rows": 500, "worse": 1}}
    settings = Settings(overrides={"source": "demo", "promotion": rules}).config.promotion.rules()
    assert json.dumps({key: settings[key] for key in rules}) == json.dumps(rules)


def test_bounds_of_a_section_that_was_off_are_those_of_the_layer_that_switches_it_on(tmp_path):
    (tmp_path / "off.yaml").write_text("quality: {reject: null}\n")
    settings = Settings([tmp_path / "off.yaml"], {"quality": {"reject": {"rows_below": 5}}})
    assert settings.config.quality.rules({})["reject"] == {"rows_below": 5}


def changing(*changes: dict, **others) -> Settings:
    return Settings(overrides={"source": "demo", "changes": list(changes)} | others)


def test_changes_merge_key_by_key_and_later_ones_win():
    settings = changing(
        {"from": "2024-03", "reason": "r", "train": {"parameters": {"max_iter": 5}}, "window": {"length": 2}},
        {"from": "2024-05", "reason": "r", "train": {"parameters": {"max_leaf_nodes": 9}}},
        {"from": "2024-07", "reason": "r", "datasets": ["yellow"], "train": {"recipe": "linear"}},
        train={"parameters": {"learning_rate": 0.2}},
    )
    by_month = {month: settings.at("green", month) for month in months.span("2024-01", "2024-08")}
    rate = {"learning_rate": 0.2}
    assert by_month["2024-02"].train.parameters == rate
    assert by_month["2024-04"].train.parameters == rate | {"max_iter": 5}
    assert by_month["2024-08"].train.parameters == rate | {"max_iter": 5, "max_leaf_nodes": 9}
    assert by_month["2024-08"].train.recipe == "boosted"
    assert settings.at("yellow", "2024-08").train == Train(recipe="linear", parameters={})
    assert [settings.at("green", month).window.length for month in ("2024-02", "2024-03")] == [1, 2]


def test_the_sources_of_a_dataset_are_its_module_and_the_files_it_reads():
    green = Settings(overrides={"source": "demo"}).describe("green")
    assert green.module_paths() == [
        "scripts/monthwise/prepare/taxi/__init__.py",
        "scripts/monthwise/prepare/taxi/zones.py",
    ]
    assert green.sources() == [*green.module_paths(), "config/zones/new-york.csv"]
    sales = {"file": "sales_{month}.csv", "time": "date", "target": "sales", "features": {"store": "category"}}
    assert Dataset.model_validate(sales | {"prepare": "config/sales.py"}).sources() == ["config/sales.py"]
    assert Dataset.model_validate(sales).sources() == []
