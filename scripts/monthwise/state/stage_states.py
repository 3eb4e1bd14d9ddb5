"""The state of every month and stage, from files alone; stale stages are those of the last `run` or `plan`."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ..base import files, months, suggest
from ..data import quality_rules
from ..workflow import availability, stages, targets
from ..workflow.calendar import Calendar
from ..workflow.listing import files_by_month
from .artifacts import Tree

if TYPE_CHECKING:
    from ..base.file_types import StageState, StageStates, States

PLAN = "logs/plan.json"  # result of the last `run` or `plan`

TAIL_BYTES = 4000
StaleReasons = Mapping[tuple[str, str | None], str]  # why a job is to run again, by rule and month


def of_dataset(calendar: Calendar, plan: Mapping[str, Any], tree: Tree | None = None) -> States:
    """Return the state of each stage of all data months and run months. `plan` is the result of read_plan, or empty.

    States: not published, waiting, rejected, failed, built, stale, superseded, pruned. A stage that a month does not
    have is omitted.
    """
    dataset, tree = calendar.dataset, tree or Tree()
    stale_reasons = {
        (job["rule"], job.get("month")): job["reason"]
        for job in plan.get("jobs", ())
        if job["dataset"] == dataset and not job["missing"]
    }
    not_published = set(plan.get("not_published", {}).get(dataset, ()))
    run_months = _run_months(calendar)
    data_files, run_files = files_by_month(f"data/{dataset}"), files_by_month(f"runs/{dataset}")
    data: StageStates = {}
    for month in sorted({*data_files, *calendar.data_months(*run_months), *not_published}):
        present_files = data_files.get(month, set())
        data[month] = _data_month(calendar, month, present_files, stale_reasons, not_published)
        _mark_torn(data[month], dataset, month, present_files, tree)
    runs: StageStates = {}
    for month in sorted({*run_files, *run_months}):
        present_files = run_files.get(month, set())
        runs[month] = _run_month(calendar, month, present_files, stale_reasons, month in run_months)
        _mark_torn(runs[month], dataset, month, present_files, tree)
        _mark_changed(runs[month], dataset, month, present_files, tree)
    return {"data": data, "runs": runs}


def _run_months(calendar: Calendar) -> list[str]:
    run_months, located = calendar.open_run_months, calendar.known.located
    if calendar.config.source == "https":  # these are months that may be published; files show which are
        run_months = [month for month in run_months if located and month <= months.shift(located[-1], 1)]
    return run_months


def _data_month(
    calendar: Calendar, month: str, present_files: set[str], stale_reasons: StaleReasons, not_published: Collection[str]
) -> dict[str, StageState]:
    dataset = calendar.dataset
    states: dict[str, StageState] = {}
    is_pruned = calendar.is_closed_data(month) and "quality.json" in present_files
    for stage in stages.DATA:
        if present_files.issuperset(stages.files_of(stage)) or (is_pruned and stage == "clean"):
            state = _built_or_stale(stage, month, stale_reasons)
            if stage == "clean" and (rejected := availability.rejected(dataset, [month])):
                rule = rejected[month].get("rule")  # none if the file was edited
                state = {"state": "rejected", "why": quality_rules.in_words(rule) if rule else "an unknown rule"}
        elif is_pruned and stage in ("ingest", "featurize"):
            state = {"state": "pruned"}
        elif stage == "locate" and month in not_published:
            state = {"state": "not published"}
        else:
            state = _missing(stage, dataset, month)
        states[stage] = state
    return states


def _run_month(
    calendar: Calendar, month: str, present_files: set[str], stale_reasons: StaleReasons, is_requested: bool
) -> dict[str, StageState]:
    dataset = calendar.dataset
    requested_files = set(targets.run_files(calendar, month)) if is_requested else set(present_files)
    states: dict[str, StageState] = {}
    for stage in stages.RUN:
        main_file = stages.STAGES[stage].done
        if main_file in present_files and main_file not in requested_files:
            states[stage] = {"state": "superseded"}
        elif main_file in requested_files:
            is_complete = present_files.issuperset(stages.files_of(stage))
            states[stage] = (
                _built_or_stale(stage, month, stale_reasons) if is_complete else _missing(stage, dataset, month)
            )
    return states


def _built_or_stale(stage: str, month: str, stale_reasons: StaleReasons) -> StageState:
    reason = stale_reasons.get((stage, month))
    return {"state": "stale", "why": reason} if reason else {"state": "built"}


def _mark_torn(states: dict[str, StageState], dataset: str, month: str, present_files: set[str], tree: Tree) -> None:
    """Mark stages with a truncated or unreadable file as failed: no job rebuilds it until a user deletes it."""
    for stage, state in states.items():
        path_of = targets.data_file if stage in stages.DATA else targets.run_file
        for name in stages.files_of(stage):
            path = path_of(dataset, month, name)
            if name in present_files and state["state"] in ("built", "stale", "superseded") and not tree.is_whole(path):
                run = suggest.command("run", month, dataset=dataset)
                why = f"{path} is not whole: delete it, then `{run}` rebuilds it"
                states[stage] = {"state": "failed", "log": _log(stage, dataset, month), "why": why, "lines": []}


def _mark_changed(states: dict[str, StageState], dataset: str, month: str, present_files: set[str], tree: Tree) -> None:
    """Mark stages whose files differ from the evidence as stale; mark the evidence if files of other months differ."""
    if "evidence" not in states or states["evidence"]["state"] != "built":
        return
    folder = f"runs/{dataset}/{month}/"
    for path in tree.changed(folder + "evidence.json"):
        stage = stages.STAGE_OF_FILE.get(path.removeprefix(folder), "evidence")
        if stage in states and states[stage]["state"] == "built":
            verify = suggest.command("verify", month, dataset=dataset)
            why = f"{path} is not what the evidence says: {verify}"
            states[stage] = {"state": "stale", "why": why}


def _missing(stage: str, dataset: str, month: str) -> StageState:
    """Return the state of a stage with missing files: failed if its job failed, else waiting."""
    log = _log(stage, dataset, month)
    try:
        with open(log, "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - TAIL_BYTES, 0))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return {"state": "waiting"}
    last = lines[-1] if lines else ""
    if last.startswith(("exit 0:", f"exit {os.EX_NOINPUT}:")):
        return {"state": "waiting"}
    return {"state": "failed", "log": log, "why": last or "the job wrote no final log line", "lines": lines[-5:]}


def _log(stage: str, dataset: str, month: str) -> str:
    return f"logs/{stage}/{dataset}/{month}.log"


def read_plan() -> dict[str, Any]:
    """Return the result of the last `run` or `plan` (logs/plan.json); empty values if it is missing or incomplete."""
    plan = files.read_json_if_whole(PLAN) or {}
    jobs = plan.get("jobs")
    complete_jobs = [job for job in jobs if _is_job(job)] if isinstance(jobs, list) else []
    months_by_dataset = plan.get("not_published")
    months_by_dataset = (
        months_by_dataset
        if isinstance(months_by_dataset, dict)
        and all(isinstance(dataset_months, list) for dataset_months in months_by_dataset.values())
        else {}
    )
    return plan | {"jobs": complete_jobs, "not_published": months_by_dataset}


def _is_job(job: object) -> bool:
    return isinstance(job, dict) and {"rule", "dataset", "reason", "missing"} <= job.keys()
