"""The files that a call requests, and outputs whose inputs are missing after a failed job."""

import os
from collections.abc import Container

from ..base import suggest
from . import stages
from .calendar import Calendar, Calendars
from .listing import files_by_month

DATA_FILES = stages.files_of(*stages.DATA)
TRAINED, EVALUATED, PROMOTED = (stages.files_of(name) for name in ("train", "evaluate", "promote"))
SCORED = stages.files_of("score", "drift")
REQUESTED = "MONTHWISE_TARGETS"  # names a file of targets, one per line, that `./monthwise run` requests instead of all
# Files that are not rebuilt while the outputs built from them exist; source.json and quality.json are kept.
PRUNED = ("raw.file", "rows.parquet", "features.parquet", ".raw.kept.*", ".raw.partial*")


def data_file(dataset: str, month: str, name: str) -> str:
    """Return the path of a file of a data month."""
    return f"data/{dataset}/{month}/{name}"


def run_file(dataset: str, month: str, name: str) -> str:
    """Return the path of a file of a run month."""
    return f"runs/{dataset}/{month}/{name}"


def run_files(calendar: Calendar, month: str) -> list[str]:
    """Return the names of the files of a run month, in the order in which they are built."""
    trains, decides = calendar.validation_month(month) is not None, month >= calendar.begin
    names = [*TRAINED, *EVALUATED, "tracking.json"] if trains else []
    if decides:
        names += ["comparison.json"] if trains and calendar.champion_before(month) else []
        names += [*PROMOTED, "evidence.json", *(SCORED if calendar.is_scored(month) else ())]
    return names


def evidence_files(calendar: Calendar, month: str) -> list[str]:
    """Return the files that the evidence of a run month covers: its own, its data and the previous champion."""
    dataset = calendar.dataset
    paths = [data_file(dataset, data_month, name) for data_month in calendar.data_months(month) for name in DATA_FILES]
    names = [name for name in run_files(calendar, month) if name != "evidence.json"]
    paths += [run_file(dataset, month, name) for name in names]
    if month_before := calendar.champion_before(month):
        paths += [run_file(dataset, month_before, name) for name in PROMOTED]
        paths += [run_file(dataset, month_before, "predictions.parquet")] if "comparison.json" in names else []
    if (pin := calendar.settings.at(dataset, month).promotion.pin) and "champion.json" in names:
        paths += [run_file(dataset, pin, name) for name in stages.CANDIDATE]
    return list(dict.fromkeys(paths))


def requested() -> list[str] | None:
    """Return the targets of this call if `./monthwise` chose them (REQUESTED names their file), else None."""
    if REQUESTED not in os.environ:
        return None
    with open(os.environ[REQUESTED], encoding="utf-8") as file:
        return file.read().split()


def registered(calendar: Calendar, chosen: Container[str] | None) -> dict[str, list[str]]:
    """Return the inputs of the registry of a dataset, for the run months from `first` to `last`, by file name.

    `chosen`: the targets of a call that does not request all. The program also reads the other decisions on disk. So a
    request for few months does not move an alias back, and does not build other months.
    """
    dataset = calendar.dataset
    files_by_name: dict[str, list[str]] = {"champion.json": [], "tracking.json": [], "live.json": []}
    for month in calendar.run_months:
        for name in run_files(calendar, month) if month >= calendar.begin else ():
            path = run_file(dataset, month, name)
            if name in files_by_name and (chosen is None or path in chosen):
                files_by_name[name].append(path)
        pin = calendar.settings.at(dataset, month).promotion.pin
        if pin and run_file(dataset, pin, "tracking.json") not in files_by_name["tracking.json"]:
            files_by_name["tracking.json"].append(run_file(dataset, pin, "tracking.json"))
    return files_by_name


def default_targets(calendars: Calendars) -> list[str]:
    """Return every output of every rule for the open run months from `first` to `last` and the data months they read.

    The last outputs alone are not enough: if a failed job deleted intermediate files of a month, Snakemake would
    consider it up to date.
    """
    paths: dict[str, None] = {}
    for calendar in calendars.of_call():
        dataset, run_months = calendar.dataset, calendar.run_months
        for month in run_months:
            if calendar.is_closed_run(month):
                continue
            for data_month in calendar.data_months(month):
                paths |= dict.fromkeys(data_file(dataset, data_month, name) for name in DATA_FILES)
            paths |= dict.fromkeys(run_file(dataset, month, name) for name in run_files(calendar, month))
        if run_months[-1] >= calendar.begin:
            paths[f"registry/{dataset}.json"] = None
    return list(paths)


def gaps(calendars: Calendars) -> list[str]:
    """Return one line for each dataset whose months have missing inputs.

    This occurs if a job failed after Snakemake deleted its outputs. A request for the last file alone would consider
    the month up to date.
    """
    lines = []
    for calendar in calendars.of_call():
        dataset = calendar.dataset
        data, runs = files_by_month(f"data/{dataset}"), files_by_month(f"runs/{dataset}")
        first_missing = {}
        for month, names in runs.items():
            if calendar.is_closed_run(month):
                continue
            missing = _missing_before_last(names, run_files(calendar, month))
            required = calendar.data_months(month)
            if "predictions.parquet" not in names:  # its own data may be published since, which is not a gap
                required = [data_month for data_month in required if data_month != month]
            for data_month in required:
                present = data.get(data_month, set())
                missing += [data_file(dataset, data_month, name) for name in DATA_FILES if name not in present]
            if missing and names:
                first_missing[month] = missing[0]
        if first_missing:
            first, last = min(first_missing), max(first_missing)
            command = suggest.command("run", f"{first}..{last}", dataset=dataset)
            lines.append(
                f"{dataset}: {', '.join(sorted(first_missing))} have missing inputs (first:"
                f" {first_missing[first]}): a job failed, or the settings request more; `{command}` builds them"
            )
    return lines


def _missing_before_last(present: set[str], order: list[str]) -> list[str]:
    last = max((order.index(name) for name in present if name in order), default=0)
    return [name for name in order[:last] if name not in present]
