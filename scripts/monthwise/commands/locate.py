"""`./monthwise locate`: the only sensor there is. Asks about many months at once and rewrites what changed."""

import argparse
import collections
import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

from .. import due, exits, jobs, lock, months, publisher, targets
from ..settings import Settings
from . import chosen_services

AT_ONCE = 8
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
        elif state == "failed" or (state == "not published" and arguments.range):
            print(line)
    print("; ".join(f"{len(names)} {state}" for state, names in found.items()) or "nothing to ask for")
    if found["failed"]:
        return max(line.code for state, line in outcomes.values() if state == "failed")
    return os.EX_NOINPUT if arguments.range and found["not published"] else os.EX_OK


def ask(settings: Settings, asked: list[tuple[str, str]], changes: bool = True) -> dict[tuple[str, str], Answer]:
    """Ask about months of services, many at once; return for each what became of it, and the end or words that say why.

    `new`, `changed`, `unchanged`, `not published` or `failed`; source.json is written where `changes` allows it.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda each: _locate(settings, *each, changes), asked))
    return dict(zip(asked, outcomes, strict=True))


def due_months(settings: Settings, service: str, recheck: int | None = None) -> list[str]:
    """Return the months that may be new (needed and not known, up to the last whole one) or restated (the newest)."""
    known = targets.located_months(service)
    first = min(settings.training_months(service, settings.first_run_month(service)))
    last = settings.newest_possible(service, months.today())
    unknown = [month for month in months.span(first, last) if month not in known]
    recheck = settings.config["publisher"]["recheck"] if recheck is None else recheck
    wanted = {*unknown, *(known[-recheck:] if recheck else ())}
    return sorted(month for month in wanted if not settings.is_closed_data(service, month))


def _locate(settings: Settings, service: str, month: str, changes: bool) -> Answer:
    path = targets.data_file(service, month, "source.json")
    try:
        facts = publisher.locate(jobs.of_job(settings, "locate", service, month))
        existed, before = os.path.exists(path), due.read(path)
        changed = publisher.update(path, facts) if changes else before != facts
    except exits.NotPublished as end:
        return "not published", end
    except exits.Exit as end:
        return "failed", end
    except OSError as error:
        end = exits.from_os_error(error)
        if end is None:
            raise
        return "failed", end
    if not changed:
        return "unchanged", None
    return ("changed", _difference(settings, before or {}, facts)) if existed else ("new", None)


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
