"""Parameters that a recipe refuses are refused before a job starts."""

import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.workflow import Clone
from monthwise.base import exits, files
from monthwise.config.settings import Settings
from monthwise.runner import estimators

MONTHS = [("green", "2024-01"), ("green", "2024-02")]


LATE = {
    "file": "late_{month}.parquet",
    "time": "time",
    "target": {"columns": ["minutes"], "above": 15},
    "task": "binary",
    "features": {"store": "category", "price": "number"},
}


def settings(recipe: str, **parameters) -> Settings:
    train = {"recipe": recipe, "parameters": parameters}
    return Settings((), {"source": "demo", "catalog": {"late": LATE}, "train": train})


@pytest.mark.parametrize(
    ("recipe", "parameters", "message"),
    [
        ("boosted", {"max_iter": -5}, "'max_iter' parameter of HistGradientBoostingRegressor must be an int"),
        ("boosted", {"learning_rate": -1}, "'learning_rate' parameter"),
        ("boosted", {"seed": -1}, "must be"),
        ("linear", {"solver": "lasso", "alpha": -1}, "'alpha' parameter of Lasso"),
        ("linear", {"solver": "best"}, "solver is"),
    ],
)
def test_what_a_recipe_refuses_is_wrong_config(tmp_path, monkeypatch, recipe, parameters, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(exits.WrongConfig) as ended:
        estimators.insist_on_parameters(settings(recipe, **parameters), MONTHS)
    line = str(ended.value)
    assert message in line
    assert line.startswith(f"settings of green 2024-01: recipe {recipe} refuses its parameters")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("recipe", "parameters", "message"),
    [
        ("boosted", {"max_iter": -5}, "'max_iter' parameter of HistGradientBoostingClassifier must be an int"),
        ("linear", {"C": -1}, "'C' parameter of LogisticRegression"),
    ],
)
def test_parameters_are_checked_for_the_task_of_the_dataset(tmp_path, monkeypatch, recipe, parameters, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(exits.WrongConfig, match="settings of late 2024-01") as ended:
        estimators.insist_on_parameters(settings(recipe, **parameters), [("late", "2024-01")])
    assert message in str(ended.value)


def test_parameters_that_trained_a_model_cost_no_import(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = settings("boosted").at("green", "2024-01").train
    Path("runs/green/2023-12").mkdir(parents=True)
    training = known.model_dump(include={"recipe", "parameters"}) | {"task": "regression"}
    files.write_json("runs/green/2023-12/training.json", training)
    checked = []
    monkeypatch.setattr(estimators, "_refusal", lambda *fit: checked.append(fit))
    estimators.insist_on_parameters(settings("boosted"), MONTHS)
    estimators.insist_on_parameters(settings("linear", solver="best"), [])
    assert checked == []
    estimators.insist_on_parameters(settings("boosted"), [("late", "2024-01")])  # another task
    assert checked == [("boosted", {}, "binary")]


def test_snakemake_plan_and_run_refuse_it_and_the_model_stays(tmp_path):
    clone = Clone(tmp_path / "clone")
    wrong_config = ("--config", "source=demo", "demo={rows: 2000}", "train={parameters: {max_iter: -5}}")
    clone.build(*wrong_config[:3], "--", *(f"data/green/2023-{month}/features.parquet" for month in ("11", "12")))
    model = clone.path("runs/green/2024-01/model.skops")
    model.parent.mkdir(parents=True)
    model.write_bytes(b"a model")
    outputs = [
        clone.snakemake(*wrong_config, "--", "runs/green/2024-01/training.json"),
        clone.monthwise("plan", "2024-01", *wrong_config),
        clone.monthwise("run", "2024-01", *wrong_config),
    ]
    for ended in outputs:
        assert ended.returncode == 78, ended.stdout + ended.stderr
        lines = [line for line in ended.stderr.splitlines() if "refuses its parameters" in line]
        assert len(lines) == 1, ended.stderr
        assert model.read_bytes() == b"a model"


def test_scikit_learn_is_not_imported_to_check_config():
    program = "import sys; from monthwise.runner import estimators; print('sklearn' in sys.modules)"
    scripts = Path(estimators.__file__).parents[2]
    answer = subprocess.run([sys.executable, "-c", program], cwd=scripts, capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
