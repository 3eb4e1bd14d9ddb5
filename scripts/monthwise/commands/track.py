"""`./monthwise track`: writes what the files say into a tracking store that is empty, was lost or moved."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import register
import track

from .. import due, experiments, files, lock, store_errors, stubs, targets, tracking, uris
from ..jobs import of_job
from ..settings import Settings
from . import chosen_services

NEEDED = ("model.skops", "training.json", "metrics.json")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Take the lock and track."""
    with lock.hold("track"):
        return _run(arguments, settings)


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Log each run month that is there, once, and make the registry agree; say which ones were not in the store."""
    for service in chosen_services(arguments, settings):
        if arguments.take_over:
            _take_over(settings, service)
        built = targets.built_months(service)
        write_runs(settings, service, arguments.range or built)
        if targets.decided_months(service):
            print(register_decided(settings, service))
        else:
            print(f"{service}: {len(built)} run months, none of them has a champion")
    return os.EX_OK


def _take_over(settings: Settings, service: str) -> None:
    job = of_job(settings, "register", service)
    uri = uris.store_uri(job)
    tracking.prepare()
    with store_errors.in_one_line(uri, service), tracking.locked(uri):
        experiments.take_over(tracking.connect(uri), job["model"])


def write_runs(settings: Settings, service: str, run_months: Sequence[str]) -> None:
    """Log each of the run months that is not in the store, or not whole; print a line for each."""
    for month in run_months:
        _track(settings, service, month)


def register_decided(settings: Settings, service: str) -> str:
    """Make the registry agree with what is decided on disk; return what was done in one line."""
    job = argparse.Namespace(settings=of_job(settings, "register", service))
    job.champions = [targets.run_file(service, month, "champion.json") for month in targets.decided_months(service)]
    return _write(register.main, job, "registry", f"registry/{service}.json")[0]


def _track(settings: Settings, service: str, month: str) -> None:
    paths = {name: targets.run_file(service, month, name) for name in NEEDED}
    if gone := [path for path in paths.values() if not os.path.exists(path)]:
        print(f"{service} {month}: passed over, there is no {gone[0]}")
        return
    training, metrics = files.read_json(paths["training.json"]), files.read_json(paths["metrics.json"])
    # As the month was made, whatever config says by now.
    months = {"training_months": training["months"], "validation_month": metrics["validation_month"]}
    job = argparse.Namespace(settings=of_job(settings, "track", service, month) | months)
    job.features = [targets.data_file(service, each, "features.parquet") for each in training["months"]]
    job.validation_features = targets.data_file(service, metrics["validation_month"], "features.parquet")
    if gone := [path for path in (*job.features, job.validation_features) if not os.path.exists(path)]:
        print(f"{service} {month}: passed over, there is no {gone[0]}")
        return
    job.model, job.training, job.metrics = paths.values()
    stubs.bring([job.model, *job.features, job.validation_features])
    path = targets.run_file(service, month, "tracking.json")
    before = files.read_json(path) if os.path.exists(path) else None
    line, is_new = _write(track.main, job, "tracking", path)
    if is_new:
        _update_evidence(targets.run_file(service, month, "evidence.json"), before, files.read_json(path))
        print(line)


def _update_evidence(path: str, before: dict | None, tracked: dict) -> None:
    """Let the evidence of a month name its new MLflow run, if it named the one `before`."""
    evidence = due.read(path)
    if evidence and evidence["provenance"].get("tracking") == before:
        evidence["provenance"]["tracking"] = tracked
        files.replace_file(path, files.to_json(evidence))


def _write(main, job: argparse.Namespace, output: str, path: str) -> tuple[str, bool]:
    """Call a program; return its line, and whether its output is another one than before."""
    part = files.part_of(path)
    setattr(job, output, str(part))
    try:
        line = main(job)
        content = part.read_bytes()
        is_new = not os.path.exists(path) or Path(path).read_bytes() != content
        if is_new:
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return line, is_new
