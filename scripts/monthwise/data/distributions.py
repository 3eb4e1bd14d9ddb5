"""How unlike the trips that a model is measured on are to those that it was trained on, category by category."""

import math
from collections.abc import Mapping

import pyarrow as pa

CATEGORIES = ("hour", "pickup_zone", "dropoff_zone", "vendor", "trip_type")
ZONES = ("pickup_zone", "dropoff_zone")
MISSING = "missing"
MOST_VALUES = 10_000  # a column with more different values is no category
NEVER_SEEN = 0.01  # share of the trips, beyond what chance does
# Distances of Jensen and Shannon (base 2, from 0 to 1), beyond what chance does. Of green's real months, hours of one
# and the next are 0.03 apart, 0.11 where they are shifted by an hour, 0.43 by five; zones 0.06.
UNLIKE = {"hour": 0.08, "pickup_zone": 0.2, "dropoff_zone": 0.2, "vendor": 0.2, "trip_type": 0.2}

Counts = dict[str, int]


def count(name: str, column: pa.ChunkedArray) -> Counts | None:
    """Return how many trips have each value of a category; None where there are too many values."""
    pairs = [(each["values"], each["counts"]) for each in column.value_counts().to_pylist()]
    if len(pairs) > MOST_VALUES:
        return None
    found: Counts = {}
    for value, trips in pairs:
        is_missing = value is None or (name in ZONES and value < 0)
        key = MISSING if is_missing else f"{value:.15g}"
        found[key] = found.get(key, 0) + trips
    return found


def warnings(trained: Mapping[str, Counts], measured: Mapping[str, Counts], months: str, month: str) -> list[dict]:
    """Return what is unlike in a month: `feature`, `kind`, `number`, `bound` and `text`, in the order of CATEGORIES.

    `trained` and `measured` are counts by category and value; `months` and `month` name them in words.
    """
    found = []
    for name in CATEGORIES:
        if name not in trained or name not in measured:
            continue
        then, now = trained[name], measured[name]
        new = [value for value in now if value not in then and value != MISSING]
        share, bound = sum(now[value] for value in new) / sum(now.values()), NEVER_SEEN + 2 * unseen_by_chance(then)
        if share > bound:
            shown = ", ".join(sorted(new, key=lambda value: (-now[value], value))[:5])
            text = f"{name}: {share:.1%} of the trips of {month} have values that no trip of {months} has ({shown})"
            found.append({"feature": name, "kind": "never seen", "number": share, "bound": bound, "text": text})
        apart = distance(then, now)
        if apart > UNLIKE[name]:
            text = f"{name}: its distribution in {month} is unlike that in {months} (distance {apart:.2f},"
            text += f" bound {UNLIKE[name]:g}); {_largest_change(then, now)}"
            found.append({"feature": name, "kind": "unlike", "number": apart, "bound": UNLIKE[name], "text": text})
    return found


def unseen_by_chance(counts: Counts) -> float:
    """Return the share of new trips that can be expected to have a value which none of these has (Good 1953)."""
    return sum(trips == 1 for trips in counts.values()) / sum(counts.values())


def distance(then: Counts, now: Counts) -> float:
    """Return the distance of Jensen and Shannon between two distributions, less what two draws of one would have.

    That is, of the divergence, (values - 1) / (8 ln 2) * (1 / n + 1 / m) bits (Grosse et al. 2002, Phys. Rev. E 65).
    """
    n, m = sum(then.values()), sum(now.values())
    divergence = 0.0
    for value in sorted({*then, *now}):
        p, q = then.get(value, 0) / n, now.get(value, 0) / m
        middle = (p + q) / 2
        divergence += sum(share * math.log2(share / middle) / 2 for share in (p, q) if share)
    chance = (len({*then, *now}) - 1) / (8 * math.log(2)) * (1 / n + 1 / m)
    return math.sqrt(max(divergence - chance, 0.0))


def _largest_change(then: Counts, now: Counts) -> str:
    n, m = sum(then.values()), sum(now.values())
    shares = {value: (then.get(value, 0) / n, now.get(value, 0) / m) for value in sorted({*then, *now})}
    value = max(shares, key=lambda value: abs(shares[value][1] - shares[value][0]))
    return f"{value}: {shares[value][1]:.1%} of the trips instead of {shares[value][0]:.1%}"
