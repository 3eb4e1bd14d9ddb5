"""`./monthwise verify`: check that a month's files are those of its decision, and that they give the recorded results.

Works offline, from evidence.json. Hashes are checked first. Then the programs that computed errors, predictions and
decision compute them again from model, features and JSON. Only a temporary folder is written to.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..base import suggest
from ..config.settings import Settings
from ..tracking import uris
from ..verify import evidence_check, registry_check, running
from ..verify.recorded_jobs import Finding
from ..workflow import targets
from ..workflow.calendar import Calendar

if TYPE_CHECKING:
    from ..base.file_types import Tracking
from ..workflow.listing import files_by_month


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print a line for each month; return 65 if a month differs or has no evidence."""
    uri = uris.store_uri(settings.config.tracking.model_dump())
    codes = set()
    for dataset in settings.choose(arguments.dataset):
        calendar = Calendar.read(settings, dataset)
        names_by_month = files_by_month(f"runs/{dataset}")
        decided = [month for month, names in names_by_month.items() if names & {"champion.json", "evidence.json"}]
        months = arguments.range or decided
        if not months:
            codes.add(os.EX_DATAERR)
            print(f"none  {dataset}: no evidence yet; `{suggest.command('run', dataset=dataset)}` collects it")
        tracking_by_month: dict[str, Tracking | None] = {}
        for month in months:
            if not os.path.exists(targets.run_file(dataset, month, "evidence.json")):
                codes.add(os.EX_DATAERR)
                print(
                    f"none  {dataset} {month}: no evidence.json; {running.rebuild_it(dataset, month)}",
                    flush=True,
                )
                continue
            try:
                evidence = evidence_check.read_evidence(dataset, month)
                tracking_by_month[month] = evidence["provenance"]["tracking"]
                print(
                    f"ok    {dataset} {month}: {evidence_check.check(calendar, evidence, arguments.rebuild)}",
                    flush=True,
                )
            except Finding as finding:
                codes.add(os.EX_DATAERR)
                print(f"OFF   {dataset} {month}: {finding}", flush=True)
        if tracking_by_month:
            codes.add(_registry(dataset, tracking_by_month, uri))
    return min(codes - {os.EX_OK}, default=os.EX_OK)


def _registry(dataset: str, tracking_by_month: Mapping[str, Tracking | None], uri: str) -> int:
    try:
        differences = registry_check.findings(dataset, tracking_by_month, uri)
    except registry_check.NotChecked as reason:
        print(f"{dataset}: the registry was not checked: {reason}")
        return os.EX_OK
    for month, difference in sorted(differences.items()):
        print(f"OFF   {dataset} {month}: {difference}")
    if not differences:
        print(f"ok    {dataset}: the registry agrees")
    return os.EX_DATAERR if differences else os.EX_OK
