"""`./monthwise locate`: the only sensor there is. Asks about many months at once and rewrites what changed."""

import argparse
import collections
import os

from ..base import lock
from ..config.settings import Settings
from ..runner import publication


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Take the lock and locate."""
    with lock.hold("locate"):
        return _run(arguments, settings)


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Ask, write, say what is new; exit code 66 where a month that was named is not published, 69 without an answer."""
    asked = [
        (service, month)
        for service in settings.choose(arguments.service)
        for month in arguments.range or publication.due_months(settings, service)
    ]
    outcomes = publication.ask(settings, asked)
    found = collections.defaultdict(list)
    for (service, month), (state, line) in outcomes.items():
        found[state].append(f"{service} {month}")
        if state in ("new", "changed"):
            print(f"{service} {month}: {state}")
        elif state == "not published" and arguments.range:
            print(line)
    if line := publication.failure(outcomes):
        print(line)
    print("; ".join(f"{len(names)} {state}" for state, names in found.items()) or "nothing to look up")
    if found["failed"]:
        return max(line.code for state, line in outcomes.values() if state == "failed")
    return os.EX_NOINPUT if arguments.range and found["not published"] else os.EX_OK
