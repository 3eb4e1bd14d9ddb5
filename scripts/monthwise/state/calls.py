"""The log of `run` calls, history/runs.jsonl: one line per call with its result, what was built and why."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..base import files, lock, months
from ..base.redact import scrub
from . import decisions

if TYPE_CHECKING:
    from ..base.file_types import CallNeed, DatasetStatus, LastRun, Outcome

PATH = "history/runs.jsonl"


class Rebuild(NamedTuple):
    """A call that built stages of a month: when it began, and its stages by the reason that they were built for."""

    when: str
    why: dict[str, list[str]]


def append(call: Outcome) -> None:
    """Append a call to the log."""
    os.makedirs(os.path.dirname(PATH), exist_ok=True)
    with open(PATH, "ab") as file:
        file.write(files.to_json_line(call))


def read() -> list[dict[str, Any]]:
    """Return the calls of `run`, oldest first; skip incomplete lines."""
    calls = []
    for text_line in decisions.content(PATH).splitlines():
        call = files.parse_json_if_whole(text_line)
        if call and isinstance(call.get("start"), str):
            calls.append(call)
    return calls


def last_run() -> LastRun | None:
    """Return start, end, exit code and final line of the last call of `run`; None if there is no call."""
    calls = read()
    if not calls:
        return None
    last_call = calls[-1]
    return {
        "start": last_call["start"],
        "end": last_call.get("end") if isinstance(last_call.get("end"), str) else None,
        "code": last_call.get("code") if isinstance(last_call.get("code"), int) else None,
        "line": scrub(str(last_call.get("line") or "")),
    }


def needs(datasets: Mapping[str, DatasetStatus]) -> list[CallNeed]:
    """Return an alert for each failed call of `run` that the needs of its months do not explain.

    Only the last call, and a call that was killed after it, can cause an alert. `datasets` maps each dataset to the
    result of summary.of_dataset.
    """
    alerts: list[CallNeed] = []
    if killed_start := lock.killed_run():
        text = f"the run that began {killed_start} was killed; the next ./monthwise run cleans up and continues"
        alerts.append({"kind": "call", "text": text})
    calls = read()
    last_call = calls[-1] if calls else {}
    code = last_call.get("code")
    if isinstance(code, int) and code and not _is_explained(code, last_call.get("failed"), datasets):
        text = scrub(f"the run that began {last_call['start'][:40]} ended with {code}: {last_call.get('line')}")
        alerts.append({"kind": "call", "text": text})
    return alerts


def _is_explained(code: int, failed: object, datasets: Mapping[str, DatasetStatus]) -> bool:
    """Return whether the needs of months include each failed job of a call and the cause of its exit code."""
    dataset_needs = [
        (dataset, need) for dataset, dataset_status in datasets.items() for need in dataset_status["needs"]
    ]
    explained_jobs = [[dataset, need["month"], need["stage"]] for dataset, need in dataset_needs]
    failed_jobs = [job for job in failed if isinstance(job, dict)] if isinstance(failed, list) else []
    if any([job.get(key) for key in ("dataset", "month", "rule")] not in explained_jobs for job in failed_jobs):
        return False
    codes = [job.get("code") for job in failed_jobs]
    return code in codes or (code == os.EX_DATAERR and any(need["kind"] == "rejected" for _, need in dataset_needs))


def reasons(datasets: list[str]) -> dict[tuple[str, str], list[Rebuild]]:
    """Return for each dataset and month the calls that built a stage of it."""
    rebuilds_by_month: dict[tuple[str, str], list[Rebuild]] = {}
    for call in read():
        jobs = call.get("jobs")
        if isinstance(jobs, dict) and jobs.get("done") == 0:  # old lines of refused calls list the planned jobs
            continue
        stages_by_month: dict[tuple[str, str], dict[str, list[str]]] = {}
        reason_by_job = call.get("reason")
        for key, reason in reason_by_job.items() if isinstance(reason_by_job, dict) else ():
            words = str(key).split()
            if len(words) == 3 and words[1] in datasets and months.is_month(words[2]):
                stages_by_month.setdefault((words[1], words[2]), {}).setdefault(scrub(reason), []).append(words[0])
        for month_key, stages in stages_by_month.items():
            rebuilds_by_month.setdefault(month_key, []).append(Rebuild(scrub(call["start"])[:40], stages))
    return rebuilds_by_month
