"""Which files a call asks for, and which of them a failed job has left standing without what they were made from."""

import os

from . import months
from .settings import Settings

# In the order in which they are made.
DATA_FILES = ("source.json", "raw.parquet", "trips.parquet", "quality.json", "features.parquet")
RUN_FILES = ("model.skops", "baseline.skops", "training.json", "validation.parquet", "metrics.json", "tracking.json")


def data_file(service: str, month: str, name: str) -> str:
    """Return the path of a file about a data month."""
    return f"data/{service}/{month}/{name}"


def run_file(service: str, month: str, name: str) -> str:
    """Return the path of a file about a run month."""
    return f"runs/{service}/{month}/{name}"


def run_months(settings: Settings, service: str) -> list[str]:
    """Return the run months from `first` to `last`, as the settings, the clock and what is located say."""
    return settings.run_months(service, months.today(), located_months(service))


def located_months(service: str) -> list[str]:
    """Return the data months that are known to be published, in order."""
    return [month for month, names in _listing(f"data/{service}").items() if "source.json" in names]


def built_months(service: str) -> list[str]:
    """Return the run months that have metrics, in order."""
    return [month for month, names in _listing(f"runs/{service}").items() if "metrics.json" in names]


def default_targets(settings: Settings) -> list[str]:
    """Return every output of every rule for the run months from `first` to `last` and the data months they read.

    Not only the last ones: Snakemake would take a month for done whose middle a failed job has lost.
    """
    found: dict[str, None] = {}
    for service in settings.services:
        for month in run_months(settings, service):
            validation = settings.validation_month(service, month)
            if validation is None:
                continue
            for data_month in (*settings.training_months(service, month), validation):
                found |= dict.fromkeys(data_file(service, data_month, name) for name in DATA_FILES)
            found |= dict.fromkeys(run_file(service, month, name) for name in RUN_FILES)
    return list(found)


def gaps(settings: Settings) -> list[str]:
    """Return one line for each service with months in which a file stands without what it was made from.

    A job failed there after Snakemake had deleted its outputs, and asking for the last file alone would find it done.
    """
    lines = []
    for service in settings.services:
        data, runs = _listing(f"data/{service}"), _listing(f"runs/{service}")
        broken = {}
        for month, names in runs.items():
            missing = _missing_before_last(names, RUN_FILES)
            for data_month in _months_read(settings, service, month):
                there = data.get(data_month, set())
                missing += [data_file(service, data_month, name) for name in DATA_FILES if name not in there]
            if missing and names:
                broken[month] = missing[0]
        if broken:
            first, last = min(broken), max(broken)
            lines.append(
                f"{service}: {', '.join(sorted(broken))} stand without what they were made from (first missing:"
                f" {broken[first]}): a job failed there, or the settings ask for more; ask again for --config"
                f" first={first} last={last}"
            )
    return lines


def _months_read(settings: Settings, service: str, month: str) -> list[str]:
    validation = settings.validation_month(service, month)
    return [*settings.training_months(service, month), validation] if validation else []


def _missing_before_last(present: set[str], order: tuple[str, ...]) -> list[str]:
    last = max((order.index(name) for name in present if name in order), default=0)
    return [name for name in order[:last] if name not in present]


def _listing(folder: str) -> dict[str, set[str]]:
    """Return the file names in each month's folder of `folder`."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if months.is_month(entry.name)]
    except FileNotFoundError:
        return {}
    return {month: set(os.listdir(os.path.join(folder, month))) for month in sorted(found)}
