"""`./monthwise locate`: the only sensor there is. Asks about many months at once and rewrites what changed."""

import argparse
import collections
import os
from concurrent.futures import ThreadPoolExecutor

from .. import exits, jobs, months, publisher, targets
from ..settings import Settings
from . import chosen_services

AT_ONCE = 8


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Ask, write, say what is new; exit code 66 where a month that was named is not published, 69 without an answer."""
    due = [
        (service, month)
        for service in chosen_services(arguments, settings)
        for month in arguments.range or _due(settings, service)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda asked: _locate(settings, *asked), due))

    found = collections.defaultdict(list)
    for (service, month), (state, line) in zip(due, outcomes, strict=True):
        found[state].append(f"{service} {month}")
        if state in ("new", "changed"):
            print(f"{service} {month}: {state}")
        elif state == "failed" or (state == "not published" and arguments.range):
            print(line)
    print("; ".join(f"{len(names)} {state}" for state, names in found.items()) or "nothing to ask for")
    if found["failed"]:
        return max(line.code for state, line in outcomes if state == "failed")
    return os.EX_NOINPUT if arguments.range and found["not published"] else os.EX_OK


def _due(settings: Settings, service: str) -> list[str]:
    """Return the months that may be new (needed and not known, up to the last whole one) or restated (the newest)."""
    known = targets.located_months(service)
    run_months = targets.run_months(settings, service)
    first = min(settings.training_months(service, run_months[0]))
    last = settings.newest_possible(service, months.today())
    unknown = [month for month in months.span(first, last) if month not in known]
    recheck = settings.config["publisher"]["recheck"]
    return sorted({*unknown, *(known[-recheck:] if recheck else ())})


def _locate(settings: Settings, service: str, month: str) -> tuple[str, exits.Exit | None]:
    path = targets.data_file(service, month, "source.json")
    try:
        facts = publisher.locate(jobs.of_job(settings, "locate", service, month))
        existed = os.path.exists(path)
        changed = publisher.update(path, facts)
    except exits.NotPublished as end:
        return "not published", end
    except exits.Exit as end:
        return "failed", end
    except OSError as error:
        end = exits.from_os_error(error)
        if end is None:
            raise
        return "failed", end
    return ("changed" if existed else "new") if changed else "unchanged", None
