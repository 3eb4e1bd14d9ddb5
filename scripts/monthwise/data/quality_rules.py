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


def judge(
    counts: QualityCounts, quality: Mapping[str, Any], month: str, optional: Collection[str] = ()
) -> tuple[Verdict, BrokenRule | None]:
    """Return `pass`, `warn` or `reject`, and the first rule that was broken: its name, number and bound.

    Features in `optional` may be missing. The rule has a `detail` if the number alone does not explain the problem. A
    month without rows, or whose rows all have the same target, is always rejected.
    """
    numbers_by_rule = _numbers(counts, month, optional)
    verdicts: tuple[Verdict, ...] = ("reject", "warn")
    for verdict in verdicts:
        bounds = dict(quality[verdict] or {})
        if verdict == "reject":
            bounds["rows_below"] = max(bounds.get("rows_below", 0), 1)
            bounds["target_values_below"] = 2
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
    hint = ": leave it out of features if that is usual" if rule.get("name") == "missing_share_above" else ""
    detail = f" ({rule['detail']}{hint})" if rule.get("detail") else ""
    return f"{rule.get('name')}: {shown}, bound {rule.get('bound')}{detail}"


def _numbers(counts: QualityCounts, month: str, optional: Collection[str]) -> dict[str, tuple[float, str]]:
    """Return number and detail of each rule, by its name in config, in the order in which rules are checked."""
    rows_in, rows_out = counts["rows_in"], counts["rows_out"]
    outside, targetless = counts["outside_month"]["rows"], counts["drops"].get("target_missing", 0)
    is_most = (rows_in - rows_out) / 2
    why = _elsewhere(counts) if outside > is_most else ""
    why = why or (f"{targetless:,} of {rows_in:,} rows have no target" if targetless > is_most else "")
    days = calendar.monthrange(int(month[:4]), int(month[5:]))[1]
    days_with_rows = sum(count > 0 for count in counts["distributions"]["day"]["counts"][:days])
    missing = {name: share for name, share in counts["missing"].items() if name not in optional}
    worst = max(missing, key=lambda name: missing[name], default="")
    target = counts["target"]
    is_constant = rows_out > 0 and target["min"] == target["max"]
    return {
        "outside_month_share_above": (outside / max(rows_in, 1), why),
        "rows_below": (rows_out, why),
        "target_values_below": (1 if is_constant else 2, _constant(counts) if is_constant else ""),
        "kept_share_below": (rows_out / max(rows_in, 1), why),
        "days_share_below": (days_with_rows / days, f"{days_with_rows} of {days} days have rows"),
        "missing_share_above": (missing.get(worst, 0), worst),
        "duplicates_share_above": (counts["duplicates"] / max(rows_out, 1), ""),
    }


def _constant(counts: QualityCounts) -> str:
    others = ", ".join(f"{value!r}" for value in counts["target"]["other_values"])
    detail = f"all {counts['rows_out']:,} rows have the target {counts['target']['min']:g}"
    return f"{detail}; other values are {others}" if others else detail


def _elsewhere(counts: QualityCounts) -> str:
    month, rows = max(counts["outside_month"]["months"].items(), key=lambda pair: pair[1])
    amount = "all" if rows == counts["rows_in"] else f"{rows:,} of"
    return f"{amount} {counts['rows_in']:,} rows are of {month}"
