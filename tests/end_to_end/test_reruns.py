"""Which jobs run when something changed: no more and no fewer than depend on it."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fixtures.marks import nightly
from fixtures.shared_months import DATA_MONTHS, DATASETS, FIRST, LAST, publish
from fixtures.workflow import Clone
from monthwise.base import months

RUN_MONTHS = len(months.span(FIRST, LAST)) * len(DATASETS)
# Jobs if all run months are evaluated again; the first compares nothing, the last is not published yet.
DECIDED_AGAIN = {
    **dict.fromkeys(("evaluate", "track", "promote", "evidence"), RUN_MONTHS),
    **dict.fromkeys(("compare", "score"), RUN_MONTHS - len(DATASETS)),
    "register": len(DATASETS),
}
RESTATED = "2023-10"
CHANGED_FROM = "2023-12"
STEP_BY_STEP = [f"data/{dataset}/{month}/quality.json" for dataset in DATASETS for month in DATA_MONTHS]


def restate(clone: Clone, seed: int = 2) -> None:
    publish(clone.path("published"), "green", RESTATED, seed=seed)
    located = clone.monthwise("locate", RESTATED, "--dataset", "green")
    assert located.returncode == 0, located.stderr
    assert "changed" in located.stdout


def months_by_rule(rules: str, months_: list[str]) -> dict[str, list[str]]:
    """Return the months for each of the rules named."""
    return dict.fromkeys(rules.split(), months_)


def decided_again(first: str) -> dict[str, list[str]]:
    """Return the jobs of the chain of champions if the decision of `first` may change."""
    later = months.span(first, LAST)
    return {**months_by_rule("compare promote evidence", later), "score": later[:-1], "register": [""]}


def stages(jobs: set[tuple[str, str, str]]) -> dict[str, list[str]]:
    """Return the months of each rule among planned jobs of one dataset."""
    assert {dataset for _, dataset, _ in jobs} <= {"green"}
    return {rule: sorted(month for name, _, month in jobs if name == rule) for rule, _, _ in jobs}


def test_asked_again_there_is_nothing_to_do(built):
    assert built.planned() == {}


def test_touching_inputs_programs_and_the_publishers_files_is_no_reason(clone):
    for folder in ("scripts", "config", "data", "runs", "rules", "published"):
        for path in clone.path(folder).rglob("*"):
            path.touch()
    assert clone.planned() == {}


def test_a_fresh_clone_with_the_built_folders_has_nothing_to_do(built, tmp_path):
    fresh = Clone(tmp_path / "elsewhere")
    for name in ("published", "data", "runs", "registry", "history", ".snakemake"):
        shutil.copytree(built.path(name), fresh.path(name))
    shutil.copy(built.path("config/config.yaml"), fresh.path("config/config.yaml"))
    assert fresh.planned() == {}


def test_an_edited_program_runs_its_stage_and_what_reads_it(clone):
    clone.edit("scripts/evaluate.py", "Measure a fitted", "Measure one fitted")
    assert clone.planned() == DECIDED_AGAIN


def test_an_edited_module_runs_the_stages_that_declare_it(clone):
    clone.edit("scripts/monthwise/models/metrics.py", "Errors of predictions", "The errors of predictions")
    assert clone.planned() == DECIDED_AGAIN


def test_an_edited_module_of_a_dataset_or_file_of_it_cleans_its_months_again(clone):
    data_months = len(DATA_MONTHS) * len(DATASETS)
    for name in ("scripts/monthwise/prepare/taxi/__init__.py", "config/zones/new-york.csv"):
        copy = Clone(clone.folder.with_name(Path(name).stem), like=clone)
        copy.path(name).write_text(copy.path(name).read_text() + "\n")
        planned = copy.planned()
        assert (planned["ingest"], planned["clean"], planned["featurize"]) == (0, data_months, data_months)
        assert planned["train"] == RUN_MONTHS


def test_an_edited_locate_asks_nothing_even_when_the_publisher_is_away(clone):
    clone.edit("scripts/locate.py", "Ask the publisher", "Ask a publisher")
    for path in clone.path("published").iterdir():
        path.unlink()
    assert clone.planned() == {}


def test_a_new_recipe_file_is_no_reason(clone):
    shutil.copy(
        clone.path("scripts/monthwise/models/recipes/linear.py"),
        clone.path("scripts/monthwise/models/recipes/other.py"),
    )
    assert clone.planned() == {}


def test_an_edited_recipe_retrains_the_months_that_use_it(clone):
    clone.edit("scripts/monthwise/models/recipes/boosted.py", "The default recipe", "The usual recipe")
    assert clone.planned() == {}
    clone.edit("scripts/monthwise/models/recipes/linear.py", "A linear model", "One linear model")
    assert clone.planned() == DECIDED_AGAIN | {"train": RUN_MONTHS}


def test_a_restated_month_rebuilds_exactly_what_depends_on_it(clone):
    restate(clone)
    validated, trained = months.shift(RESTATED, 1), months.shift(RESTATED, 2)
    planned = stages(clone.planned_jobs())
    assert planned == {
        **months_by_rule("ingest clean featurize", [RESTATED]),
        **months_by_rule("train", [trained]),
        **months_by_rule("evaluate track", [validated, trained]),
        **decided_again(validated),
        "score": months.span(RESTATED, LAST)[:-1],
        "evidence": months.span(RESTATED, LAST),
        "drift": [RESTATED, trained],
    }


def test_located_again_with_the_same_answer_there_is_nothing_to_do(clone):
    located = clone.monthwise("locate")
    assert located.returncode == 0, located.stderr
    assert clone.planned() == {}


def test_the_same_rows_in_other_bytes_stop_at_clean_when_asked_for_in_steps(clone):
    path = clone.path(f"published/green_tripdata_{RESTATED}.parquet")
    pq.write_table(pq.read_table(path), path, compression="snappy")
    assert clone.monthwise("locate", RESTATED).returncode == 0
    of_data = {"ingest", "clean", "featurize", "drift"}
    assert set(stages(clone.planned_jobs())) == {*of_data, "train", "evaluate", "track", *decided_again(RESTATED)}
    clone.build("--", *STEP_BY_STEP)
    # The published file is another one, which the evidence of the months that read it has to name.
    assert stages(clone.planned_jobs()) == months_by_rule("evidence", months.span(RESTATED, months.shift(RESTATED, 2)))


@pytest.mark.parametrize("length", [1, 2])
def test_a_change_holds_from_its_month_on_and_for_its_datasets(clone, length):
    change = {
        "from": CHANGED_FROM,
        "datasets": ["green"],
        "reason": "a trial",
        "train": {"parameters": {"alpha": 0.02}},
    }
    if length != 1:
        change["window"] = {"length": length}
    clone.configure({"changes": [change]})
    later = months.span(CHANGED_FROM, LAST)
    expected = months_by_rule("train evaluate track", later) | decided_again(CHANGED_FROM)
    if length != 1:
        expected["drift"] = later[:-1]
    assert stages(clone.planned_jobs()) == expected
    change["reason"] = "told otherwise"
    clone.configure({"changes": [change]})
    assert stages(clone.planned_jobs()) == expected


def test_the_reason_of_a_change_is_no_reason_to_run(clone):
    change = {"from": CHANGED_FROM, "reason": "one", "train": {"parameters": {"solver": "lasso"}}}
    clone.configure({"changes": [change]})
    assert clone.planned() == {}


def test_a_skipped_month_moves_windows_and_takes_out_the_month_that_validates_on_it(clone):
    clone.configure({"skip": {"green": [RESTATED]}})
    untrained, moved = months.shift(RESTATED, 1), months.shift(RESTATED, 2)
    assert stages(clone.planned_jobs()) == {
        **months_by_rule("train evaluate track drift", [moved]),
        **decided_again(untrained),
        "compare": months.span(moved, LAST),
        "evidence": months.span(RESTATED, LAST),
    }
    ended = clone.snakemake("--", f"runs/green/{untrained}/metrics.json")
    assert ended.returncode == 64
    assert f"monthwise: green {untrained} trains no model: its validation month {RESTATED} is skipped" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_one_more_month_is_one_more_month(clone):
    for dataset in DATASETS:
        publish(clone.path("published"), dataset, "2024-02")
    clone.configure({"last": "newest"})
    rules = "locate ingest clean featurize train evaluate track compare promote score drift evidence register"
    # The evidence of the month that is published by now is rebuilt.
    assert clone.planned() == dict.fromkeys(rules.split(), len(DATASETS)) | {"evidence": 2 * len(DATASETS)}


@nightly
def test_a_failed_train_is_named_while_parsing_and_the_range_completes(clone):
    month = "2023-12"
    before = clone.path(f"runs/green/{month}/metrics.json").read_bytes()
    crash = "TRUSTED = []\n\n\ndef pipeline(task, numbers, categories):\n    raise RuntimeError('planted')\n"
    clone.path("scripts/monthwise/models/recipes/crash.py").write_text(crash)
    change = {"from": month, "datasets": ["green"], "reason": "planted", "train": {"recipe": "crash"}}
    clone.configure({"changes": [change]})
    failed = clone.snakemake("--config", f"first={month}", f"last={month}", cores=1)
    assert failed.returncode == 1
    assert clone.path(f"runs/green/{month}/metrics.json").read_bytes() == before
    assert not clone.path(f"runs/green/{month}/model.skops").exists()

    clone.configure({"changes": []})
    # A later file still exists, so Snakemake alone has nothing to do, and the model is missing.
    ended = clone.snakemake("--dry-run", "--", f"runs/green/{month}/metrics.json")
    advice = f"`./monthwise run {month}..{month} --dataset green` builds them"
    assert f"monthwise: green: {month} have missing inputs" in ended.stderr
    assert advice in ended.stderr
    clone.build("--config", f"first={month}", f"last={month}")
    assert clone.path(f"runs/green/{month}/metrics.json").read_bytes() == before
    assert "missing inputs" not in clone.snakemake("--dry-run").stderr
    assert clone.planned() == {}
