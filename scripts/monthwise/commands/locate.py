"""`./monthwise locate`: the only sensor there is. Asks about many months at once and rewrites what changed."""

import argparse
import collections
import contextlib
import os
from collections.abc import Mapping, Sequence

from .. import calls, due, exits, history, jobs, lock, months, publisher, targets
from ..settings import Settings
from . import chosen_services

IN_CALLS = 30
Answer = tuple[str, exits.Exit | str | None]


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Take the lock and locate."""
    with lock.hold("locate"):
        return _run(arguments, settings)


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Ask, write, say what is new; exit code 66 where a month that was named is not published, 69 without an answer."""
    asked = [
        (service, month)
        for service in chosen_services(arguments, settings)
        for month in arguments.range or due_months(settings, service)
    ]
    outcomes = ask(settings, asked)
    found = collections.defaultdict(list)
    for (service, month), (state, line) in outcomes.items():
        found[state].append(f"{service} {month}")
        if state in ("new", "changed"):
            print(f"{service} {month}: {state}")
        elif state == "not published" and arguments.range:
            print(line)
    if line := failure(outcomes):
        print(line)
    print("; ".join(f"{len(names)} {state}" for state, names in found.items()) or "nothing to ask for")
    if found["failed"]:
        return max(line.code for state, line in outcomes.values() if state == "failed")
    return os.EX_NOINPUT if arguments.range and found["not published"] else os.EX_OK


def ask(settings: Settings, asked: list[tuple[str, str]], changes: bool = True) -> dict[tuple[str, str], Answer]:
    """Ask about months of services, many at once; return for each what became of it, and the end or words that say why.

    `new`, `changed`, `unchanged`, `not published` or `failed`; source.json is written where `changes` allows it.
    """
    outcomes = publisher.locate_all({about: jobs.of_job(settings, "locate", *about) for about in asked})
    return {about: _answer(settings, *about, outcome, changes) for about, outcome in outcomes.items()}


def failure(answers: Mapping[tuple[str, str], Answer]) -> str:
    """Return the first line that says why months could not be asked about, and how many other lines there are."""
    lines = list(dict.fromkeys(str(end) for state, end in answers.values() if state == "failed"))
    return "" if not lines else lines[0] + (f" (and {len(lines) - 1} more like it)" if len(lines) > 1 else "")


def due_months(settings: Settings, service: str, recheck: int | None = None) -> list[str]:
    """Return the months that may be new (needed and not known, up to the last whole one) or restated (the newest)."""
    known = targets.located_months(service)
    first = min(settings.training_months(service, settings.first_run_month(service)))
    last = settings.newest_possible(service, months.today())
    unknown = [month for month in months.span(first, last) if month not in known]
    wanted = {*unknown, *rechecked(settings, known, recheck)}
    return sorted(month for month in wanted if not settings.is_closed_data(service, month))


def rechecked(settings: Settings, known: Sequence[str], recheck: int | None = None) -> list[str]:
    """Return the known months that are looked at again in this call: the newest `recheck`, where it is given.

    Else all months of a folder, where that costs a stat each; on the web the newest `publisher.recheck`, and of the
    older ones those whose turn it is by the number of calls so far, so that IN_CALLS calls come to each of them.
    """
    if recheck is not None:
        return list(known[-recheck:] if recheck else ())
    if settings.config["source"] != "https":
        return list(known)
    older = known[: max(len(known) - settings.config["publisher"]["recheck"], 0)]
    number = history.content(calls.PATH).count(b"\n")
    return [*older[number % IN_CALLS :: IN_CALLS], *known[len(older) :]]


def _answer(settings: Settings, service: str, month: str, outcome: dict | Exception, changes: bool) -> Answer:
    if isinstance(outcome, exits.NotPublished):
        return "not published", outcome
    if isinstance(outcome, exits.Exit):
        return "failed", outcome
    if isinstance(outcome, Exception):
        raise outcome
    path = targets.data_file(service, month, "source.json")
    existed, before = os.path.exists(path), due.read(path)
    try:
        changed = publisher.update(path, outcome) if changes else before != outcome
    except OSError as error:
        end = exits.from_os_error(error)
        if end is None:
            raise
        return "failed", end
    if not changed:
        return "unchanged", None
    return ("changed", _difference(settings, before or {}, outcome)) if existed else ("new", None)


def _difference(settings: Settings, before: dict, facts: dict) -> str:
    """Return in words how a month was restated: in rows where they are known, else in bytes."""
    quality = due.read(targets.data_file(facts["service"], facts["month"], "quality.json")) or {}
    if facts["kind"] == "file" and "rows_in" in quality:
        import pyarrow.parquet as pq  # for a restated month alone

        path = publisher.resolve_folder(settings.config["source"]) / facts["file"]
        with contextlib.suppress(OSError, ValueError):  # what is wrong with it, ingest says
            return f"{quality['rows_in']:,} -> {pq.read_metadata(path).num_rows:,} rows"
    sizes = before.get("size"), facts.get("size")
    return f"{sizes[0]:,} -> {sizes[1]:,} bytes" if all(sizes) else ""
