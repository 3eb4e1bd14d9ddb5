"""`./monthwise run`: bring everything up to date, and summarize the result in one line."""

import argparse

from ..base import lock
from ..config.settings import Settings
from ..runner import rehearsal
from ..runner.call import Call


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Take the lock, build what is missing or outdated, record it; return the exit code of the most serious problem."""
    if arguments.rehearse:
        return rehearsal.rehearse(arguments, settings)
    with lock.hold("run"):
        call = Call(arguments, settings)
        code = call.run()
        print(call.outcome["line"], flush=True)
        return code
