"""Write the runs and the registry into a store again, from the files of months that were built before."""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ..base import files
from ..job import placeholders
from ..workflow import targets
from ..workflow.calendar import Calendar
from ..workflow.job_settings import of_job
from ..workflow.listing import decided_months
from . import registry, runs

NEEDED = ("model.skops", "training.json", "metrics.json")


def write_runs(calendar: Calendar, run_months: Sequence[str]) -> None:
    """Log each run month that is missing or incomplete in the store; print a line for each."""
    for month in run_months:
        _track(calendar, month)


def register_decided(calendar: Calendar) -> str:
    """Update the registry from the decisions on disk; return a one-line summary."""
    dataset = calendar.dataset
    job = argparse.Namespace(settings=of_job(calendar, "register"))
    job.champions = [targets.run_file(dataset, month, "champion.json") for month in decided_months(dataset)]
    return _write(registry.main, job, "registry", f"registry/{dataset}.json")[0]


def _track(calendar: Calendar, month: str) -> None:
    dataset = calendar.dataset
    paths = {name: targets.run_file(dataset, month, name) for name in NEEDED}
    if missing_files := [path for path in paths.values() if not os.path.exists(path)]:
        print(f"{dataset} {month}: passed over, there is no {missing_files[0]}")
        return
    training, metrics = files.read_json(paths["training.json"]), files.read_json(paths["metrics.json"])
    # As the month was built, even if config has changed since.
    months = {"training_months": training["months"], "validation_month": metrics["validation_month"]}
    job = argparse.Namespace(settings=of_job(calendar, "track", month) | months)
    job.features = [targets.data_file(dataset, data_month, "features.parquet") for data_month in training["months"]]
    job.validation_features = targets.data_file(dataset, metrics["validation_month"], "features.parquet")
    if missing_files := [path for path in (*job.features, job.validation_features) if not os.path.exists(path)]:
        print(f"{dataset} {month}: passed over, there is no {missing_files[0]}")
        return
    job.model, job.training, job.metrics = paths.values()
    placeholders.bring([job.model, *job.features, job.validation_features])
    path = targets.run_file(dataset, month, "tracking.json")
    old_record = files.read_json(path) if os.path.exists(path) else None
    summary, is_new = _write(runs.main, job, "tracking", path)
    if is_new:
        _update_evidence(targets.run_file(dataset, month, "evidence.json"), old_record, files.read_json(path))
        print(summary)


def _update_evidence(path: str, before: object, tracked: object) -> None:
    """Record a new tracking.json in the evidence of a month, if that holds the content `before`."""
    evidence = files.read_json_if_whole(path)
    if evidence and evidence["provenance"].get("tracking") == before:
        evidence["provenance"]["tracking"] = tracked
        files.replace_file(path, files.to_json(evidence))


def _write(
    main: Callable[[argparse.Namespace], str], job: argparse.Namespace, output: str, path: str
) -> tuple[str, bool]:
    """Call a program's `main`; return its summary line, and whether its output has changed."""
    part = files.part_of(path)
    setattr(job, output, str(part))
    try:
        summary = main(job)
        content = part.read_bytes()
        is_new = not os.path.exists(path) or Path(path).read_bytes() != content
        if is_new:
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return summary, is_new
