"""Months of a folder whose file is not the one that was located: a stat each, so that parsing can name them."""

import os

from .. import publisher
from ..base import files, suggest
from ..config.settings import Settings
from ..publisher import folder
from ..workflow import targets


def restated_months(settings: Settings, service: str) -> list[str]:
    """Return the open data months that are known and whose file has changed since; none of other sources."""
    if not settings.config["source"].startswith("file:"):
        return []
    return [
        month
        for month in targets.located_months(service)
        if not settings.is_closed_data(service, month) and _is_restated(settings, service, month)
    ]


def _is_restated(settings: Settings, service: str, month: str) -> bool:
    located = files.read_json_if_whole(targets.data_file(service, month, "source.json")) or {}
    path = publisher.resolve_folder(settings.config["source"]) / str(located.get("file"))
    try:
        offered = folder.facts_of(os.stat(path))
    except OSError:
        return False  # a file that is gone leaves what is known
    return any(located.get(key) != fact for key, fact in offered.items())


def notices(settings: Settings) -> list[str]:
    """Return one line for each service with restated months."""
    lines = []
    for service in settings.services:
        if found := restated_months(settings, service):
            locate = suggest.command("locate", f"{found[0]}..{found[-1]}", service=service)
            lines.append(
                f"{service}: {', '.join(found)} changed in the folder since they were located; run `{locate}`, then"
                " rerun this command to rebuild what depends on them"
            )
    return lines
