"""Wrong config ends before a job starts: one line, exit code 78, the closest known key."""

import subprocess
import sys

import pytest
from fixtures.workflow import REPOSITORY, called_bare
from monthwise.base import months
from monthwise.base.exits import WrongConfig
from monthwise.config import layers
from monthwise.config.settings import Settings
from monthwise.workflow.calendar import Calendars


def _bikes(columns: dict | None = None, duration: dict | None = None) -> dict:
    columns = {"pickup_time": ["began"], "dropoff_time": ["ended"]} | (columns or {})
    entry = {
        "file": "{month}.parquet",
        "layout": "fhv",
        "duration": duration or {"min": 1, "max": 60},
        "columns": columns,
    }
    return {"services": ["bikes"], "catalog": {"bikes": entry}}


WRONG = {
    "unknown key trian in --config, did you mean 'train'?": {"trian": 1},
    "unknown key train.max_row in --config, did you mean 'max_rows'?": {"train": {"max_row": 5}},
    "unknown key quality.distance_mi.maximum": {"quality": {"distance_mi": {"maximum": 5}}},
    "train.max_rows in --config: 'many' is not of type 'integer'": {"train": {"max_rows": "many"}},
    "window.length in --config: 0 is less than the minimum of 1": {"window": {"length": "0"}},
    "first: '2021-13' is no month": {"first": "2021-13"},
    "begin.green in --config: '2021-1' is no month": {"begin": {"green": "2021-1"}},
    "green: first (2024-05, from `2024-05`) is after last (2024-02": {"first": "2024-05", "last": "2024-02"},
    "unknown service 'gren', did you mean 'green'?": {"services": ["gren"]},
    "skip: unknown service 'yelow', did you mean 'yellow'?": {"skip": {"yelow": ["2024-01"]}},
    "train: unknown recipe 'boosted_tree', did you mean 'boosted'?": {"train": {"recipe": "boosted_tree"}},
    "recipe boosted has no parameter 'max_itr', did you mean 'max_iter'?": {"train": {"parameters": {"max_itr": 5}}},
    "parameter max_iter of recipe boosted is 'ten', but wants int": {"train": {"parameters": {"max_iter": "ten"}}},
    "source in --config: 'ftp' is not https, demo or file:FOLDER": {"source": "ftp"},
    "the folder /nowhere of `source` cannot be read": {"source": "file:/nowhere"},
    "begin.yellow is missing": {"services": ["yellow"], "source": "https"},
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
    "catalog.bikes.distance_unit is missing in config/services.yaml": _bikes(columns={"distance": ["km"]}),
    "catalog.bikes.duration: min is greater than max": _bikes(duration={"min": 60, "max": 1}),
    "quality.passengers: min is greater than max": {"quality": {"passengers": {"min": 9, "max": 1}}},
    "quality.distance_mi: above is not less than max": {"quality": {"distance_mi": {"above": 5, "max": "5"}}},
    "tracking.uri holds a password": {"tracking": {"uri": "postgresql://host/db?user=me&password=secret"}},
    "tracking.uri holds a user or password": {"tracking": {"uri": "postgresql://me:secret@host/db"}},
}


def _months_of_all_services(overrides: dict) -> list[list[str]]:
    return [calendar.run_months for calendar in Calendars(Settings(overrides=overrides)).of_call()]


@pytest.mark.parametrize("line", WRONG)
def test_wrong_config_is_named_in_one_line(line):
    with pytest.raises(WrongConfig) as refused:
        _months_of_all_services({"source": "demo"} | WRONG[line])
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
        layers.read([tmp_path / "mine.yaml"])


def test_an_unknown_key_names_the_file_that_has_it(tmp_path):
    (tmp_path / "mine.yaml").write_text("skips: {}\n")
    with pytest.raises(WrongConfig, match=r"unknown key skips in .*mine\.yaml, did you mean 'skip'"):
        layers.read([tmp_path / "mine.yaml"])


def test_naming_a_recipe_drops_the_parameters_of_another(tmp_path):
    (tmp_path / "mine.yaml").write_text("train: {recipe: boosted, parameters: {max_iter: 7}}\n")
    settings = Settings([tmp_path / "mine.yaml"], {"source": "demo", "train": {"recipe": "linear"}})
    assert settings.at("green", "2024-01")["train"]["parameters"] == {}


def test_texts_become_the_numbers_that_are_wanted():
    train = {"recipe": "linear", "parameters": {"tol": "1e-8"}, "max_rows": "10"}
    train_settings = Settings(overrides={"source": "demo", "train": train}).at("green", "2024-01")["train"]
    assert (train_settings["parameters"], train_settings["max_rows"]) == ({"tol": 1e-8}, 10)


def changing(*changes: dict) -> Settings:
    return Settings(overrides={"source": "demo", "changes": list(changes)})


def test_changes_merge_key_by_key_and_later_ones_win():
    settings = changing(
        {"from": "2024-03", "reason": "r", "train": {"parameters": {"max_iter": 5}}, "window": {"length": 2}},
        {"from": "2024-05", "reason": "r", "train": {"parameters": {"max_leaf_nodes": 9}}},
        {"from": "2024-07", "reason": "r", "services": ["yellow"], "train": {"recipe": "linear"}},
    )
    by_month = {month: settings.at("green", month) for month in months.span("2024-01", "2024-08")}
    zones = {"zones": "map"}
    assert by_month["2024-02"]["train"]["parameters"] == zones
    assert by_month["2024-04"]["train"]["parameters"] == zones | {"max_iter": 5}
    assert by_month["2024-08"]["train"]["parameters"] == zones | {"max_iter": 5, "max_leaf_nodes": 9}
    assert by_month["2024-08"]["train"]["recipe"] == "boosted"
    assert settings.at("yellow", "2024-08")["train"] | {"max_rows": 0} == {
        "recipe": "linear",
        "parameters": {},
        "max_rows": 0,
        "seed": 1,
    }
    assert [settings.at("green", month)["window"] for month in ("2024-02", "2024-03")] == [{"length": 1}, {"length": 2}]
