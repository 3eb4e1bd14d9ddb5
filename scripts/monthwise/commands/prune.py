"""`./monthwise prune`: delete raw and intermediate files of closed months; keep results, evidence and tracking."""

import argparse
import glob
import os
from collections.abc import Iterable

from ..base import exits, lock, suggest
from ..config.settings import Settings
from ..workflow import targets
from ..workflow.calendar import Calendar


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what would be freed; with --yes, free it. Raises WrongUsage (exit code 64) if config closes no months."""
    closed_before = settings.config.history.closed_before
    if closed_before is None:
        raise exits.WrongUsage(
            "nothing is closed: give history.closed_before in config/config.yaml, the run month before which what is"
            " made stays as it is; then rerun the command"
        )
    if arguments.yes:
        with lock.hold("prune"):
            return _prune(arguments, settings)
    return _prune(arguments, settings)


def _prune(arguments: argparse.Namespace, settings: Settings) -> int:
    total = 0
    shown: set[str] = set()
    for dataset in settings.choose(arguments.dataset):
        paths_by_month = {
            month: paths for month in _closed(settings, dataset, arguments) if (paths := _files(dataset, month))
        }
        freed = _bytes(path for paths in paths_by_month.values() for path in paths)
        total += freed
        months = sorted(paths_by_month)
        shown |= paths_by_month.keys()
        if not months:
            print(f"{dataset}: nothing to prune")
            continue
        print(f"{dataset}: {len(months)} data months ({months[0]} to {months[-1]}), {freed / 1e6:,.1f} MB")
        if arguments.yes:
            for path in (path for paths in paths_by_month.values() for path in paths):
                os.unlink(path)
    if arguments.yes:
        print(f"{total / 1e6:,.1f} MB freed")
    elif total:
        # Always suggest the range that was shown: it excludes months that come later.
        words = (f"{min(shown)}..{max(shown)}", "--keep", str(arguments.keep), "--yes")
        print(f"{total / 1e6:,.1f} MB would be freed: {suggest.command('prune', *words)}")
    return os.EX_OK


def _closed(settings: Settings, dataset: str, arguments: argparse.Namespace) -> list[str]:
    """Return the closed data months in the range, if any, without the newest ones, which are kept."""
    calendar = Calendar.read(settings, dataset)
    kept = calendar.known.located[-arguments.keep :]
    return [
        month
        for month in calendar.known.located
        if calendar.is_closed_data(month) and month not in kept
        if not arguments.range or month in arguments.range
    ]


def _files(dataset: str, month: str) -> list[str]:
    return [path for name in targets.PRUNED for path in glob.glob(targets.data_file(dataset, month, name))]


def _bytes(paths: Iterable[str]) -> int:
    """Return the bytes that deleting files frees. Two links to one file count once."""
    bytes_by_inode = {(status.st_dev, status.st_ino): status.st_blocks * 512 for status in map(os.stat, paths)}
    return sum(bytes_by_inode.values())
