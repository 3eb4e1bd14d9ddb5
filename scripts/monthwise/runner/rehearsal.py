"""Rehearse a run (`./monthwise run --rehearse`): the same jobs on one percent of the rows of each available month.

The rehearsal has its own files, tracking store and caches in a scratch folder. Nothing outside that folder is changed,
and the folder is deleted when the call ends.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

from .. import publisher
from ..base import exits, lock
from ..config.settings import Settings
from ..job import placeholders
from ..tracking import uris
from ..workflow import availability, targets
from ..workflow.calendar import Calendars
from . import alerts, snakemake
from .faults import fault_of, in_words, most_serious

ONE_IN = 100
ENOUGH_ROWS = 200  # rows of a demo month
BROKEN_BYTES = 10_000_000  # bytes of a file that is not Parquet: enough to detect that again


def rehearse(arguments: argparse.Namespace, settings: Settings) -> int:
    """Rehearse the run months of the range, or all; return the exit code of the most serious problem."""
    began = time.monotonic()
    here = os.getcwd()
    scratch = Path(tempfile.mkdtemp(prefix="monthwise-rehearsal-"))
    try:
        calendars = Calendars(settings)
        run_months = {
            dataset: arguments.range or calendars[dataset].run_months for dataset in settings.choose(arguments.dataset)
        }
        needed = {dataset: calendars[dataset].data_months(*run_months[dataset]) for dataset in run_months}
        missing = {
            dataset: [month for month in needed[dataset] if not _sample(settings, dataset, month, scratch)]
            for dataset in needed
        }
        if missing == needed:
            raise exits.BadData("no month has data to rehearse on; run first, or give a range of months that have data")
        rehearsed = settings.changed(_config(calendars, scratch, run_months))
        config = scratch / "rehearsal.yaml"
        config.write_text(yaml.safe_dump(rehearsed.config.as_layer()), encoding="utf-8")
        os.chdir(scratch)
        with lock.hold("rehearsal"):
            return _rehearse(arguments, rehearsed, config, run_months, missing, began)
    finally:
        os.chdir(here)
        shutil.rmtree(scratch, ignore_errors=True)


def _rehearse(
    arguments: argparse.Namespace,
    settings: Settings,
    config: Path,
    run_months: Mapping[str, list[str]],
    missing: Mapping[str, list[str]],
    began: float,
) -> int:
    requested, calendars = [], Calendars(settings)
    for dataset, dataset_months in run_months.items():
        reason_by_month = dict.fromkeys(missing[dataset], availability.NOT_PUBLISHED)
        requested += availability.find(calendars[dataset], dataset_months, reason_by_month).files
    caller = snakemake.Snakemake([], [config], arguments.jobs, _environment())
    if notice := caller.profile.notice():
        print(notice, flush=True)
    with open("snakemake.log", "w", encoding="utf-8") as log:
        result = caller.run(requested, log, lambda state, job: None)
    codes = set()
    for job in result.failed:
        fault = fault_of(job)
        codes.add(fault["code"])
        print(in_words(fault))
    if result.code and not result.failed:
        raise snakemake.as_exit(result.code, f"the rehearsal was stopped: {result.error}")
    absent = [f"{dataset} {', '.join(months)}" for dataset, months in missing.items() if months]
    print(
        f"rehearsed on one row in {ONE_IN}: {len(result.done)} jobs in {time.monotonic() - began:.0f} s,"
        f" {len(result.failed)} failed" + (f"; not there: {'; '.join(absent)}" if absent else "")
    )
    return most_serious(codes)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return alerts.without_secrets(kept) | {"XDG_CACHE_HOME": os.path.abspath("cache")}


def _config(calendars: Calendars, scratch: Path, run_months: dict[str, list[str]]) -> dict[str, object]:
    """Return what differs in the config of the rehearsal: the source of months, and how many rows are enough."""
    config = calendars.settings.config
    first = min(dataset_months[0] for dataset_months in run_months.values())
    begin = {dataset: max(calendars[dataset].begin, months[0]) for dataset, months in run_months.items()}
    # Changes from before the first month apply from the first month on.
    changes = [change.as_layer() | {"from": max(change.start, first)} for change in config.changes]
    layer: dict[str, object] = {"datasets": list(run_months), "begin": begin, "changes": changes}
    layer |= {"first": first, "last": max(dataset_months[-1] for dataset_months in run_months.values())}
    store = uris.of_sqlite_file(scratch / "mlflow.db")
    layer |= {"tracking": {"uri": store, "url": None}, "history": {"closed_before": None}}
    if config.source == "demo":
        layer["demo"] = {"rows": max(config.demo.rows // ONE_IN, ENOUGH_ROWS)}
    else:
        layer["source"] = f"file:{scratch}/published"
    if config.quality.reject:
        fewer = -(-(config.quality.reject.rows_below or 0) // ONE_IN)  # and the sample may miss days
        layer["quality"] = {"reject": {"rows_below": fewer, "days_share_below": 0}}
    if rows := config.promotion.segments.rows:
        layer["promotion"] = {"segments": {"rows": max(rows // ONE_IN, 1)}}
    return layer


def _sample(settings: Settings, dataset: str, month: str, scratch: Path) -> bool:
    """Write one row in ONE_IN of a month into the scratch folder; return whether the month is available."""
    config = settings.config
    if config.source == "demo":
        return config.demo.first <= month <= config.demo.last
    name = settings.describe(dataset).file_of(month)
    raw = targets.data_file(dataset, month, "raw.file")
    placeholders.bring([raw])
    places = [Path(raw)]
    if config.source.startswith("file:"):
        places.append(publisher.resolve_folder(config.source) / name)
    place = next((path for path in places if path.is_file()), None)
    if place is None:
        return False
    target = scratch / "published" / name
    target.parent.mkdir(exist_ok=True)
    _write_sample(place, target)
    return True


def _write_sample(place: Path, target: Path) -> None:
    import pyarrow as pa  # only for this
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(place)
        with pq.ParquetWriter(target, file.schema_arrow) as writer:
            skipped = 0
            for batch in file.iter_batches():
                rows = range(-skipped % ONE_IN, batch.num_rows, ONE_IN)
                writer.write_batch(batch.take(pa.array(rows, pa.int64())))
                skipped += batch.num_rows
    except (pa.ArrowException, OSError):
        with open(place, "rb") as broken:  # `ingest` reports what is wrong with it
            target.write_bytes(broken.read(BROKEN_BYTES))
