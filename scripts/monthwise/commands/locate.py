"""`./monthwise locate`: check many months at the publisher at once, and rewrite the records of those that changed.

This is the only sensor of the workflow.
"""

import argparse
import collections
import os

from ..base import lock
from ..config.settings import Settings
from ..runner import publication
from ..workflow.calendar import Calendars


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Take the lock and locate."""
    with lock.hold("locate"):
        return _run(arguments, settings)


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Check the months, write what changed and print what is new.

    Return 66 if a month of the range is not yet published, 69 if the publisher does not answer.
    """
    calendars = Calendars(settings)
    requested = [
        (service, month)
        for service in settings.choose(arguments.service)
        for month in arguments.range or publication.due_months(calendars[service])
    ]
    outcomes = publication.check_months(calendars, requested)
    names_by_state = collections.defaultdict(list)
    for (service, month), (state, line) in outcomes.items():
        names_by_state[state].append(f"{service} {month}")
        if state in ("new", "changed"):
            print(f"{service} {month}: {state}")
        elif state == "not published" and arguments.range:
            print(line)
    if line := publication.failure(outcomes):
        print(line)
    print("; ".join(f"{len(names)} {state}" for state, names in names_by_state.items()) or "nothing to look up")
    if names_by_state["failed"]:
        return max(error.code for state, error in outcomes.values() if state == "failed")
    return os.EX_NOINPUT if arguments.range and names_by_state["not published"] else os.EX_OK
