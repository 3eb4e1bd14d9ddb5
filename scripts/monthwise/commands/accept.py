"""`./monthwise accept`: record results that agree with their evidence as up to date, without rebuilding them.

For results that this version or this installation did not build: after an upgrade, a move, or the loss of `.snakemake`.
"""

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

from ..base import exits, lock, results, suggest
from ..base.text import first_few
from ..config.settings import Settings
from ..runner import alerts, reasons
from ..runner.events import Job
from ..runner.snakemake import Snakemake
from ..verify import evidence_check
from ..verify.recorded_jobs import Finding
from ..workflow.calendar import Calendars
from ..workflow.listing import built_months

SHOWN = 3  # reasons


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Check the months that have evidence, then record their files.

    Raises BadData (exit code 65) if a month does not agree with its evidence, or if no month has evidence.
    """
    with lock.hold("accept", marks_format=False):
        calendars = Calendars(settings)
        checked = _checked(arguments, calendars)
        snakemake = Snakemake(
            _overrides(arguments, checked),
            arguments.configfile,
            os.cpu_count() or 1,
            alerts.without_secrets(dict(os.environ)),
        )
        snakemake.unlock()
        accepted = {path for paths in checked.values() for path in paths}
        if not arguments.range:
            accepted |= {path for service, _ in checked if os.path.exists(path := f"registry/{service}.json")}
        paths = sorted(accepted)
        outdated = snakemake.plan(paths)
        _insist_on_checked(outdated, accepted)
        roots = reasons.roots(calendars, outdated, {})
        why = reasons.in_words(set().union(*roots.values()))
        snakemake.touch(paths)
        if left := snakemake.plan(paths):
            raise exits.Exit(f"{len(left)} jobs are still outdated, first: {left[0].rule} {left[0].subject}")
        results.write_format()
        _print(checked, outdated, why)
        return os.EX_OK


def _overrides(arguments: argparse.Namespace, checked: dict[tuple[str, str], list[str]]) -> list[str]:
    """Return the config overrides of the call, limited to the services and months that were checked."""
    services, run_months = sorted({service for service, _ in checked}), [month for _, month in checked]
    chosen = [f"services=[{','.join(services)}]", f"first={min(run_months)}", f"last={max(run_months)}"]
    return [*arguments.overrides, *chosen]


def _checked(arguments: argparse.Namespace, calendars: Calendars) -> dict[tuple[str, str], list[str]]:
    """Return the files of each service and run month that agree with the evidence; print a line for each other one."""
    files_by_run_month, differing = {}, []
    for service in calendars.settings.choose(arguments.service):
        known = [path.parent.name for path in sorted(Path("runs", service).glob("*/evidence.json"))]
        for month in arguments.range or built_months(service):
            if month not in known:
                print(f"none  {service} {month}: no evidence.json, it is left as it is")
                continue
            try:
                files_by_run_month[service, month] = evidence_check.unchanged_files(calendars[service], month)
            except Finding as finding:
                print(f"OFF   {service} {month}: {finding}")
                differing.append((service, month))
    if differing:
        raise exits.BadData(f"{len(differing)} run months do not agree with their evidence; nothing was accepted")
    if not files_by_run_month:
        raise exits.BadData("there is no evidence.json to check results against; nothing was accepted")
    return files_by_run_month


def _insist_on_checked(outdated: Iterable[Job], checked: set[str]) -> None:
    """Raise BadData if Snakemake would record unchecked files: those that checked ones are made from."""
    for job in outdated:
        unchecked = [path for path in job.outputs if path not in checked and job.rule != "register"]
        if unchecked:
            raise exits.BadData(
                f"{unchecked[0]} is in no evidence that was checked; run `{suggest.command('accept')}`"
                f" without a range, or rebuild {job.subject}"
            )


def _print(checked: dict[tuple[str, str], list[str]], outdated: list[Job], why: str) -> None:
    for service in sorted({service for service, _ in checked}):
        accepted = [month for checked_service, month in checked if checked_service == service]
        files = {
            path for (checked_service, _), paths in checked.items() if checked_service == service for path in paths
        }
        jobs = [job for job in outdated if job.service == service]
        line = f"{service} {accepted[0]} to {accepted[-1]}: {len(files)} files agree with their evidence"
        print(f"{line}; {len(jobs)} jobs recorded as up to date" if jobs else f"{line}; already up to date")
    if outdated:
        print(first_few(why.split("; "), SHOWN))
