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
        (dataset, month)
        for dataset in settings.choose(arguments.dataset)
        for month in arguments.range or publication.due_months(calendars[dataset])
    ]
    answers = publication.check_months(calendars, requested)
    names_by_state: collections.defaultdict[str, list[str]] = collections.defaultdict(list)
    for (dataset, month), answer in answers.items():
        names_by_state[answer.state].append(f"{dataset} {month}")
        if answer.state in ("new", "changed"):
            print(f"{dataset} {month}: {answer.state}")
        elif answer.state == "not published" and arguments.range:
            print(answer.error)
    if line := publication.failure(answers):
        print(line)
    print("; ".join(f"{len(names)} {state}" for state, names in names_by_state.items()) or "nothing to look up")
    if names_by_state["failed"]:
        return max(publication.exit_codes(answers))
    return os.EX_NOINPUT if arguments.range and names_by_state["not published"] else os.EX_OK
