"""`./monthwise track`: write what the files say to a tracking store that is empty, was lost or moved."""

import argparse
import os

from ..base import lock
from ..config.settings import Settings
from ..tracking import experiments, mlflow_store, rewrite, store_errors, uris
from ..workflow.calendar import Calendar
from ..workflow.job_settings import of_job
from ..workflow.listing import built_months, decided_months


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Take the lock and track."""
    with lock.hold("track"):
        return _run(arguments, settings)


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Log each run month that is missing in the store, print a line for it, and update the registry."""
    for dataset in settings.choose(arguments.dataset):
        calendar = Calendar.read(settings, dataset)
        if arguments.take_over:
            _take_over(calendar)
        built = built_months(dataset)
        rewrite.write_runs(calendar, arguments.range or built)
        if decided_months(dataset):
            print(rewrite.register_decided(calendar))
        else:
            print(f"{dataset}: {len(built)} run months, none of them has a champion")
    return os.EX_OK


def _take_over(calendar: Calendar) -> None:
    job = of_job(calendar, "register")
    uri = uris.store_uri(job)
    mlflow_store.prepare()
    with store_errors.in_one_line(uri, calendar.dataset), mlflow_store.locked(uri):
        experiments.take_over(mlflow_store.connect(uri), job["model"])
