"""Compare the trips that a model is measured on with those that it was trained on, category by category."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from ..base.file_types import Difference

CATEGORIES = ("hour", "pickup_zone", "dropoff_zone", "vendor", "trip_type")
ZONES = ("pickup_zone", "dropoff_zone")
MISSING = "missing"
MOST_VALUES = 10_000  # a column with more distinct values is not a category
NEVER_SEEN = 0.01  # share of the trips, in addition to what chance explains
# Jensen-Shannon distances (base 2, from 0 to 1), in addition to what chance explains. In green's real months, the hours
# of consecutive months are 0.03 apart, 0.11 if shifted by one hour and 0.43 if shifted by five; zones are 0.06 apart.
UNLIKE = {"hour": 0.08, "pickup_zone": 0.2, "dropoff_zone": 0.2, "vendor": 0.2, "trip_type": 0.2}

Counts = dict[str, int]


def count(name: str, column: pa.ChunkedArray) -> Counts | None:
    """Return the number of trips for each value of a category, or None if it has more than MOST_VALUES values."""
    pairs = [(entry["values"], entry["counts"]) for entry in column.value_counts().to_pylist()]
    if len(pairs) > MOST_VALUES:
        return None
    counts: Counts = {}
    for value, trips in pairs:
        is_missing = value is None or (name in ZONES and value < 0)
        key = MISSING if is_missing else f"{value:.15g}"
        counts[key] = counts.get(key, 0) + trips
    return counts


def warnings(
    trained: Mapping[str, Counts], measured: Mapping[str, Counts], months: str, month: str
) -> list[Difference]:
    """Return one warning per difference: `feature`, `kind`, `number`, `bound` and `text`, in the order of CATEGORIES.

    `trained` and `measured` are counts by category and value; `months` and `month` are their names in messages.
    """
    entries: list[Difference] = []
    for name in CATEGORIES:
        if name not in trained or name not in measured:
            continue
        trained_counts, measured_counts = trained[name], measured[name]
        new_values = [value for value in measured_counts if value not in trained_counts and value != MISSING]
        share, bound = (
            sum(measured_counts[value] for value in new_values) / sum(measured_counts.values()),
            NEVER_SEEN + 2 * unseen_by_chance(trained_counts),
        )
        if share > bound:
            shown = ", ".join(sorted(new_values, key=lambda value: (-measured_counts[value], value))[:5])
            text = f"{name}: {share:.1%} of the trips of {month} have values that no trip of {months} has ({shown})"
            entries.append({"feature": name, "kind": "never seen", "number": share, "bound": bound, "text": text})
        measured_distance = distance(trained_counts, measured_counts)
        if measured_distance > UNLIKE[name]:
            text = f"{name}: its distribution in {month} is unlike that in {months} (distance {measured_distance:.2f},"
            text += f" bound {UNLIKE[name]:g}); {_largest_change(trained_counts, measured_counts)}"
            entries.append(
                {"feature": name, "kind": "unlike", "number": measured_distance, "bound": UNLIKE[name], "text": text}
            )
    return entries


def unseen_by_chance(counts: Counts) -> float:
    """Return the expected share of new trips with a value that none of these trips has (Good 1953)."""
    return sum(trips == 1 for trips in counts.values()) / sum(counts.values())


def distance(then: Counts, now: Counts) -> float:
    """Return the Jensen-Shannon distance between two distributions, corrected for sampling noise.

    The divergence expected between two samples of one distribution is subtracted from the divergence:
    (values - 1) / (8 ln 2) * (1 / n + 1 / m) bits (Grosse et al. 2002, Phys. Rev. E 65).
    """
    n, m = sum(then.values()), sum(now.values())
    divergence = 0.0
    for value in sorted({*then, *now}):
        p, q = then.get(value, 0) / n, now.get(value, 0) / m
        middle = (p + q) / 2
        divergence += sum(share * math.log2(share / middle) / 2 for share in (p, q) if share)
    chance = (len({*then, *now}) - 1) / (8 * math.log(2)) * (1 / n + 1 / m)
    return math.sqrt(max(divergence - chance, 0.0))


def _largest_change(trained: Counts, measured: Counts) -> str:
    n, m = sum(trained.values()), sum(measured.values())
    shares = {value: (trained.get(value, 0) / n, measured.get(value, 0) / m) for value in sorted({*trained, *measured})}
    value = max(shares, key=lambda value: abs(shares[value][1] - shares[value][0]))
    return f"{value}: {shares[value][1]:.1%} of the trips instead of {shares[value][0]:.1%}"
