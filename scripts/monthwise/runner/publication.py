"""Check months at the publisher: which months a call checks, and the state of each one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .. import publisher
from ..base import exits, files, months
from ..config.settings import Settings
from ..state import calls, decisions
from ..workflow import job_settings, targets
from ..workflow.calendar import Calendar, Calendars

if TYPE_CHECKING:
    from ..base.file_types import Source

IN_CALLS = 30
AnswerState = Literal["new", "changed", "unchanged", "not published", "failed"]


class Answer(NamedTuple):
    """What the publisher says about a month: its state, the error that explains it, and how the month was restated."""

    state: AnswerState
    error: exits.Exit | None = None
    how: str = ""


def check_months(
    calendars: Calendars, requested: Iterable[tuple[str, str]], changes: bool = True
) -> dict[tuple[str, str], Answer]:
    """Check many months of datasets at once; return the answer about each. Writes source.json if `changes` is true."""
    outcomes = publisher.locate_all(
        {(dataset, month): job_settings.of_job(calendars[dataset], "locate", month) for dataset, month in requested}
    )
    return {
        dataset_month: _answer(calendars.settings, *dataset_month, outcome, changes)
        for dataset_month, outcome in outcomes.items()
    }


def failure(answers: Mapping[tuple[str, str], Answer]) -> str:
    """Return the first line that says why months could not be checked, and how many other lines there are."""
    lines = list(dict.fromkeys(str(answer.error) for answer in answers.values() if answer.state == "failed"))
    return "" if not lines else lines[0] + (f" (and {len(lines) - 1} more like it)" if len(lines) > 1 else "")


def exit_codes(answers: Mapping[tuple[str, str], Answer]) -> set[int]:
    """Return the exit codes of the errors for which months could not be checked."""
    return {answer.error.code for answer in answers.values() if answer.state == "failed" and answer.error}


def due_months(calendar: Calendar, recheck: int | None = None) -> list[str]:
    """Return the months that may be new or restated.

    A month may be new if it is needed and not known, up to the last complete month. The newest months may be restated.
    """
    known = calendar.known.located
    first = min(calendar.training_months(calendar.first))
    unknown = [month for month in months.span(first, calendar.newest_possible) if month not in known]
    to_check = {*unknown, *rechecked(calendar.settings, known, recheck)}
    return sorted(month for month in to_check if not calendar.is_closed_data(month))


def rechecked(settings: Settings, known: Sequence[str], recheck: int | None = None) -> list[str]:
    """Return the known months that this call checks again: the newest `recheck`, if it is given.

    Otherwise, in a folder, these are all months, because each one costs one stat. On the web, these are the newest
    `publisher.recheck` months and a part of the older ones. The number of calls so far selects that part, so that
    IN_CALLS calls cover each older month.
    """
    if recheck is not None:
        return list(known[-recheck:] if recheck else ())
    if settings.config.source != "https":
        return list(known)
    older = known[: max(len(known) - settings.config.publisher.recheck, 0)]
    number = decisions.content(calls.PATH).count(b"\n")
    return [*older[number % IN_CALLS :: IN_CALLS], *known[len(older) :]]


def _answer(settings: Settings, dataset: str, month: str, outcome: Source | Exception, changes: bool) -> Answer:
    if isinstance(outcome, exits.NotPublished):
        return Answer("not published", outcome)
    if isinstance(outcome, exits.Exit):
        return Answer("failed", outcome)
    if isinstance(outcome, Exception):
        raise outcome
    path = targets.data_file(dataset, month, "source.json")
    existed, before = os.path.exists(path), files.read_json_if_whole(path)
    try:
        changed = publisher.update(path, outcome) if changes else before != outcome
    except OSError as error:
        end = exits.from_os_error(error)
        if end is None:
            raise
        return Answer("failed", end)
    if not changed:
        return Answer("unchanged")
    return Answer("changed", how=_difference(settings, before or {}, outcome)) if existed else Answer("new")


def _difference(settings: Settings, before: Mapping[str, Any], facts: Source) -> str:
    """Return in words how a month was restated: in rows if they are known, else in bytes."""
    quality = files.read_json_if_whole(targets.data_file(facts["dataset"], facts["month"], "quality.json")) or {}
    if facts["kind"] == "file" and "rows_in" in quality:
        import pyarrow.parquet as pq  # only for a restated month

        path = publisher.resolve_folder(settings.config.source) / facts["file"]
        with contextlib.suppress(OSError, ValueError):  # ingest reports what is wrong with the file
            return f"{quality['rows_in']:,} -> {pq.read_metadata(path).num_rows:,} rows"
    sizes = before.get("size"), facts.get("size")
    return f"{sizes[0]:,} -> {sizes[1]:,} bytes" if all(sizes) else ""
