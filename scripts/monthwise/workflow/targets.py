"""The files that a call requests, and outputs whose inputs are missing after a failed job."""

import os

from ..base import months, suggest
from ..config.settings import Settings
from . import stages

DATA_FILES = stages.files_of(*stages.DATA)
TRAINED, EVALUATED, PROMOTED = (stages.files_of(name) for name in ("train", "evaluate", "promote"))
SCORED = stages.files_of("score", "drift")
ASKED = "MONTHWISE_TARGETS"  # names a file of targets, one per line, that `./monthwise run` requests instead of all
# Files that are not rebuilt while the outputs built from them exist; source.json and quality.json are kept.
PRUNED = ("raw.parquet", "trips.parquet", "features.parquet", ".raw.kept.*", ".raw.partial*")


def data_file(service: str, month: str, name: str) -> str:
    """Return the path of a file of a data month."""
    return f"data/{service}/{month}/{name}"


def run_file(service: str, month: str, name: str) -> str:
    """Return the path of a file of a run month."""
    return f"runs/{service}/{month}/{name}"


def run_months(settings: Settings, service: str) -> list[str]:
    """Return the run months from `first` to `last`, given the settings, the current month and the located months."""
    return settings.run_months(service, months.today(), located_months(service))


def located_months(service: str) -> list[str]:
    """Return the data months that are known to be published, in order."""
    return [month for month, names in listing(f"data/{service}").items() if "source.json" in names]


def built_months(service: str) -> list[str]:
    """Return the run months that have metrics, in order."""
    return [month for month, names in listing(f"runs/{service}").items() if "metrics.json" in names]


def decided_months(service: str) -> list[str]:
    """Return the run months that have a champion, in order."""
    return [month for month, names in listing(f"runs/{service}").items() if "champion.json" in names]


def is_scored(settings: Settings, service: str, month: str) -> bool:
    """Return whether a run month has a champion, its trips are published and it is not skipped."""
    is_published = month <= settings.once(("newest out", service), lambda: _newest_out(settings, service))
    return is_published and month >= settings.begin(service) and not settings.is_skipped(service, month)


def _newest_out(settings: Settings, service: str) -> str:
    return settings.newest_out(service, months.today(), located_months(service))


def data_months(settings: Settings, service: str, month: str) -> list[str]:
    """Return the data months that a run month reads: training window, validation month and, once published, its own."""
    validation = settings.validation_month(service, month)
    required = [*settings.training_months(service, month), validation] if validation else []
    if is_scored(settings, service, month):
        required += [
            data_month
            for data_month in (*settings.training_months(service, month), month)
            if data_month not in required
        ]
    return required


def run_files(settings: Settings, service: str, month: str) -> list[str]:
    """Return the names of the files of a run month, in the order in which they are built."""
    trains, decides = settings.validation_month(service, month) is not None, month >= settings.begin(service)
    names = [*TRAINED, *EVALUATED, "tracking.json"] if trains else []
    if decides:
        names += ["comparison.json"] if trains and settings.reigns_before(service, month) else []
        names += [*PROMOTED, "evidence.json", *(SCORED if is_scored(settings, service, month) else ())]
    return names


def evidence_files(settings: Settings, service: str, month: str) -> list[str]:
    """Return the files that the evidence of a run month covers: its own, its data and the previous champion."""
    paths = [
        data_file(service, data_month, name)
        for data_month in data_months(settings, service, month)
        for name in DATA_FILES
    ]
    names = [name for name in run_files(settings, service, month) if name != "evidence.json"]
    paths += [run_file(service, month, name) for name in names]
    if month_before := settings.reigns_before(service, month):
        paths += [run_file(service, month_before, name) for name in PROMOTED]
        paths += [run_file(service, month_before, "predictions.parquet")] if "comparison.json" in names else []
    if (pin := settings.at(service, month)["promotion"]["pin"]) and "champion.json" in names:
        paths += [run_file(service, pin, name) for name in stages.CANDIDATE]
    return list(dict.fromkeys(paths))


