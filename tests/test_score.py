"""The champion on trips: those of its month, and those of a user."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.shared_months import DATA_MONTHS, FIRST, LAST
from monthwise.base import exits, files
from monthwise.commands import score

NEWEST = DATA_MONTHS[-1]  # the last run month that is scored


def run_score(built, tmp_path, table: pa.Table, *options: str):
    pq.write_table(table, tmp_path / "trips.parquet")
    paths = ("--input", str(tmp_path / "trips.parquet"), "--output", str(tmp_path / "minutes.parquet"))
    return built.monthwise("score", "--service", "green", *paths, *options)


@pytest.fixture(scope="module")
def published(built) -> pa.Table:
    return pq.read_table(built.path(f"data/green/{NEWEST}/raw.parquet"))


def test_a_scored_month_has_the_errors_of_its_predictions(built):
    trips = pq.read_table(built.path(f"runs/green/{NEWEST}/predictions.parquet")).to_pandas()
    live = files.read_json(built.path(f"runs/green/{NEWEST}/live.json"))
    errors_min = trips["prediction_min"] - trips["duration_min"]
    assert live["rmse_min"] == pytest.approx(np.sqrt((errors_min**2).mean()), rel=1e-12)
    assert live["rows"] == len(trips)
    assert set(live["by"]) == {"hour", "distance_mi", "borough"}
    assert live["champion"]["month"] <= NEWEST


def test_the_month_that_is_not_out_is_not_scored(built):
    assert not built.path(f"runs/green/{LAST}/live.json").exists()
    assert built.path(f"runs/green/{LAST}/champion.json").exists()


def test_a_batch_of_trips_without_a_target_gets_the_same_minutes_as_the_month(built, tmp_path, published):
    ended = run_score(built, tmp_path, published.drop_columns(["lpep_dropoff_datetime"]), NEWEST)
    assert ended.returncode == 0, ended.stderr
    assert f"{published.num_rows:,} trips of green by the champion of {NEWEST}" in ended.stdout
    minutes = pq.read_table(tmp_path / "minutes.parquet").to_pandas()
    assert list(minutes["trip"]) == list(range(published.num_rows))
    month = pq.read_table(built.path(f"runs/green/{NEWEST}/predictions.parquet")).to_pandas()
    assert (minutes["prediction_min"].to_numpy()[month["trip"]] == month["prediction_min"]).all()


def test_clean_trips_can_be_scored_too_and_the_newest_champion_is_the_default(built, tmp_path):
    trips = pq.read_table(built.path(f"data/green/{NEWEST}/trips.parquet"))
    ended = run_score(built, tmp_path, trips)
    assert ended.returncode == 0, ended.stderr
    assert f"by the champion of {LAST}" in ended.stdout
    assert pq.read_metadata(tmp_path / "minutes.parquet").num_rows == trips.num_rows


@pytest.mark.parametrize(
    ("change", "more", "code", "message"),
    [
        (lambda t: t.drop_columns(["PULocationID"]), (), 65, "has no column for pickup_zone"),
        (
            lambda t: t.set_column(1, "lpep_pickup_datetime", pa.nulls(t.num_rows, pa.timestamp("us"))),
            (),
            65,
            "trips have no pick-up time, the first in row 0",
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
    assert not (tmp_path / "minutes.parquet").exists()


def test_status_says_who_served_when_and_how_well(built, tmp_path):
    ended = built.monthwise("status", "--champions", "--service", "green")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].split()[:3] == ["service", "month", "served"]
    assert lines[1].split()[:5] == ["green", FIRST, FIRST, FIRST, "first"]
    live = json.loads(built.path(f"runs/green/{FIRST}/live.json").read_text())
    assert f"{live['rmse_min']:.3f}" in lines[1]


def test_status_says_where_the_chain_stops(clone):
    missing = DATA_MONTHS[-2]
    clone.path(f"runs/green/{missing}/champion.json").unlink()
    ended = clone.monthwise("status", "--champions", "--service", "green")
    assert f"green {missing}: no decision, so the chain stops here" in ended.stdout


@pytest.fixture
def mine(tmp_path):
    """Trips of a user."""
    path = tmp_path / "trips.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    return path


@pytest.mark.parametrize("spelling", ["same", "dots", "link", "hard link"])
def test_the_trips_themselves_are_no_output(mine, spelling):
    output = {"same": mine, "dots": mine.parent / "x/../trips.parquet"}.get(spelling, mine.parent / "minutes.parquet")
    (mine.parent / "x").mkdir()
    if spelling == "link":
        output.symlink_to(mine)
    if spelling == "hard link":
        output.hardlink_to(mine)
    with pytest.raises(exits.WrongUsage, match="is the file of --input; name another file"):
        score.insist_on_output(mine, output)


def test_a_file_that_score_did_not_write_is_no_output(mine, tmp_path):
    output = tmp_path / "minutes.parquet"
    for content in (b"notes", mine.read_bytes()):
        output.write_bytes(content)
        with pytest.raises(exits.WrongUsage, match="was not written by `score`; name another file"):
            score.insist_on_output(mine, output)
    with pytest.raises(exits.WrongUsage, match="name another file"):
        score.insist_on_output(mine, tmp_path)
    with pytest.raises(exits.WrongUsage, match="is no folder"):
        score.insist_on_output(mine, mine / "below.parquet")
    pq.write_table(score.OUTPUT.empty_table(), output)
    score.insist_on_output(mine, output)
    score.insist_on_output(mine, tmp_path / "new/minutes.parquet")
