"""`./monthwise run`: brings everything that is due up to date, and says in one line how it went."""

import argparse

from ..base import lock
from ..config.settings import Settings
from ..runner import rehearsal
from ..runner.call import Call


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Take the lock, do what is due, note it; the exit code is that of the most serious thing that happened."""
    if arguments.rehearse:
        return rehearsal.rehearse(arguments, settings)
    with lock.hold("run"):
        call = Call(arguments, settings)
        code = call.make()
        print(call.outcome["line"], flush=True)
        return code
