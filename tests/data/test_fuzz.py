"""Damaged months: each is used with counts that add up, or rejected in one line with 65; never a traceback."""

import functools
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import ingest
import pytest
from fixtures import damage
from fixtures.months_made import ZONES, clean_file, of_dataset, of_job, settings
from monthwise import prepare
from monthwise.base import exits
from monthwise.data import features, tables
from monthwise.prepare import taxi

CASES = 5000 if "MONTHWISE_NIGHTLY" in os.environ else 500
KINDS = (*damage.BYTES, *damage.TABLES)
MONTH = "green 2021-01"
FEATURES = {
    "VendorID": "category",
    "RatecodeID": "flag",
    "PULocationID": "category",
    "DOLocationID": "code",
    "fare_amount": "number",
}
TARGETS = (
    {"target": "trip_distance"},
    {"target": {"columns": ["trip_type"], "positive": "2"}, "task": "binary"},
    {"target": {"columns": ["passenger_count"], "classes": ["1", "2", "3"]}, "task": "multiclass"},
)
MODULE = prepare.Module(taxi, "taxi", {"zones": str(ZONES)})


def ingested(raw: Path) -> None:
    """Check a file as ingest does."""
    ingest.check(raw, MONTH, str(raw))


def featurized(raw: Path) -> None:
    """Run clean and featurize on a file."""
    path = raw.with_name("rows.parquet")
    rows, quality = clean_file(raw, path, settings())
    check_counts(quality, rows.num_rows)
    features.admit(quality)
    file = tables.open_parquet(path, MONTH)
    job = features.Features(of_job("featurize"), file.schema_arrow, lambda rows: MODULE.derive(rows, MONTH))
    tables.write(raw.with_name("features.parquet"), job.schema, map(job.of, tables.batches(file, path, MONTH)))


@functools.cache
def other_job(case: int) -> dict:
    """Return settings of clean for a dataset with the columns of a taxi month and other kinds of features."""
    time = {"columns": ["lpep_pickup_datetime"], "zone": "America/New_York"}
    group = ["passenger_count"]
    return of_dataset(
        "clean", file="{month}.parquet", time=time, features=FEATURES, group=group, **TARGETS[case % len(TARGETS)]
    )


def cleaned(raw: Path, case: int) -> None:
    """Run clean on a file as one of another dataset."""
    rows, quality = clean_file(raw, raw.with_name("rows.parquet"), other_job(case % len(TARGETS)))
    check_counts(quality, rows.num_rows)


def check_counts(quality: dict, rows: int) -> None:
    assert quality["rows_out"] == rows
    assert quality["rows_in"] == rows + sum(quality["drops"].values())
    for name, share in quality["missing"].items():
        assert 0 <= share <= 1
        assert quality["repairs"].get(f"{name}_implausible", 0) <= share * rows + 1e-6
    assert all(0 < count <= rows for count in quality["normalised"].values())
    assert (quality["target"]["min"] is None) == (rows == 0)
    assert sum(quality["distributions"]["target"]["counts"]) == rows
    assert sum(quality["distributions"]["hour"]["counts"]) == rows


def outcome(step: Callable[[Path], None], raw: Path) -> str:
    """Return `used`, or the code that a step refuses a month with."""
    try:
        step(raw)
    except exits.BadData as refused:
        line = str(refused)
    else:
        return "used"
    assert line.startswith((MONTH, "sales 2021-01"))
    assert len(line.splitlines()) == 1
    return str(os.EX_DATAERR)


def outcomes(kind: str, cases: int, folder: Path) -> Counter:
    """Count the first cases of a kind by their outcomes in ingest and after it."""
    counts: Counter = Counter()
    for case in range(cases):
        damage.write(kind, case, folder / "raw.file")
        try:  # ingest checks only part of a file
            steps = (ingested, featurized, functools.partial(cleaned, case=case))
            ends = [outcome(step, folder / "raw.file") for step in steps]
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
