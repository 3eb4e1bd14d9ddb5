"""`./monthwise prune` deletes only what no later run needs."""

import pytest
from fixtures.equal_builds import built_files
from fixtures.marks import nightly
from fixtures.shared_months import DATA_MONTHS, LAST, publish
from fixtures.workflow import Clone
from monthwise.base import files, months

CLOSED_BEFORE = months.shift(LAST, -1)
OPEN_DATA = months.shift(CLOSED_BEFORE, -2)  # the oldest month that an open run month reads
PRUNED = ("raw.file", ".raw.kept.file", ".raw.kept.json", "rows.parquet", "features.parquet")


@pytest.fixture
def closed(clone: Clone) -> Clone:
    clone.configure({"history": {"closed_before": CLOSED_BEFORE}, "last": "newest"})
    return clone


def hashes(clone: Clone) -> dict[str, str]:
    names = [f"{top}/{path.name}" for top in ("history", "registry") for path in clone.path(top).iterdir()]
    return {name: files.sha256(clone.path(name)) for name in [*built_files(clone), *names]}


def prune(clone: Clone, *arguments: str) -> str:
    ended = clone.monthwise("prune", *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_it_says_first_what_it_would_free(closed):
    before = hashes(closed)
    output = prune(closed, "--keep", "2")
    months_gone = [month for month in DATA_MONTHS if month < OPEN_DATA]
    assert f"green: {len(months_gone)} data months ({months_gone[0]} to {months_gone[-1]})" in output
    assert f"./monthwise prune {months_gone[0]}..{months_gone[-1]} --keep 2 --yes" in output
    assert hashes(closed) == before
    assert "nothing to prune" in prune(closed, "--keep", "100")


@nightly
def test_pruned_months_are_not_asked_for_again_and_everything_else_stays(closed):
    before = hashes(closed)
    prune(closed, "--keep", "2", "--yes")
    deleted = {name for name in before if name.split("/")[0] == "data" and name.split("/")[2] < OPEN_DATA}
    deleted = {name for name in deleted if name.endswith(tuple(f"/{suffix}" for suffix in PRUNED))}
    assert deleted
    assert hashes(closed) == {name: content for name, content in before.items() if name not in deleted}
    assert closed.planned() == {}
    assert closed.monthwise("run").stdout == "up to date\n"
    for path in closed.path("scripts").rglob("*.py"):
        path.touch()
    closed.edit("scripts/clean.py", '"""', '"""Edited. ')
    publish(closed.path("published"), "green", months.shift(LAST, 0))
    ended = closed.monthwise("run", "--redo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert hashes(closed).keys() & deleted == set()
    verified = closed.monthwise("verify", CLOSED_BEFORE)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_pruned_month_that_a_change_would_need_is_named(closed):
    prune(closed, "--keep", "2", "--yes")
    closed.configure({"train": {"recipe": "linear", "parameters": {"solver": "lasso", "alpha": 0.5}}})
    ended = closed.monthwise("plan")
    assert ended.returncode == 78
    assert f"green {DATA_MONTHS[0]} was pruned and would be fetched again" in ended.stdout


def test_without_a_closed_month_it_says_what_to_set(clone):
    ended = clone.monthwise("prune", "--keep", "2")
    assert ended.returncode == 64
    assert "history.closed_before" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
