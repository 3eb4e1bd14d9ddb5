"""`./monthwise run --rehearse` finds what a run would find, and changes nothing."""

import pyarrow.parquet as pq
import pytest
from fixtures.marks import nightly
from fixtures.shared_months import DATA_MONTHS, FIRST, LAST, publish
from fixtures.workflow import Clone
from monthwise.base import files, months

BROKEN = DATA_MONTHS[2]


def state(folder) -> dict:
    return {
        str(path.relative_to(folder)): (files.sha256(path), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def apart(unbuilt: Clone, tmp_path) -> Clone:
    """Run months that are published and not built, with a home of their own."""
    clone = Clone(tmp_path / "clone", like=unbuilt)
    for dataset in ("green", "yellow"):
        for month in DATA_MONTHS:
            publish(clone.path("published"), dataset, month, rows=20_000)
    (tmp_path / "home").mkdir()
    return clone


def rehearse(clone: Clone, *arguments: str, code: int = 0) -> str:
    """Rehearse, insist on the exit code and on unchanged files; return the output."""
    before = state(clone.folder.parent)
    home = str(clone.folder.with_name("home"))
    ended = clone.monthwise("run", "--rehearse", "--jobs", "2", *arguments, env={"HOME": home})
    assert ended.returncode == code, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert state(clone.folder.parent) == before
    return ended.stdout


@nightly
def test_all_stages_run_on_one_row_in_a_hundred_and_nothing_is_touched(apart):
    output = rehearse(apart)
    assert output.startswith("rehearsed on one row in 100: ")
    assert ", 0 failed" in output
    assert "not there" not in output


@nightly
def test_what_is_wrong_is_found_as_the_real_thing_would_find_it(apart):
    path = apart.path(f"published/green_tripdata_{BROKEN}.parquet")
    path.write_bytes(b"PAR1 not really" + b"x" * 1000)
    without = apart.path(f"published/yellow_tripdata_{BROKEN}.parquet")
    pq.write_table(pq.read_table(without).drop_columns(["tpep_pickup_datetime"]), without)
    apart.path(f"published/green_tripdata_{DATA_MONTHS[-1]}.parquet").unlink()
    output = rehearse(apart, "--config", f"last={LAST}", code=65)
    assert f"green {BROKEN}: " in output
    assert "parquet cut short" in output
    assert "has no column for time: looked for tpep_pickup_datetime" in output
    assert f"not there: green {DATA_MONTHS[-1]}" in output


@nightly
def test_a_range_is_rehearsed_by_itself_although_settings_changed_before(apart):
    change = {"from": months.shift(FIRST, 1), "reason": "trial", "train": {"parameters": {"alpha": 0.5}}}
    apart.configure({"changes": [change]})
    output = rehearse(apart, f"{months.shift(LAST, -1)}..{LAST}", "--dataset", "green")
    assert ", 0 failed" in output