def asked(settings: Settings) -> list[str]:
    """Return the targets of this call: those in the file that ASKED names, else all (default_targets)."""
    if ASKED not in os.environ:
        return default_targets(settings)
    with open(os.environ[ASKED], encoding="utf-8") as file:
        return settings.once(("asked",), file.read().split)


def _is_asked(settings: Settings, path: str) -> bool:
    return ASKED not in os.environ or path in settings.once(("asked set",), lambda: set(asked(settings)))


def registered(settings: Settings, service: str) -> dict[str, list[str]]:
    """Return the inputs of the registry of a service, for the run months from `first` to `last`, by file name.

    The program also reads the other decisions on disk. So a request for few months does not move an alias back, and
    does not build other months.
    """
    files_by_name: dict[str, list[str]] = {"champion.json": [], "tracking.json": [], "live.json": []}
    for month in run_months(settings, service):
        for name in run_files(settings, service, month) if month >= settings.begin(service) else ():
            if name in files_by_name and _is_asked(settings, run_file(service, month, name)):
                files_by_name[name].append(run_file(service, month, name))
        pin = settings.at(service, month)["promotion"]["pin"]
        if pin and run_file(service, pin, "tracking.json") not in files_by_name["tracking.json"]:
            files_by_name["tracking.json"].append(run_file(service, pin, "tracking.json"))
    return files_by_name


def default_targets(settings: Settings) -> list[str]:
    """Return every output of every rule for the open run months from `first` to `last` and the data months they read.

    The last outputs alone are not enough: if a failed job deleted intermediate files of a month, Snakemake would
    consider it up to date.
    """
    paths: dict[str, None] = {}
    for service in settings.services:
        for month in run_months(settings, service):
            if settings.is_closed_run(month):
                continue
            for data_month in data_months(settings, service, month):
                paths |= dict.fromkeys(data_file(service, data_month, name) for name in DATA_FILES)
            paths |= dict.fromkeys(run_file(service, month, name) for name in run_files(settings, service, month))
        if run_months(settings, service)[-1] >= settings.begin(service):
            paths[f"registry/{service}.json"] = None
    return list(paths)


def gaps(settings: Settings) -> list[str]:
    """Return one line for each service whose months have missing inputs.

    This occurs if a job failed after Snakemake deleted its outputs. A request for the last file alone would consider
    the month up to date.
    """
    lines = []
    for service in settings.services:
        data, runs = listing(f"data/{service}"), listing(f"runs/{service}")
        first_missing = {}
        for month, names in runs.items():
            if settings.is_closed_run(month):
                continue
            missing = _missing_before_last(names, run_files(settings, service, month))
            required = data_months(settings, service, month)
            if "predictions.parquet" not in names:  # its own trips may be published since, which is not a gap
                required = [data_month for data_month in required if data_month != month]
            for data_month in required:
                present = data.get(data_month, set())
                missing += [data_file(service, data_month, name) for name in DATA_FILES if name not in present]
            if missing and names:
                first_missing[month] = missing[0]
        if first_missing:
            first, last = min(first_missing), max(first_missing)
            command = suggest.command("run", f"{first}..{last}", service=service)
            lines.append(
                f"{service}: {', '.join(sorted(first_missing))} have missing inputs (first:"
                f" {first_missing[first]}): a job failed, or the settings request more; `{command}` builds them"
            )
    return lines


def _missing_before_last(present: set[str], order: list[str]) -> list[str]:
    last = max((order.index(name) for name in present if name in order), default=0)
    return [name for name in order[:last] if name not in present]


def listing(folder: str) -> dict[str, set[str]]:
    """Return the file names in each month folder of `folder`, by month in order."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if months.is_month(entry.name)]
    except FileNotFoundError:
        return {}
    return {month: set(os.listdir(os.path.join(folder, month))) for month in sorted(names)}
