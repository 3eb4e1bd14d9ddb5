"""Find months of a folder whose file is not the located one: one stat per month, fast enough for each parse."""

import os

from .. import publisher
from ..base import files, suggest
from ..config.settings import Settings
from ..publisher import folder
from ..workflow import targets


def restated_months(settings: Settings, service: str) -> list[str]:
    """Return the open data months whose file changed since they were located; none if the source is not a folder."""
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
        return False  # a deleted file does not make the located month outdated
    return any(located.get(key) != value for key, value in offered.items())


def notices(settings: Settings) -> list[str]:
    """Return one line for each service with restated months."""
    lines = []
    for service in settings.services:
        if restated := restated_months(settings, service):
            locate = suggest.command("locate", f"{restated[0]}..{restated[-1]}", service=service)
            lines.append(
                f"{service}: {', '.join(restated)} changed in the folder since they were located; run `{locate}`, then"
                " rerun this command to rebuild what depends on them"
            )
    return lines
