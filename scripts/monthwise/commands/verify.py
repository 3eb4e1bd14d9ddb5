"""`./monthwise verify`: whether a month's files are those that were decided on, and say what they said.

Offline, from evidence.json: hashes first, then errors, predictions and decision computed again from model, features and
JSON by the programs that made them. Nothing is written but into a temporary folder.
"""

import argparse
import os

from ..base import suggest
from ..config.settings import Settings
from ..tracking import uris
from ..verify import evidence_check, registry_check
from ..verify.recorded_jobs import Finding
from ..workflow import targets


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print a line for each month; the code is 65 if one is off or has no evidence."""
    uri = uris.store_uri(settings.config["tracking"])
    ends = set()
    for service in settings.choose(arguments.service):
        files_by_month = targets.listing(f"runs/{service}")
        decided = [month for month, names in files_by_month.items() if names & {"champion.json", "evidence.json"}]
        months = arguments.range or decided
        if not months:
            ends.add(os.EX_DATAERR)
            print(f"none  {service}: no evidence yet; `{suggest.command('run', service=service)}` collects it")
        tracked = {}
        for month in months:
            if not os.path.exists(targets.run_file(service, month, "evidence.json")):
                ends.add(os.EX_DATAERR)
                print(
                    f"none  {service} {month}: no evidence.json; {evidence_check.rebuild_it(service, month)}",
                    flush=True,
                )
                continue
            try:
                found = evidence_check.read_evidence(service, month)
                tracked[month] = found["provenance"]["tracking"]
                print(
                    f"ok    {service} {month}: {evidence_check.check(settings, found, arguments.rebuild)}", flush=True
                )
            except Finding as finding:
                ends.add(os.EX_DATAERR)
                print(f"OFF   {service} {month}: {finding}", flush=True)
        if tracked:
            ends.add(_registry(service, tracked, uri))
    return min(ends - {os.EX_OK}, default=os.EX_OK)


def _registry(service: str, tracked: dict[str, dict | None], uri: str) -> int:
    try:
        found = registry_check.findings(service, tracked, uri)
    except registry_check.NotChecked as reason:
        print(f"{service}: the registry was not checked: {reason}")
        return os.EX_OK
    for month, off in sorted(found.items()):
        print(f"OFF   {service} {month}: {off}")
    if not found:
        print(f"ok    {service}: the registry agrees")
    return os.EX_DATAERR if found else os.EX_OK
