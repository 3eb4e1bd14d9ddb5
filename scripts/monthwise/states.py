"""The state of every month and stage, from files alone; what is stale is as the last `run` or `plan` saw it."""

import os

from . import due, months, targets
from .settings import Settings

PLAN = "logs/plan.json"  # what the last `run` or `plan` saw

DATA_STAGES = ("locate", "ingest", "clean", "featurize")
RUN_STAGES = ("train", "evaluate", "track", "compare", "promote", "score", "drift", "evidence")
# The file that says whether a stage is done.
OUTPUT = {
    "locate": "source.json",
    "ingest": "raw.parquet",
    "clean": "quality.json",
    "featurize": "features.parquet",
    "train": "model.skops",
    "evaluate": "metrics.json",
    "track": "tracking.json",
    "compare": "comparison.json",
    "promote": "champion.json",
    "score": "live.json",
    "drift": "drift.json",
    "evidence": "evidence.json",
}
TAIL_BYTES = 4000


def of_service(settings: Settings, service: str, look: dict) -> dict[str, dict]:
    """Return `data` and `runs`: month -> stage -> state, a dict with `state` and what explains it.

    States: not published, waiting, rejected, failed, built, stale, superseded, pruned; a stage that a month does not
    have is left out. `look` is the content of logs/plan.json, or empty.
    """
    stale = {
        (job["rule"], job.get("month")): job["reason"]
        for job in look.get("jobs", ())
        if job["service"] == service and not job["missing"]
    }
    not_published = set(look.get("not_published", {}).get(service, ()))
    run_months = _run_months(settings, service)
    data_there, runs_there = targets.listing(f"data/{service}"), targets.listing(f"runs/{service}")
    needed = {each for month in run_months for each in targets.data_months(settings, service, month)}
    data = {}
    for month in sorted({*data_there, *needed, *not_published}):
        there = data_there.get(month, set())
        data[month] = _data_month(settings, service, month, there, stale, not_published)
    runs = {}
    for month in sorted({*runs_there, *run_months}):
        there = runs_there.get(month, set())
        runs[month] = _run_month(settings, service, month, there, stale, month in run_months)
    return {"data": data, "runs": runs}


def _run_months(settings: Settings, service: str) -> list[str]:
    found = due.run_months(settings, service)
    if settings.config["source"] == "https":  # the calendar says what may be out; files say what is
        located = targets.located_months(service)
        found = [month for month in found if located and month <= months.shift(located[-1], 1)]
    return found


def _data_month(settings, service, month, there, stale, not_published) -> dict[str, dict]:
    found = {}
    is_closed = settings.is_closed_data(service, month)
    for stage in DATA_STAGES:
        if OUTPUT[stage] in there:
            state = _standing(stage, month, stale)
            if stage == "clean" and (rejected := due.rejected(service, [month])):
                rule = rejected[month].get("rule") or {}
                why = f"{rule.get('name')}: {rule.get('number')}, bound {rule.get('bound')}"
                state = {"state": "rejected", "why": why}
        elif is_closed and "quality.json" in there and stage in ("ingest", "featurize"):
            state = {"state": "pruned"}
        elif stage == "locate" and month in not_published:
            state = {"state": "not published"}
        else:
            state = _missing(stage, service, month)
        found[stage] = state
    return found


def _run_month(settings, service, month, there, stale, is_asked) -> dict[str, dict]:
    wanted = set(targets.run_files(settings, service, month)) if is_asked else set(there)
    found = {}
    for stage in RUN_STAGES:
        if OUTPUT[stage] in there:
            is_wanted = OUTPUT[stage] in wanted
            found[stage] = _standing(stage, month, stale) if is_wanted else {"state": "superseded"}
        elif OUTPUT[stage] in wanted:
            found[stage] = _missing(stage, service, month)
    return found


def _standing(stage: str, month: str, stale: dict) -> dict:
    why = stale.get((stage, month))
    return {"state": "stale", "why": why} if why else {"state": "built"}


def _missing(stage: str, service: str, month: str) -> dict:
    """Return whether a job failed on what is not there, or nothing has asked for it yet."""
    log = f"logs/{stage}/{service}/{month}.log"
    try:
        with open(log, "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - TAIL_BYTES, 0))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return {"state": "waiting"}
    last = lines[-1] if lines else ""
    if last.startswith(("exit 0:", f"exit {os.EX_NOINPUT}:")):
        return {"state": "waiting"}
    return {"state": "failed", "log": log, "why": last or "it ended without a word", "lines": lines[-5:]}


def look() -> dict:
    """Return what the last `run` or `plan` saw (logs/plan.json); empty where there is none."""
    return due.read(PLAN) or {}
