"""`./monthwise report`: the static pages under report/, from files alone; what is not complete is shown as that."""

import argparse
import os

from .. import report
from ..config.settings import Settings


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Bring the pages up to date, and say where the first one is."""
    print(report.build(settings))
    return os.EX_OK
