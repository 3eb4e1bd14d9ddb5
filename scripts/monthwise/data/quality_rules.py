"""Judge the quality of a month from its counts in quality.json.

Uses the standard library only, because whatever shows a verdict imports this module.
"""

from __future__ import annotations

import calendar
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ..base.file_types import BrokenRule, QualityCounts, Verdict

ZONES = ("pickup_zone", "dropoff_zone")


def judge(
    counts: QualityCounts, quality: Mapping[str, Any], month: str, roles: Collection[str]
) -> tuple[Verdict, BrokenRule | None]:
    """Return `pass`, `warn` or `reject`, and the first rule that was broken: its name, number and bound.

    `roles` are those that the service has columns for. The rule has a `detail` if the number alone does not explain the
    problem. A month without trips is always rejected.
    """
    numbers_by_rule = _numbers(counts, month, roles)
    verdicts: tuple[Verdict, ...] = ("reject", "warn")
    for verdict in verdicts:
        bounds = dict(quality[verdict] or {})
        if verdict == "reject":
            bounds["rows_below"] = max(bounds.get("rows_below", 0), 1)
        for name, (number, detail) in numbers_by_rule.items():
            bound = bounds.get(name)
            if bound is not None and (number < bound if name.endswith("_below") else number > bound):
                rule: BrokenRule = {"name": name, "number": number, "bound": bound}
                if detail:
                    rule["detail"] = detail
                return verdict, rule
    return "pass", None


def in_words(rule: BrokenRule) -> str:
    """Return a broken rule as a text for messages and pages."""
    number = rule.get("number")
    shown = f"{number:.6g}" if isinstance(number, float) else number
    detail = f" ({rule['detail']})" if rule.get("detail") else ""
    return f"{rule.get('name')}: {shown}, bound {rule.get('bound')}{detail}"


def _numbers(counts: QualityCounts, month: str, roles: Collection[str]) -> dict[str, tuple[float, str]]:
    """Return number and detail of each rule, by its name in config, in the order in which rules are checked."""
    rows_in, rows_out, missing = counts["rows_in"], counts["rows_out"], counts["missing"]
    outside = counts["outside_month"]["rows"]
    other_month = _elsewhere(counts) if outside > (rows_in - rows_out) / 2 else ""
    days = calendar.monthrange(int(month[:4]), int(month[5:]))[1]
    days_with_trips = sum(count > 0 for count in counts["distributions"]["day"]["counts"][:days])
    worst_zone_column = max(
        (name for name in ZONES if name in roles), key=lambda name: missing.get(name, 0), default=""
    )
    return {
        "outside_month_share_above": (outside / max(rows_in, 1), other_month),
        "rows_below": (rows_out, other_month),
        "kept_share_below": (rows_out / max(rows_in, 1), other_month),
        "days_share_below": (days_with_trips / days, f"{days_with_trips} of {days} days have trips"),
        "missing_zone_share_above": (missing.get(worst_zone_column, 0), worst_zone_column),
        "duplicates_share_above": (counts["duplicates"] / max(rows_out, 1), ""),
        "missing_distance_share_above": (missing.get("distance_mi", 0) if "distance" in roles else 0, ""),
    }


def _elsewhere(counts: QualityCounts) -> str:
    month, rows = max(counts["outside_month"]["months"].items(), key=lambda pair: pair[1])
    amount = "all" if rows == counts["rows_in"] else f"{rows:,} of"
    return f"{amount} {counts['rows_in']:,} rows are of {month}"
