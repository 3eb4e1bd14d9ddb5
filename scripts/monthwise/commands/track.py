"""`./monthwise track`: write what the files say to a tracking store that is empty, was lost or moved."""

import argparse
import os

from ..base import lock
from ..config.settings import Settings
from ..tracking import experiments, mlflow_store, rewrite, store_errors, uris
from ..workflow import targets
from ..workflow.job_settings import of_job


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Take the lock and track."""
    with lock.hold("track"):
        return _run(arguments, settings)


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Log each run month that is missing in the store, print a line for it, and update the registry."""
    for service in settings.choose(arguments.service):
        if arguments.take_over:
            _take_over(settings, service)
        built = targets.built_months(service)
        rewrite.write_runs(settings, service, arguments.range or built)
        if targets.decided_months(service):
            print(rewrite.register_decided(settings, service))
        else:
            print(f"{service}: {len(built)} run months, none of them has a champion")
    return os.EX_OK


def _take_over(settings: Settings, service: str) -> None:
    job = of_job(settings, "register", service)
    uri = uris.store_uri(job)
    mlflow_store.prepare()
    with store_errors.in_one_line(uri, service), mlflow_store.locked(uri):
        experiments.take_over(mlflow_store.connect(uri), job["model"])
