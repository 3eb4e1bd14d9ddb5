"""Which months have files: in the results folder, and in a folder that is the source."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from ..base import months
from ..config.settings import Settings
from ..publisher import folder, resolve_folder


class Listing(NamedTuple):
    """The data months of a dataset that are known: with a source.json, and with a file in the folder of `source`."""

    located: Sequence[str] = ()
    in_folder: Sequence[str] = ()


def read(settings: Settings, dataset: str) -> Listing:
    """List the results folder and, if it is a folder, the source; raises WrongConfig if the source is unreadable."""
    source = settings.config.source
    if not source.startswith("file:"):
        return Listing(located_months(dataset))
    return Listing(located_months(dataset), folder.months(resolve_folder(source), settings.describe(dataset).file))


def located_months(dataset: str) -> list[str]:
    """Return the data months that are known to be published, in order."""
    return _months_with("source.json", f"data/{dataset}")


def built_months(dataset: str) -> list[str]:
    """Return the run months that have metrics, in order."""
    return _months_with("metrics.json", f"runs/{dataset}")


def decided_months(dataset: str) -> list[str]:
    """Return the run months that have a champion, in order."""
    return _months_with("champion.json", f"runs/{dataset}")


def _months_with(name: str, parent: str) -> list[str]:
    return [month for month, names in files_by_month(parent).items() if name in names]


def files_by_month(parent: str) -> dict[str, set[str]]:
    """Return the file names in each month folder of `parent`, by month in order; empty if there is no such folder."""
    try:
        with os.scandir(parent) as entries:
            names = [entry.name for entry in entries if months.is_month(entry.name)]
    except FileNotFoundError:
        return {}
    return {month: set(os.listdir(os.path.join(parent, month))) for month in sorted(names)}
