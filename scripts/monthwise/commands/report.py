"""`./monthwise report`: write the static pages under report/ from files alone; mark incomplete results as such."""

import argparse
import os

from .. import report
from ..config.settings import Settings


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Update the pages and print where the first one is."""
    print(report.build(settings))
    return os.EX_OK
