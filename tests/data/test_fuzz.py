"""Damaged months: each is used with counts that add up, or rejected in one line with 65; never a traceback."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import ingest
import pyarrow.parquet as pq
import pytest
from fixtures import damage
from fixtures.months_made import settings
from fixtures.workflow import REPOSITORY
from monthwise.base import exits
from monthwise.data import cleaning, features, tables, zones

CASES = 5000 if "MONTHWISE_NIGHTLY" in os.environ else 500
KINDS = (*damage.BYTES, *damage.TABLES)
MONTH = "green 2021-01"
PLACES = zones.read(REPOSITORY / "config/zones/new-york.csv")


def ingested(raw: Path) -> None:
    """Check a file as ingest does."""
    ingest.check(raw, MONTH, str(raw))


def featurized(raw: Path) -> None:
    """Run clean and featurize on a file."""
    month = cleaning.Month(str(raw), settings(), PLACES)
    trips, features_path = raw.with_name("trips.parquet"), raw.with_name("features.parquet")
    tables.write(trips, cleaning.TRIPS, month.trips())
    quality = month.quality()
    check_counts(quality, pq.read_table(trips).num_rows)
    features.admit(quality)
    batches = tables.batches(tables.open_parquet(trips, MONTH), trips, MONTH)
    tables.write(features_path, features.FEATURES, (features.features(batch, PLACES) for batch in batches))


def check_counts(quality: dict, rows: int) -> None:
    assert quality["rows_out"] == rows
    assert quality["rows_in"] == rows + sum(quality["drops"].values())
    for name, share in quality["missing"].items():
        assert 0 <= share <= 1
        assert quality["repairs"].get(f"{name}_implausible", 0) <= share * rows + 1e-6
    assert all(0 < count <= rows for count in quality["normalised"].values())
    assert sum(quality["distributions"]["hour"]["counts"]) == rows


def outcome(step: Callable[[Path], None], raw: Path) -> str:
    """Return `used`, or the code that a step refuses a month with."""
    try:
        step(raw)
    except exits.BadData as refused:
        line = str(refused)
    else:
        return "used"
    assert line.startswith(MONTH)
    assert len(line.splitlines()) == 1
    return str(os.EX_DATAERR)


def outcomes(kind: str, cases: int, folder: Path) -> Counter:
    """Count the first cases of a kind by their outcomes in ingest and after it."""
    counts: Counter = Counter()
    for case in range(cases):
        damage.write(kind, case, folder / "raw.parquet")
        try:  # ingest checks only part of a file
            ends = [outcome(step, folder / "raw.parquet") for step in (ingested, featurized)]
            counts[" ".join(ends)] += 1
        except Exception as error:
            error.add_note(f"month {case} of the kind {kind}")
            raise
    return counts


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_month_is_used_or_refused_in_one_line(kind, tmp_path):
    counts = outcomes(kind, -(-CASES // len(KINDS)), tmp_path)
    assert sum(counts.values()) >= CASES // len(KINDS)
    assert len(counts) > 1 or kind == "without_rows"  # a kind with a single outcome tests little
