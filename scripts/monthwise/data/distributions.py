"""Compare the rows that a model is measured on with those that it was trained on, category by category."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from ..base.file_types import Difference

MISSING = "missing"
MOST_VALUES = 10_000  # a column with more distinct values is not a category
NEVER_SEEN = 0.01  # share of the rows, in addition to what chance explains
# Jensen-Shannon distances (base 2, from 0 to 1), in addition to what chance explains. In green's real months, the hours
# of consecutive months are 0.03 apart, 0.11 if shifted by one hour and 0.43 if shifted by five; places are 0.06 apart.
UNLIKE, UNLIKE_HOURS = 0.2, 0.08
ENOUGH = 5  # rows of a value, as for a chi-squared test; values with fewer are compared together

Counts = dict[str, int]


def count(column: pa.ChunkedArray) -> Counts | None:
    """Return the number of rows for each value of a category, or None if it has more than MOST_VALUES values."""
    pairs = [(entry["values"], entry["counts"]) for entry in column.value_counts().to_pylist()]
    if len(pairs) > MOST_VALUES:
        return None
    counts: Counts = {}
    for value, rows in pairs:
        is_missing = value is None or value == -1  # a missing code is -1
        key = MISSING if is_missing else value if isinstance(value, str) else f"{value:.15g}"
        counts[key] = counts.get(key, 0) + rows
    return counts


def warnings(
    trained: Mapping[str, Counts], measured: Mapping[str, Counts], months: str, month: str
) -> list[Difference]:
    """Return one warning per difference: `feature`, `kind`, `number`, `bound` and `text`, in the order of `trained`.

    `trained` and `measured` are counts by category and value; `months` and `month` are their names in messages.
    """
    entries: list[Difference] = []
    for name in trained:
        if name not in measured:
            continue
        trained_counts, measured_counts = trained[name], measured[name]
        new_values = [value for value in measured_counts if value not in trained_counts and value != MISSING]
        share, bound = (
            sum(measured_counts[value] for value in new_values) / sum(measured_counts.values()),
            NEVER_SEEN + 2 * unseen_by_chance(trained_counts),
        )
        if share > bound:
            shown = ", ".join(sorted(new_values, key=lambda value: (-measured_counts[value], value))[:5])
            text = f"{name}: {share:.1%} of the rows of {month} have values that no row of {months} has ({shown})"
            entries.append({"feature": name, "kind": "never seen", "number": share, "bound": bound, "text": text})
        measured_distance = distance(trained_counts, measured_counts)
        unlike = UNLIKE_HOURS if name == "hour" else UNLIKE
        if measured_distance > unlike:
            text = f"{name}: its distribution in {month} is unlike that in {months} (distance {measured_distance:.2f},"
            text += f" bound {unlike:g}); {_largest_change(trained_counts, measured_counts)}"
            entries.append(
                {"feature": name, "kind": "unlike", "number": measured_distance, "bound": unlike, "text": text}
            )
    return entries


def unseen_by_chance(counts: Counts) -> float:
    """Return the expected share of new rows with a value that none of these rows has (Good 1953)."""
    return sum(rows == 1 for rows in counts.values()) / sum(counts.values())


def distance(then: Counts, now: Counts) -> float:
    """Return the Jensen-Shannon distance between two distributions, corrected for sampling noise.

    The divergence expected between two samples of one distribution is subtracted from the divergence:
    (values - 1) / (8 ln 2) * (1 / n + 1 / m) bits (Grosse et al. 2002, Phys. Rev. E 65).
    """
    n, m = sum(then.values()), sum(now.values())
    rows_by_value = _rows_by_value(then, now)
    divergence = 0.0
    for rows_then, rows_now in rows_by_value:
        p, q = rows_then / n, rows_now / m
        middle = (p + q) / 2
        divergence += sum(share * math.log2(share / middle) / 2 for share in (p, q) if share)
    chance = (len(rows_by_value) - 1) / (8 * math.log(2)) * (1 / n + 1 / m)
    return math.sqrt(max(divergence - chance, 0.0))


def _rows_by_value(then: Counts, now: Counts) -> list[tuple[int, int]]:
    """Return the rows of each value then and now; values with few rows are added up, as the correction needs some."""
    rows_by_value, rare_then, rare_now = [], 0, 0
    for value in sorted({*then, *now}):
        rows_then, rows_now = then.get(value, 0), now.get(value, 0)
        if rows_then + rows_now >= ENOUGH:
            rows_by_value.append((rows_then, rows_now))
        else:
            rare_then, rare_now = rare_then + rows_then, rare_now + rows_now
    return [*rows_by_value, (rare_then, rare_now)] if rare_then or rare_now else rows_by_value


def _largest_change(trained: Counts, measured: Counts) -> str:
    n, m = sum(trained.values()), sum(measured.values())
    shares = {value: (trained.get(value, 0) / n, measured.get(value, 0) / m) for value in sorted({*trained, *measured})}
    value = max(shares, key=lambda value: abs(shares[value][1] - shares[value][0]))
    return f"{value}: {shares[value][1]:.1%} of the rows instead of {shares[value][0]:.1%}"
