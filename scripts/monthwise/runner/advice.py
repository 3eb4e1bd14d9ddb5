"""Suggest settings with which a run continues past a rejected or missing data month.

Each setting is tried before it is suggested.
"""

import json
from collections.abc import Collection, Mapping

from ..base.exits import WrongConfig, WrongUsage
from ..base.months import shift, span
from ..config.settings import Settings
from ..data import quality_rules
from ..publisher import folder, resolve_folder
from ..workflow import availability, targets


def on_rejected(settings: Settings, quality: Mapping, blocked: Collection[str]) -> str:
    """Return one line that says why a data month is rejected, from its quality.json, and how to continue.

    `blocked` holds the data months of the service that cannot be read, including this one.
    """
    service, month = quality["service"], quality["month"]
    rejection = f"{service} {month} is rejected by {quality_rules.in_words(quality['rule'])}"
    # A waiver does not help if no rows are left.
    waiver = [_line({"quality": {"waive": {service: {month: "reason"}}}})] if quality["rows_out"] else []
    return (
        f"{rejection}; wait for a better file{_in_words([*waiver, *ways_without(settings, service, month, blocked)])}"
    )


def on_missing(settings: Settings, service: str, month: str, blocked: Collection[str]) -> str:
    """Return the ways to continue without a data month that is not published, as words to append to a sentence.

    The words are empty if there is no such way.
    """
    return _in_words(ways_without(settings, service, month, blocked))


def ways_without(settings: Settings, service: str, month: str, blocked: Collection[str]) -> list[str]:
    """Return the config lines with which nothing reads a data month, nor any month older than the available ones."""
    skip = {"skip": {service: sorted({*settings.config["skip"].get(service, ()), month})}}
    if _works(settings, skip, service, month):
        return [_line(skip)]
    begin, run_months = settings.begin(service), availability.run_months(settings, service)
    if not run_months or month not in _read_by(settings, service, begin):
        return []
    for new_begin in span(shift(begin, 1), run_months[-1]):
        layer = {"begin": {service: new_begin}}
        is_free = settings.validation_month(service, new_begin) and not blocked & _read_by(settings, service, new_begin)
        if is_free and _works(settings, layer, service, month):
            return [_line(layer)]
    return []


def _works(settings: Settings, layer: Mapping, service: str, month: str) -> bool:
    """Return whether the settings with `layer` on top are valid, and read neither `month` nor unavailable months."""
    before = set(availability.data_months(settings, service, availability.run_months(settings, service)))
    try:
        changed = settings.changed(layer)
        after = set(availability.data_months(changed, service, availability.run_months(changed, service)))
    except (WrongConfig, WrongUsage):
        return False
    oldest = _oldest(settings, service)
    return month not in after and all(oldest is not None and data_month >= oldest for data_month in after - before)


def _oldest(settings: Settings, service: str) -> str | None:
    """Return the oldest data month that is known to be available; None if no month is known."""
    known = targets.located_months(service)
    if settings.config["source"] == "demo":
        known = [*known, settings.config["demo"]["first"]]
    elif settings.config["source"] != "https":
        known += folder.months(resolve_folder(settings.config["source"]), settings.describe(service)["file"])
    return min(known, default=None)


def _read_by(settings: Settings, service: str, month: str) -> set[str]:
    """Return the data months that a run month trains on, and its validation month."""
    return {*settings.training_months(service, month), shift(month, -1)}


def _line(layer: Mapping) -> str:
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
    return f", or write {' or '.join(quoted)} in config/config.yaml" if quoted else ""
