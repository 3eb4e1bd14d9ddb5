"""The rules that judge a month by itself, from its counts in quality.json.

Standard library only: whatever shows a verdict reads it here in words.
"""

import calendar
from collections.abc import Collection, Mapping

ZONES = ("pickup_zone", "dropoff_zone")


def judge(counts: Mapping, quality: Mapping, month: str, roles: Collection[str]) -> tuple[str, dict | None]:
    """Return `pass`, `warn` or `reject`, and the first rule that gave it: its name, the number and the bound.

    `roles` are those that the service has columns for. The rule has a `detail` where the number alone does not say
    what is wrong. A month without any trip is rejected whatever the bounds are.
    """
    found = _numbers(counts, month, roles)
    for verdict in ("reject", "warn"):
        bounds = dict(quality[verdict] or {})
        if verdict == "reject":
            bounds["rows_below"] = max(bounds.get("rows_below", 0), 1)
        for name, (number, detail) in found.items():
            bound = bounds.get(name)
            if bound is not None and (number < bound if name.endswith("_below") else number > bound):
                rule = {"name": name, "number": number, "bound": bound}
                return verdict, rule | ({"detail": detail} if detail else {})
    return "pass", None


def in_words(rule: Mapping) -> str:
    """Return a rule that a month broke, as messages and pages show it."""
    number = rule.get("number")
    number = f"{number:.6g}" if isinstance(number, float) else number
    detail = f" ({rule['detail']})" if rule.get("detail") else ""
    return f"{rule.get('name')}: {number}, bound {rule.get('bound')}{detail}"


def _numbers(counts: Mapping, month: str, roles: Collection[str]) -> dict[str, tuple[float, str]]:
    """Return for each rule, by its name in config, its number and the detail, in the order in which they are tried."""
    rows_in, rows_out, missing = counts["rows_in"], counts["rows_out"], counts["missing"]
    outside = counts["outside_month"]["rows"]
    elsewhere = _elsewhere(counts) if outside > (rows_in - rows_out) / 2 else ""
    days = calendar.monthrange(int(month[:4]), int(month[5:]))[1]
    covered = sum(count > 0 for count in counts["distributions"]["day"]["counts"][:days])
    zone = max((name for name in ZONES if name in roles), key=lambda name: missing.get(name, 0), default="")
    return {
        "outside_month_share_above": (outside / max(rows_in, 1), elsewhere),
        "rows_below": (rows_out, elsewhere),
        "kept_share_below": (rows_out / max(rows_in, 1), elsewhere),
        "days_share_below": (covered / days, f"{covered} of {days} days have trips"),
        "missing_zone_share_above": (missing.get(zone, 0), zone),
        "duplicates_share_above": (counts["duplicates"] / max(rows_out, 1), ""),
        "missing_distance_share_above": (missing.get("distance_mi", 0) if "distance" in roles else 0, ""),
    }


def _elsewhere(counts: Mapping) -> str:
    month, rows = max(counts["outside_month"]["months"].items(), key=lambda pair: pair[1])
    of_all = "all" if rows == counts["rows_in"] else f"{rows:,} of"
    return f"{of_all} {counts['rows_in']:,} rows are of {month}"
