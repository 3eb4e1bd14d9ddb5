"""Months, written `YYYY-MM`: plain strings, so that they sort, serve as wildcards and stand in JSON as they are."""

import datetime
import os
import re
from collections.abc import Iterable

from .exits import WrongUsage

PATTERN = r"\d{4}-(?:0[1-9]|1[0-2])"


def is_month(text: object) -> bool:
    """Whether `text` is a month, such as `2021-03`."""
    return isinstance(text, str) and re.fullmatch(PATTERN, text, re.ASCII) is not None


def shift(month: str, by: int) -> str:
    """Return the month `by` months after `month` (before it, where `by` is negative)."""
    count = int(month[:4]) * 12 + int(month[5:]) - 1 + by
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def span(first: str, last: str) -> list[str]:
    """Return all months from `first` to `last`, both in; none where `first` is after `last`."""
    found = []
    while first <= last:
        found.append(first)
        first = shift(first, 1)
    return found


def in_words(months: Iterable[str]) -> str:
    """Return months in order, those in a row as a span: `2021-04 to 2021-12, 2022-03`."""
    spans: list[list[str]] = []
    for month in sorted(set(months)):
        if spans and shift(spans[-1][-1], 1) == month:
            spans[-1].append(month)
        else:
            spans.append([month])
    return ", ".join(found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}" for found in spans)


def not_published(missing: Iterable[str], published: Iterable[str]) -> dict[str, list[str]]:
    """Return `missing` months by what they are, in words: holes between `published` ones, and those that come later."""
    newest = max(published, default="")
    words = {"missing between months that are published": [], "not published yet": []}
    for month in sorted(missing):
        words["missing between months that are published" if month < newest else "not published yet"].append(month)
    return {what: found for what, found in words.items() if found}


def today() -> str:
    """Return the month it is now."""
    return date_today().strftime("%Y-%m")


def date_today() -> datetime.date:
    """Return the date by the clock of this machine; MONTHWISE_TODAY (YYYY-MM-DD) goes before it, to try a calendar."""
    given = os.environ.get("MONTHWISE_TODAY")
    try:
        return datetime.date.fromisoformat(given) if given else datetime.date.today()
    except ValueError:
        raise WrongUsage(f"MONTHWISE_TODAY is {given!r}, which is no date: write YYYY-MM-DD, or unset it") from None


def parse_range(text: str) -> tuple[str, str]:
    """Return first and last month of `2024-03` or `2024-03..2024-09`; ValueError says what is wrong with it."""
    first, dots, last = text.partition("..")
    for month in (first, last) if dots else (first,):
        if not is_month(month):
            raise ValueError(f"{month!r} is no month: write 2024-03, or 2024-03..2024-09 for a range")
    if dots and first > last:
        raise ValueError(f"the range {text} ends before it begins")
    return first, last or first
