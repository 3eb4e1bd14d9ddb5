"""Find months of a folder whose file is not the located one: one stat per month, fast enough for each parse."""

import os

from .. import publisher
from ..base import files, suggest
from ..publisher import folder
from ..workflow import targets
from ..workflow.calendar import Calendar, Calendars


def restated_months(calendar: Calendar) -> list[str]:
    """Return the open data months whose file changed since they were located; none if the source is not a folder."""
    if not calendar.config.source.startswith("file:"):
        return []
    return [
        month
        for month in calendar.known.located
        if not calendar.is_closed_data(month) and _is_restated(calendar, month)
    ]


def _is_restated(calendar: Calendar, month: str) -> bool:
    located = files.read_json_if_whole(targets.data_file(calendar.dataset, month, "source.json")) or {}
    path = publisher.resolve_folder(calendar.config.source) / str(located.get("file"))
    try:
        offered = folder.facts_of(os.stat(path))
    except OSError:
        return False  # a deleted file does not make the located month outdated
    return any(located.get(key) != value for key, value in offered.items())


def notices(calendars: Calendars) -> list[str]:
    """Return one line for each dataset with restated months."""
    lines = []
    for calendar in calendars.of_call():
        dataset = calendar.dataset
        if restated := restated_months(calendar):
            locate = suggest.command("locate", f"{restated[0]}..{restated[-1]}", dataset=dataset)
            lines.append(
                f"{dataset}: {', '.join(restated)} changed in the folder since they were located; run `{locate}`, then"
                " rerun this command to rebuild what depends on them"
            )
    return lines
