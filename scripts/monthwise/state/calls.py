"""The log of `run` calls, history/runs.jsonl: one line per call with its result, what was built and why."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..base import lock, months
from ..base.redact import scrub
from . import decisions

if TYPE_CHECKING:
    from ..base.file_types import CallNeed, LastRun, Outcome, ServiceStatus

PATH = "history/runs.jsonl"


class Rebuild(NamedTuple):
    """A call that built stages of a month: when it began, and its stages by the reason that they were built for."""

    when: str
    why: dict[str, list[str]]


def append(call: Outcome) -> None:
    """Append a call to the log."""
    os.makedirs(os.path.dirname(PATH), exist_ok=True)
    text = json.dumps(call, sort_keys=True, ensure_ascii=False) + "\n"
    with open(PATH, "a", encoding="utf-8") as file:
        file.write(text)


def read() -> list[dict[str, Any]]:
    """Return the calls of `run`, oldest first; skip incomplete lines."""
    calls = []
    for text_line in decisions.content(PATH).splitlines():
        with contextlib.suppress(ValueError):
            call = json.loads(text_line)
            if isinstance(call, dict) and isinstance(call.get("start"), str):
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


def needs(services: Mapping[str, ServiceStatus]) -> list[CallNeed]:
    """Return an alert for each failed call of `run` that the needs of its months do not explain.

    Only the last call, and a call that was killed after it, can cause an alert. `services` maps each service to the
    result of summary.of_service.
    """
    alerts: list[CallNeed] = []
    if killed_start := lock.killed_run():
        text = f"the run that began {killed_start} was killed; the next ./monthwise run cleans up and continues"
        alerts.append({"kind": "call", "text": text})
    calls = read()
    last_call = calls[-1] if calls else {}
    code = last_call.get("code")
    if isinstance(code, int) and code and not _is_explained(code, last_call.get("failed"), services):
        text = scrub(f"the run that began {last_call['start'][:40]} ended with {code}: {last_call.get('line')}")
        alerts.append({"kind": "call", "text": text})
    return alerts


def _is_explained(code: int, failed: object, services: Mapping[str, ServiceStatus]) -> bool:
    """Return whether the needs of months include each failed job of a call and the cause of its exit code."""
    service_needs = [
        (service, need) for service, service_status in services.items() for need in service_status["needs"]
    ]
    explained_jobs = [[service, need["month"], need["stage"]] for service, need in service_needs]
    failed_jobs = [job for job in failed if isinstance(job, dict)] if isinstance(failed, list) else []
    if any([job.get(key) for key in ("service", "month", "rule")] not in explained_jobs for job in failed_jobs):
        return False
    codes = [job.get("code") for job in failed_jobs]
    return code in codes or (code == os.EX_DATAERR and any(need["kind"] == "rejected" for _, need in service_needs))


def reasons(services: list[str]) -> dict[tuple[str, str], list[Rebuild]]:
    """Return for each service and month the calls that built a stage of it."""
    rebuilds_by_month: dict[tuple[str, str], list[Rebuild]] = {}
    for call in read():
        jobs = call.get("jobs")
        if isinstance(jobs, dict) and jobs.get("done") == 0:  # old lines of refused calls list the planned jobs
            continue
        stages_by_month: dict[tuple[str, str], dict[str, list[str]]] = {}
        reason_by_job = call.get("reason")
        for key, reason in reason_by_job.items() if isinstance(reason_by_job, dict) else ():
            words = str(key).split()
            if len(words) == 3 and words[1] in services and months.is_month(words[2]):
                stages_by_month.setdefault((words[1], words[2]), {}).setdefault(scrub(reason), []).append(words[0])
        for month_key, stages in stages_by_month.items():
            rebuilds_by_month.setdefault(month_key, []).append(Rebuild(scrub(call["start"])[:40], stages))
    return rebuilds_by_month
