"""The state of every month and stage, from files alone; what is stale is as the last `run` or `plan` saw it."""

import os

from ..base import files, months, suggest
from ..config.settings import Settings
from ..data import quality_rules
from ..workflow import availability, stages, targets
from .artifacts import Tree

PLAN = "logs/plan.json"  # what the last `run` or `plan` saw

TAIL_BYTES = 4000


def of_service(settings: Settings, service: str, look: dict, tree: Tree | None = None) -> dict[str, dict]:
    """Return `data` and `runs`: month -> stage -> state, a dict with `state` and what explains it.

    States: not published, waiting, rejected, failed, built, stale, superseded, pruned; a stage that a month does not
    have is left out. `look` is the content of logs/plan.json, or empty.
    """
    tree = tree or Tree()
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
        _mark_torn(data[month], service, month, there, tree)
    runs = {}
    for month in sorted({*runs_there, *run_months}):
        there = runs_there.get(month, set())
        runs[month] = _run_month(settings, service, month, there, stale, month in run_months)
        _mark_torn(runs[month], service, month, there, tree)
        _mark_changed(runs[month], service, month, there, tree)
    return {"data": data, "runs": runs}


def _run_months(settings: Settings, service: str) -> list[str]:
    found = availability.run_months(settings, service)
    if settings.config["source"] == "https":  # the calendar says what may be out; files say what is
        located = targets.located_months(service)
        found = [month for month in found if located and month <= months.shift(located[-1], 1)]
    return found


def _data_month(settings, service, month, there, stale, not_published) -> dict[str, dict]:
    found = {}
    is_pruned = settings.is_closed_data(service, month) and "quality.json" in there
    for stage in stages.DATA:
        if there.issuperset(stages.files_of(stage)) or (is_pruned and stage == "clean"):
            state = _standing(stage, month, stale)
            if stage == "clean" and (rejected := availability.rejected(service, [month])):
                state = {"state": "rejected", "why": quality_rules.in_words(rejected[month].get("rule") or {})}
        elif is_pruned and stage in ("ingest", "featurize"):
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
    for stage in stages.RUN:
        first = stages.STAGES[stage].done
        if first in there and first not in wanted:
            found[stage] = {"state": "superseded"}
        elif first in wanted:
            is_there = there.issuperset(stages.files_of(stage))
            found[stage] = _standing(stage, month, stale) if is_there else _missing(stage, service, month)
    return found


def _standing(stage: str, month: str, stale: dict) -> dict:
    why = stale.get((stage, month))
    return {"state": "stale", "why": why} if why else {"state": "built"}


def _mark_torn(found: dict[str, dict], service: str, month: str, there: set[str], tree: Tree) -> None:
    """Mark the stages with a file that is cut off or cannot be read: nothing but a person makes it again."""
    for stage, state in found.items():
        place = targets.data_file if stage in stages.DATA else targets.run_file
        for name in stages.files_of(stage):
            path = place(service, month, name)
            if name in there and state["state"] in ("built", "stale", "superseded") and not tree.is_whole(path):
                run = suggest.command("run", month, service=service)
                why = f"{path} is not whole: delete it, then `{run}` rebuilds it"
                found[stage] = {"state": "failed", "log": _log(stage, service, month), "why": why, "lines": []}


def _mark_changed(found: dict[str, dict], service: str, month: str, there: set[str], tree: Tree) -> None:
    """Mark the stages whose files are not what the evidence says; the evidence, where those of other months are not."""
    if "evidence" not in found or found["evidence"]["state"] != "built":
        return
    own = f"runs/{service}/{month}/"
    for path in tree.changed(own + "evidence.json"):
        stage = stages.STAGE_OF_FILE.get(path.removeprefix(own), "evidence")
        if found.get(stage, {}).get("state") == "built":
            verify = suggest.command("verify", month, service=service)
            why = f"{path} is not what the evidence says: {verify}"
            found[stage] = {"state": "stale", "why": why}


def _missing(stage: str, service: str, month: str) -> dict:
    """Return whether a job failed on what is not there, or nothing has asked for it yet."""
    log = _log(stage, service, month)
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


def _log(stage: str, service: str, month: str) -> str:
    return f"logs/{stage}/{service}/{month}.log"


def look() -> dict:
    """Return what the last `run` or `plan` saw (logs/plan.json); empty where there is none, or it is not whole."""
    found = files.read_json_if_whole(PLAN) or {}
    jobs = found.get("jobs")
    whole = [job for job in jobs if _is_job(job)] if isinstance(jobs, list) else []
    waits = found.get("not_published")
    waits = waits if isinstance(waits, dict) and all(isinstance(each, list) for each in waits.values()) else {}
    return found | {"jobs": whole, "not_published": waits}


def _is_job(job: object) -> bool:
    return isinstance(job, dict) and {"rule", "service", "reason", "missing"} <= job.keys()
