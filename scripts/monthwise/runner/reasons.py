"""Explain why jobs run: Snakemake's reason for each job, traced back to what changed."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..base import files, results
from ..base.exits import Exit
from ..base.months import PATTERN
from ..workflow import job_settings, targets
from ..workflow.calendar import Calendar, Calendars
from .events import BY_JOB, FORCED, MISSING, PARAMS, UPDATED, Job

# Kinds of changes.
PROGRAM, SETTINGS, NO_RECORD = "program", "settings", "no record"
RESTATED, ABSENT, CHANGED, REDO = "restated", "missing", "changed", "redo"
ON_REQUEST = (PROGRAM, SETTINGS, NO_RECORD)  # these rebuild a finished month only on request
JobKey = tuple[str, str, str]  # rule, dataset, month
DATA_MONTH = re.compile(rf"^data/([^/]+)/({PATTERN})/")


@dataclass(frozen=True, order=True)
class Root:
    """What changed: its kind, a data month, a file or a stage whose settings changed, and `how`, if it is known."""

    kind: str
    subject: str
    how: str = ""

    def __str__(self) -> str:
        if self.kind == PROGRAM:
            recipe = re.search(r"/recipes/(\w+)\.py$", self.subject)
            return f"recipe changed: {recipe[1]}" if recipe else f"program changed: {self.subject}"
        words = {
            SETTINGS: f"settings changed: {self.subject}" + (f" {self.how}" if self.how else ""),
            NO_RECORD: results.NO_RECORD,
            RESTATED: f"{self.subject} was restated" + (f": {self.how}" if self.how else ""),
            CHANGED: f"changed: {self.subject}",
            REDO: "requested again",
        }
        return words.get(self.kind, "missing")


def in_words(causes: Iterable[Root]) -> str:
    """Return what changed in words. Missing outputs count only if nothing else changed."""
    causes = set(causes)
    words = [
        str(root) for root in sorted(causes) if root.kind not in (ABSENT, RESTATED) and not _is_implied(root, causes)
    ]
    restated = sorted(root for root in causes if root.kind == RESTATED)
    if len(restated) == 1:
        words.insert(0, str(restated[0]))
    elif restated:
        words.insert(0, f"{', '.join(root.subject for root in restated)} were restated")
    return "; ".join(words) or "missing"


def _is_implied(root: Root, all_roots: Collection[Root]) -> bool:
    """Return whether another root names the changed settings of the same stage, which this one does not."""
    of_same_stage = (other.how for other in all_roots if (other.kind, other.subject) == (SETTINGS, root.subject))
    return root.kind == SETTINGS and not root.how and any(of_same_stage)


def roots(calendars: Calendars, planned: Sequence[Job], restated: Mapping[str, str]) -> dict[str, set[Root]]:
    """Return what changed for each job, by its number; `restated`: source.json that the publisher changed -> how."""
    if results.lacks_record():  # Snakemake compares only time stamps: its reasons mean nothing
        return {job.number: {Root(ABSENT if MISSING in job.reasons() else NO_RECORD, "")} for job in planned}
    maker = {path: job for job in planned for path in job.outputs}
    job_by_key = {(job.rule, job.dataset, job.month): job for job in planned}
    roots_by_number: dict[str, set[Root]] = {}

    def follow(job: Job) -> set[Root]:
        stack = [job]
        while stack:
            current = stack[-1]
            if current.number in roots_by_number:
                stack.pop()
                continue
            upstream = _upstream(current, maker, job_by_key)
            if missing := [upstream_job for upstream_job in upstream if upstream_job.number not in roots_by_number]:
                stack += missing
                continue
            own_roots = _own(calendars, current, restated, job_by_key)
            roots_by_number[current.number] = own_roots.union(
                *(roots_by_number[upstream_job.number] for upstream_job in upstream)
            ) or {Root(ABSENT, "")}
            stack.pop()
        return roots_by_number[job.number]

    for job in planned:
        follow(job)
    return roots_by_number


def _upstream(job: Job, maker: dict[str, Job], job_by_key: Mapping[JobKey, Job]) -> list[Job]:
    upstream = {maker[path].number: maker[path] for path in job.reasons().get(BY_JOB, ()) if path in maker}
    if _is_to_be_scored(job, job_by_key):
        scoring = job_by_key["score", job.dataset, job.month]
        upstream[scoring.number] = scoring
    return list(upstream.values())


def _is_to_be_scored(job: Job, job_by_key: Mapping[JobKey, Job]) -> bool:
    """Return whether the settings of the evidence change because its month is published now."""
    scoring = job_by_key.get(("score", job.dataset, job.month))
    return job.rule == "evidence" and scoring is not None and MISSING in scoring.reasons()


def _own(calendars: Calendars, job: Job, restated: Mapping[str, str], job_by_key: Mapping[JobKey, Job]) -> set[Root]:
    if MISSING in job.reasons():
        return {Root(ABSENT, "")}
    changes = set()
    for name, paths in job.reasons().items():
        if name == FORCED:
            is_restated = job.rule == "locate" and job.outputs[0] in restated
            changes.add(_of_file(job.outputs[0], restated) if is_restated else Root(REDO, ""))
        elif name == PARAMS and not _is_to_be_scored(job, job_by_key):
            changes.add(Root(SETTINGS, job.rule, changed_settings(calendars[job.dataset], job)))
        elif name == UPDATED:
            changes |= {_of_file(path, restated) for path in paths}
    return changes


def _of_file(path: str, restated: Mapping[str, str]) -> Root:
    if data_month := DATA_MONTH.match(path):
        dataset, month = data_month.groups()
        return Root(RESTATED, month, restated.get(targets.data_file(dataset, month, "source.json"), ""))
    name = re.search(r"(?:^|/)((?:scripts|config)/.*)$", path)
    return Root(PROGRAM, name[1]) if name else Root(CHANGED, path)


def changed_settings(calendar: Calendar, job: Job) -> str:
    """Return how the settings of a job differ from those in its evidence, if known: `parameters.max_iter 100 -> 50`."""
    if not job.month:
        return ""
    evidence = files.read_json_if_whole(targets.run_file(job.dataset, job.month, "evidence.json")) or {}
    try:
        then = evidence["settings"][job.rule][job.month]
        now = job_settings.of_job(calendar, job.rule, job.month)
    except (TypeError, KeyError, Exit):
        return ""
    return ", ".join(_differences(then, now))


def _differences(then: object, now: object, path: str = "") -> Iterable[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted({*then, *now}):
            yield from _differences(then.get(key), now.get(key), f"{path}.{key}" if path else key)
    elif then != now:
        yield f"{path} {then} -> {now}"
