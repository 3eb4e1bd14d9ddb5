"""Which files a call asks for, and which of them a failed job has left standing without what they were made from."""

import os

from ..base import months, suggest
from ..config.settings import Settings
from . import stages

DATA_FILES = stages.files_of(*stages.DATA)
TRAINED, EVALUATED, PROMOTED = (stages.files_of(name) for name in ("train", "evaluate", "promote"))
SCORED = stages.files_of("score", "drift")
ASKED = "MONTHWISE_TARGETS"  # names a file of targets, one a line: what `./monthwise run` asks for instead of all
# What nothing asks for again while what was made from it stands: source.json and quality.json stay.
PRUNED = ("raw.parquet", "trips.parquet", "features.parquet", ".raw.kept.*", ".raw.partial*")


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
    return [month for month, names in listing(f"data/{service}").items() if "source.json" in names]


def built_months(service: str) -> list[str]:
    """Return the run months that have metrics, in order."""
    return [month for month, names in listing(f"runs/{service}").items() if "metrics.json" in names]


def decided_months(service: str) -> list[str]:
    """Return the run months that have a champion, in order."""
    return [month for month, names in listing(f"runs/{service}").items() if "champion.json" in names]


def is_scored(settings: Settings, service: str, month: str) -> bool:
    """Whether a run month has a champion and its trips are out."""
    is_out = month <= settings.once(("newest out", service), lambda: _newest_out(settings, service))
    return is_out and month >= settings.begin(service) and not settings.is_skipped(service, month)


def _newest_out(settings: Settings, service: str) -> str:
    return settings.newest_out(service, months.today(), located_months(service))


def data_months(settings: Settings, service: str, month: str) -> list[str]:
    """Return the data months that a run month reads: to train on, to be measured on, and its own once it is out."""
    validation = settings.validation_month(service, month)
    read = [*settings.training_months(service, month), validation] if validation else []
    if is_scored(settings, service, month):
        read += [each for each in (*settings.training_months(service, month), month) if each not in read]
    return read


def run_files(settings: Settings, service: str, month: str) -> list[str]:
    """Return the names of the files that a run month has, in the order in which they are made."""
    trains, decides = settings.validation_month(service, month) is not None, month >= settings.begin(service)
    names = [*TRAINED, *EVALUATED, "tracking.json"] if trains else []
    if decides:
        names += ["comparison.json"] if trains and settings.reigns_before(service, month) else []
        names += [*PROMOTED, "evidence.json", *(SCORED if is_scored(settings, service, month) else ())]
    return names


def evidence_files(settings: Settings, service: str, month: str) -> list[str]:
    """Return the files that the evidence of a run month is about: its own, its data's, and the reign before it."""
    found = [data_file(service, each, name) for each in data_months(settings, service, month) for name in DATA_FILES]
    names = [name for name in run_files(settings, service, month) if name != "evidence.json"]
    found += [run_file(service, month, name) for name in names]
    if before := settings.reigns_before(service, month):
        found += [run_file(service, before, name) for name in PROMOTED]
        found += [run_file(service, before, "predictions.parquet")] if "comparison.json" in names else []
    if (pin := settings.at(service, month)["promotion"]["pin"]) and "champion.json" in names:
        found += [run_file(service, pin, name) for name in stages.CANDIDATE]
    return list(dict.fromkeys(found))


def asked(settings: Settings) -> list[str]:
    """Return the targets of this call: those of the file that ASKED names, else all (default_targets)."""
    if ASKED not in os.environ:
        return default_targets(settings)
    with open(os.environ[ASKED], encoding="utf-8") as file:
        return settings.once(("asked",), file.read().split)


def _is_asked(settings: Settings, path: str) -> bool:
    return ASKED not in os.environ or path in settings.once(("asked set",), lambda: set(asked(settings)))


def registered(settings: Settings, service: str) -> dict[str, list[str]]:
    """Return the files of the run months from `first` to `last` that the registry of a service is made from, by name.

    The program reads what else is decided on disk: a narrow request moves no alias back, and builds nothing else.
    """
    found: dict[str, list[str]] = {"champion.json": [], "tracking.json": [], "live.json": []}
    for month in run_months(settings, service):
        for name in run_files(settings, service, month) if month >= settings.begin(service) else ():
            if name in found and _is_asked(settings, run_file(service, month, name)):
                found[name].append(run_file(service, month, name))
        pin = settings.at(service, month)["promotion"]["pin"]
        if pin and run_file(service, pin, "tracking.json") not in found["tracking.json"]:
            found["tracking.json"].append(run_file(service, pin, "tracking.json"))
    return found


def default_targets(settings: Settings) -> list[str]:
    """Return every output of every rule for the open run months from `first` to `last` and the data months they read.

    Not only the last ones: Snakemake would take a month for done whose middle a failed job has lost.
    """
    found: dict[str, None] = {}
    for service in settings.services:
        for month in run_months(settings, service):
            if settings.is_closed_run(month):
                continue
            for data_month in data_months(settings, service, month):
                found |= dict.fromkeys(data_file(service, data_month, name) for name in DATA_FILES)
            found |= dict.fromkeys(run_file(service, month, name) for name in run_files(settings, service, month))
        if run_months(settings, service)[-1] >= settings.begin(service):
            found[f"registry/{service}.json"] = None
    return list(found)


def gaps(settings: Settings) -> list[str]:
    """Return one line for each service whose months have missing inputs.

    A job failed there after Snakemake had deleted its outputs, and asking for the last file alone would find it done.
    """
    lines = []
    for service in settings.services:
        data, runs = listing(f"data/{service}"), listing(f"runs/{service}")
        broken = {}
        for month, names in runs.items():
            if settings.is_closed_run(month):
                continue
            missing = _missing_before_last(names, run_files(settings, service, month))
            read = data_months(settings, service, month)
            if "predictions.parquet" not in names:  # its own trips may be out by now, and are no gap
                read = [each for each in read if each != month]
            for data_month in read:
                there = data.get(data_month, set())
                missing += [data_file(service, data_month, name) for name in DATA_FILES if name not in there]
            if missing and names:
                broken[month] = missing[0]
        if broken:
            first, last = min(broken), max(broken)
            run = suggest.command("run", f"{first}..{last}", service=service)
            lines.append(
                f"{service}: {', '.join(sorted(broken))} have missing inputs (first:"
                f" {broken[first]}): a job failed, or the settings request more; `{run}` builds them"
            )
    return lines


def _missing_before_last(present: set[str], order: list[str]) -> list[str]:
    last = max((order.index(name) for name in present if name in order), default=0)
    return [name for name in order[:last] if name not in present]


def listing(folder: str) -> dict[str, set[str]]:
    """Return the file names in each month's folder of `folder`."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if months.is_month(entry.name)]
    except FileNotFoundError:
        return {}
    return {month: set(os.listdir(os.path.join(folder, month))) for month in sorted(found)}
