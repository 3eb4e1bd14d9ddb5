"""`./monthwise report`: the static pages under report/, from files alone; what is not complete is shown as that."""

import argparse
import os

from .. import exits, report
from ..settings import Settings


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Bring the pages up to date, and say where the first one is."""
    if arguments.range or arguments.service:
        raise exits.WrongUsage("report is about every month and service: leave RANGE and --service out")
    print(report.build(settings))
    return os.EX_OK
