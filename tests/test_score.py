"""The champion on rows: those of its month, and those of a user."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.model_programs import of_job, run_train
from fixtures.shared_months import DATA_MONTHS, FIRST, LAST
from fixtures.shop import TASKS, shop
from fixtures.workflow import REPOSITORY
from monthwise.base import exits, files
from monthwise.commands import score

NEWEST = DATA_MONTHS[-1]  # the last run month that is scored


def run_score(built, tmp_path, table: pa.Table, *options: str):
    pq.write_table(table, tmp_path / "rows.parquet")
    paths = ("--input", str(tmp_path / "rows.parquet"), "--output", str(tmp_path / "predictions.parquet"))
    return built.monthwise("score", "--dataset", "green", *paths, *options)


@pytest.fixture(scope="module")
def published(built) -> pa.Table:
    return pq.read_table(built.path(f"data/green/{NEWEST}/raw.file"))


def test_a_scored_month_has_the_errors_of_its_predictions(built):
    predicted = pq.read_table(built.path(f"runs/green/{NEWEST}/predictions.parquet")).to_pandas()
    live = files.read_json(built.path(f"runs/green/{NEWEST}/live.json"))
    residual = predicted["prediction"] - predicted["target"]
    assert live["rmse"] == pytest.approx(np.sqrt((residual**2).mean()), rel=1e-12)
    assert live["rows"] == len(predicted)
    assert live["live_excess"] == pytest.approx(live["rmse"] / live["validation_error"] - 1)
    assert set(live["by"]) == {"hour", "distance_mi", "borough"}
    assert live["champion"]["month"] <= NEWEST


def test_the_month_that_is_not_out_is_not_scored(built):
    assert not built.path(f"runs/green/{LAST}/live.json").exists()
    assert built.path(f"runs/green/{LAST}/champion.json").exists()


def test_a_batch_of_rows_without_a_target_gets_the_same_predictions_as_the_month(built, tmp_path, published):
    ended = run_score(built, tmp_path, published.drop_columns(["lpep_dropoff_datetime"]), NEWEST)
    assert ended.returncode == 0, ended.stderr
    assert f"{published.num_rows:,} rows of green by the champion of {NEWEST}" in ended.stdout
    predicted = pq.read_table(tmp_path / "predictions.parquet").to_pandas()
    assert list(predicted["row"]) == list(range(published.num_rows))
    month = pq.read_table(built.path(f"runs/green/{NEWEST}/predictions.parquet")).to_pandas()
    # Where a row is in its batch can change the last digit of a product of dense matrices.
    assert predicted["prediction"].to_numpy()[month["row"]] == pytest.approx(month["prediction"], rel=1e-13)


def test_clean_rows_can_be_scored_too_and_the_newest_champion_is_the_default(built, tmp_path):
    rows = pq.read_table(built.path(f"data/green/{NEWEST}/rows.parquet"))
    ended = run_score(built, tmp_path, rows)
    assert ended.returncode == 0, ended.stderr
    assert f"by the champion of {LAST}" in ended.stdout
    assert pq.read_metadata(tmp_path / "predictions.parquet").num_rows == rows.num_rows


def test_an_output_that_ends_in_csv_is_csv_and_only_such_a_file_is_replaced(built, tmp_path, published):
    output = tmp_path / "predictions.csv"
    for _ in range(2):
        ended = run_score(built, tmp_path, published.slice(0, 5), "--output", str(output))
        assert ended.returncode == 0, ended.stderr
    assert pd.read_csv(output).columns.tolist() == ["row", "prediction"]
    assert pd.read_csv(output)["row"].tolist() == [0, 1, 2, 3, 4]
    output.write_text("row,name\n0,mine\n")
    ended = run_score(built, tmp_path, published, "--output", str(output))
    assert "was not written by `score`" in ended.stderr
    assert output.read_text() == "row,name\n0,mine\n"


@pytest.mark.parametrize(
    ("change", "more", "code", "message"),
    [
        (lambda t: t.drop_columns(["PULocationID"]), (), 65, "has no column for pickup_zone"),
        (
            lambda t: t.set_column(1, "lpep_pickup_datetime", pa.nulls(t.num_rows, pa.timestamp("us"))),
            (),
            65,
            "rows have no time, the first is row 0; leave them out",
        ),
        (
            lambda t: t.set_column(1, "lpep_pickup_datetime", pa.array(["half past nine"] * t.num_rows)),
            (),
            65,
            "half past nine",
        ),
        (lambda t: t, ("2019-01",), 64, "green has no champion of 2019-01"),
        (lambda t: t, ("--input", "nowhere.parquet"), 65, "nowhere.parquet is missing"),
        (lambda t: t, (f"{FIRST}..{LAST}",), 64, "one run month at most"),
    ],
)
def test_what_cannot_be_scored_is_one_line(built, tmp_path, published, change, more, code, message):
    ended = run_score(built, tmp_path, change(published), *more)
    assert ended.returncode == code, ended.stderr
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "predictions.parquet").exists()


def test_status_says_who_served_when_and_how_well(built, tmp_path):
    ended = built.monthwise("status", "--champions", "--dataset", "green")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].split()[:3] == ["dataset", "month", "served"]
    assert lines[1].split()[:5] == ["green", FIRST, FIRST, FIRST, "first"]
    live = json.loads(built.path(f"runs/green/{FIRST}/live.json").read_text())
    assert f"{live['rmse']:.3f}" in lines[1]


def test_status_says_where_the_chain_stops(clone):
    missing = DATA_MONTHS[-2]
    clone.path(f"runs/green/{missing}/champion.json").unlink()
    ended = clone.monthwise("status", "--champions", "--dataset", "green")
    assert f"green {missing}: no decision, so the chain stops here" in ended.stdout


def score_month(folder, dataset: str, kind: str) -> tuple[dict, pa.Table]:
    """Score the features in a folder with its model or baseline; return live.json and the predictions."""
    training = files.read_json(folder / "training")
    is_model = kind == "model"
    champion = {"month": "2021-02", "kind": kind, "recipe": training["recipe"] if is_model else None}
    champion["columns"] = training["columns"] if is_model else []
    decision = {"champion": champion, "validation_error": 0.5, "validation_month": "2021-01"}
    (folder / "champion.json").write_text(json.dumps(decision))
    options = {"champion": "champion.json", "model": "model" if is_model else "baseline", "baseline": "baseline"}
    options |= {"features": "features.parquet", "predictions": "predictions.parquet", "live": "live.json"}
    paths = [f"--{name}={folder / path}" for name, path in (options | {"provenance": "provenance.json"}).items()]
    command = [sys.executable, "scripts/score.py", *paths, "--settings", json.dumps(of_job("score", dataset))]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
    return files.read_json(folder / "live.json"), pq.read_table(folder / "predictions.parquet")


@pytest.mark.parametrize("task", TASKS)
def test_a_model_and_a_baseline_of_each_task_can_be_champion(task, tmp_path):
    dataset = f"shop-{task}"
    assert run_train(tmp_path, shop(task), dataset).returncode == 0
    pq.write_table(shop(task, seed=1), tmp_path / "features.parquet")
    live, predicted = score_month(tmp_path, dataset, "model")
    metric = live["metric"]
    assert live[metric] < live["baseline"][metric]
    assert live["live_excess"] == pytest.approx(live[metric] / 0.5 - 1)
    names = [name for name in predicted.column_names if name.startswith("prediction")]
    assert names == (["prediction_0", "prediction_1", "prediction_2"] if task == "multiclass" else ["prediction"])
    naive, _ = score_month(tmp_path, dataset, "baseline")
    assert naive[metric] == naive["baseline"][metric] == live["baseline"][metric]
    assert naive["champion"] == {"month": "2021-02", "kind": "baseline"}


@pytest.fixture
def mine(tmp_path):
    """Rows of a user."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    return path


