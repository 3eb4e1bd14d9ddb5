"""`./monthwise accept`: record results that agree with their evidence as up to date, without rebuilding them.

For results that this version or this installation did not build: after an upgrade, a move, or the loss of `.snakemake`.
"""

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

from ..base import exits, files, lock, results, suggest
from ..base.text import first_few
from ..config.settings import Settings
from ..runner import alerts, reasons
from ..runner.events import Job
from ..runner.snakemake import Snakemake
from ..verify import evidence_check
from ..verify.recorded_jobs import Finding
from ..workflow.calendar import Calendars
from ..workflow.listing import built_months
from . import upgrade

SHOWN = 3  # reasons


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Check the months that have evidence, then record their files.

    Results of an older format are set aside instead (upgrade.py).
    Raises BadData (exit code 65) if a month does not agree with its evidence, or if no month has evidence.
    """
    with lock.hold("accept", marks_format=False):
        number = results.read_format()
        if number is not None and number < files.FORMAT:
            upgrade.set_aside(number)
            return os.EX_OK
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
            accepted |= {path for dataset, _ in checked if os.path.exists(path := f"registry/{dataset}.json")}
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
    """Return the config overrides of the call, limited to the datasets and months that were checked."""
    datasets, run_months = sorted({dataset for dataset, _ in checked}), [month for _, month in checked]
    chosen = [f"datasets=[{','.join(datasets)}]", f"first={min(run_months)}", f"last={max(run_months)}"]
    return [*arguments.overrides, *chosen]


def _checked(arguments: argparse.Namespace, calendars: Calendars) -> dict[tuple[str, str], list[str]]:
    """Return the files of each dataset and run month that agree with the evidence; print a line for each other one."""
    files_by_run_month, differing = {}, []
    for dataset in calendars.settings.choose(arguments.dataset):
        known = [path.parent.name for path in sorted(Path("runs", dataset).glob("*/evidence.json"))]
        for month in arguments.range or built_months(dataset):
            if month not in known:
                print(f"none  {dataset} {month}: no evidence.json, it is left as it is")
                continue
            try:
                files_by_run_month[dataset, month] = evidence_check.unchanged_files(calendars[dataset], month)
            except Finding as finding:
                print(f"OFF   {dataset} {month}: {finding}")
                differing.append((dataset, month))
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
    for dataset in sorted({dataset for dataset, _ in checked}):
        accepted = [month for checked_dataset, month in checked if checked_dataset == dataset]
        files = {
            path for (checked_dataset, _), paths in checked.items() if checked_dataset == dataset for path in paths
        }
        jobs = [job for job in outdated if job.dataset == dataset]
        line = f"{dataset} {accepted[0]} to {accepted[-1]}: {len(files)} files agree with their evidence"
        print(f"{line}; {len(jobs)} jobs recorded as up to date" if jobs else f"{line}; already up to date")
    if outdated:
        print(first_few(why.split("; "), SHOWN))
