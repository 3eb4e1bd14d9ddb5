"""Months as strings `YYYY-MM`, which sort correctly and can be used as wildcards and in JSON."""

import datetime
import os
import re
from collections.abc import Iterable

from .exits import WrongUsage

PATTERN = "[0-9]{4}-(?:0[1-9]|1[0-2])"


def in_name(pattern: str, month: str) -> str:
    """Return a file name pattern (`{month}`, or `{year}` and `{mm}`) with a month in it."""
    return pattern.replace("{month}", month).replace("{year}", month[:4]).replace("{mm}", month[5:])


def is_month(text: object) -> bool:
    """Return whether `text` is a month, such as `2021-03`."""
    return isinstance(text, str) and re.fullmatch(PATTERN, text) is not None


def shift(month: str, by: int) -> str:
    """Return the month `by` months after `month` (before it if `by` is negative)."""
    count = int(month[:4]) * 12 + int(month[5:]) - 1 + by
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def span(first: str, last: str) -> list[str]:
    """Return all months from `first` to `last` inclusive; empty if `first` is after `last`."""
    months = []
    while first <= last:
        months.append(first)
        first = shift(first, 1)
    return months


def in_words(months: Iterable[str]) -> str:
    """Return months as a sorted text; consecutive ones form a range: `2021-04 to 2021-12, 2022-03`."""
    spans: list[list[str]] = []
    for month in sorted(set(months)):
        if spans and shift(spans[-1][-1], 1) == month:
            spans[-1].append(month)
        else:
            spans.append([month])
    return ", ".join(group[0] if len(group) == 1 else f"{group[0]} to {group[-1]}" for group in spans)


def not_published(missing: Iterable[str], published: Iterable[str]) -> dict[str, list[str]]:
    """Return the `missing` months by kind: those between `published` months, and later ones."""
    newest = max(published, default="")
    months_by_kind: dict[str, list[str]] = {"missing between months that are published": [], "not published yet": []}
    for month in sorted(missing):
        months_by_kind["missing between months that are published" if month < newest else "not published yet"].append(
            month
        )
    return {kind: kind_months for kind, kind_months in months_by_kind.items() if kind_months}


def today() -> str:
    """Return the current month."""
    return date_today().strftime("%Y-%m")


def date_today() -> datetime.date:
    """Return MONTHWISE_TODAY (YYYY-MM-DD) if it is set, to test another date, else the date of this machine."""
    given = os.environ.get("MONTHWISE_TODAY")
    try:
        return datetime.date.fromisoformat(given) if given else datetime.date.today()
    except ValueError:
        raise WrongUsage(f"MONTHWISE_TODAY is {given!r}, which is no date: write YYYY-MM-DD, or unset it") from None


def parse_range(text: str) -> tuple[str, str]:
    """Return first and last month of `2024-03` or `2024-03..2024-09`; raises ValueError if it is invalid."""
    first, dots, last = text.partition("..")
    for month in (first, last) if dots else (first,):
        if not is_month(month):
            raise ValueError(f"{month!r} is no month: write 2024-03, or 2024-03..2024-09 for a range")
    if dots and first > last:
        raise ValueError(f"the range {text} ends before it begins")
    return first, last or first
