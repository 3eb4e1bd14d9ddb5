"""Suggest settings with which a run continues past a rejected or missing data month.

Each setting is tried before it is suggested.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from ..base.exits import WrongConfig, WrongUsage
from ..base.months import shift, span
from ..data import quality_rules
from ..workflow.calendar import Calendar


def on_rejected(calendar: Calendar, quality: Mapping[str, Any], blocked: Collection[str]) -> str:
    """Return one line that says why a data month is rejected, from its quality.json, and how to continue.

    `blocked` holds the data months of the dataset that cannot be read, including this one.
    """
    dataset, month = quality["dataset"], quality["month"]
    rejection = f"{dataset} {month} is rejected by {quality_rules.in_words(quality['rule'])}"
    # A waiver does not help if no rows are left.
    waiver = [_line({"quality": {"waive": {dataset: {month: "reason"}}}})] if quality["rows_out"] else []
    return f"{rejection}; wait for a better file{_in_words([*waiver, *ways_without(calendar, month, blocked)])}"


def on_missing(calendar: Calendar, month: str, blocked: Collection[str]) -> str:
    """Return the ways to continue without a data month that is not published, as words to append to a sentence.

    The words are empty if there is no such way.
    """
    return _in_words(ways_without(calendar, month, blocked))


def ways_without(calendar: Calendar, month: str, blocked: Collection[str]) -> list[str]:
    """Return the config lines with which nothing reads a data month, nor any month older than the available ones."""
    skip = {"skip": {calendar.dataset: sorted({*calendar.skipped, month})}}
    if _works(calendar, skip, month):
        return [_line(skip)]
    run_months = calendar.open_run_months
    if not run_months or month not in _read_by(calendar, calendar.begin):
        return []
    for new_begin in span(shift(calendar.begin, 1), run_months[-1]):
        layer = {"begin": {calendar.dataset: new_begin}}
        is_free = calendar.validation_month(new_begin) and _read_by(calendar, new_begin).isdisjoint(blocked)
        if is_free and _works(calendar, layer, month):
            return [_line(layer)]
    return []


def _works(calendar: Calendar, layer: Mapping[str, object], month: str) -> bool:
    """Return whether the settings with `layer` on top are valid, and read neither `month` nor unavailable months."""
    before = set(calendar.data_months(*calendar.open_run_months))
    try:
        changed = calendar.changed(layer)
        after = set(changed.data_months(*changed.open_run_months))
    except (WrongConfig, WrongUsage):
        return False
    oldest = _oldest(calendar)
    return month not in after and all(oldest is not None and data_month >= oldest for data_month in after - before)


def _oldest(calendar: Calendar) -> str | None:
    """Return the oldest data month that is known to be available; None if no month is known."""
    known = [*calendar.known.located, *calendar.known.in_folder]
    known += [calendar.config.demo.first] if calendar.config.source == "demo" else []
    return min(known, default=None)


def _read_by(calendar: Calendar, month: str) -> set[str]:
    """Return the data months that a run month trains on, and its validation month."""
    return {*calendar.training_months(month), shift(month, -1)}


def _line(layer: Mapping[str, object]) -> str:
    """Return settings as one line of YAML: `skip: {green: [2024-05]}`."""
    ((key, value),) = layer.items()
    return f"{key}: {_flow(value)}"


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return json.dumps(value) if value == "reason" else str(value)


def _in_words(lines: Collection[str]) -> str:
    quoted = [f"`{line}`" for line in lines]
    return f", or write {' or '.join(quoted)} in config/config.yaml or a file of your own" if quoted else ""