@pytest.mark.parametrize("spelling", ["same", "dots", "link", "hard link"])
def test_the_rows_themselves_are_no_output(mine, spelling):
    output = {"same": mine, "dots": mine.parent / "x/../rows.parquet"}.get(
        spelling, mine.parent / "predictions.parquet"
    )
    (mine.parent / "x").mkdir()
    if spelling == "link":
        output.symlink_to(mine)
    if spelling == "hard link":
        output.hardlink_to(mine)
    with pytest.raises(exits.WrongUsage, match="is the file of --input; name another file"):
        score.insist_on_output(mine, output)


def test_a_file_that_score_did_not_write_is_no_output(mine, tmp_path):
    output = tmp_path / "predictions.parquet"
    pq.write_table(pa.table({"row": [1]}), tmp_path / "numbers.parquet")
    for content in (b"notes", mine.read_bytes(), (tmp_path / "numbers.parquet").read_bytes()):
        output.write_bytes(content)
        with pytest.raises(exits.WrongUsage, match="was not written by `score`; name another file"):
            score.insist_on_output(mine, output)
    with pytest.raises(exits.WrongUsage, match="name another file"):
        score.insist_on_output(mine, tmp_path)
    with pytest.raises(exits.WrongUsage, match="is no folder"):
        score.insist_on_output(mine, mine / "below.parquet")
    for names in (["prediction"], ["prediction_0", "prediction_1", "prediction_2"]):
        pq.write_table(pa.table({"row": [0]} | {name: [1.0] for name in names}), output)
        score.insist_on_output(mine, output)
    score.insist_on_output(mine, tmp_path / "new/predictions.parquet")
