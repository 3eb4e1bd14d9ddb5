"""The settings of a job: the part of config that one stage needs for one month, as passed on its command line."""

import functools
from collections.abc import Callable
from typing import Any

from ..base.exits import WrongUsage
from . import stages, targets
from .calendar import Calendar

JobSettings = dict[str, Any]


@functools.cache
def of_job(calendar: Calendar, stage: str, month: str | None = None) -> JobSettings:
    """Return the settings that the job of `stage` needs for a data or run month, and nothing else.

    Raises WrongUsage if the month has no such job. `register` is one job for all months. The result is kept, so that
    `evidence` collects what the jobs of a call received; do not change it.
    """
    if month is None:
        return _of_register(calendar) | {"service": calendar.service}
    return OF_STAGE[stage](calendar, month) | {"service": calendar.service, "month": month}


def _of_locate(calendar: Calendar, month: str) -> JobSettings:
    description = calendar.settings.describe(calendar.service)
    source = calendar.config.source
    location: dict[str, object] = {"source": source, "file": description.file.replace("{month}", month)}
    if source == "https":
        location["url"] = description.url
    if source == "demo":
        demo = calendar.config.demo
        is_published = demo.first <= month <= demo.last
        # The bounds are left out: one more month must not rebuild the others.
        location["demo"] = {"seed": demo.seed, "rows": demo.rows} | ({} if is_published else {"newest": demo.last})
        location["layout"] = description.layout
    return location


def _of_clean(calendar: Calendar, month: str) -> JobSettings:
    description = calendar.settings.describe(calendar.service)
    quality = calendar.config.quality
    return {
        "columns": description.columns.spellings(),
        "distance_unit": description.distance_unit,
        "duration": description.duration.model_dump(),
        "quality": quality.rules(),
        "waiver": quality.waive.get(calendar.service, {}).get(month),
    }


def _of_featurize(calendar: Calendar, month: str) -> JobSettings:
    return {}


def _of_train(calendar: Calendar, month: str) -> JobSettings:
    train = calendar.settings.at(calendar.service, month).train
    return train.model_dump() | {"months": calendar.windows(month).training}


def _of_evaluate(calendar: Calendar, month: str) -> JobSettings:
    return {"validation_month": calendar.windows(month).validation}


def _of_track(calendar: Calendar, month: str) -> JobSettings:
    windows = calendar.windows(month)
    months = {"training_months": windows.training, "validation_month": windows.validation}
    return _store(calendar) | months


def _store(calendar: Calendar) -> JobSettings:
    tracking = calendar.config.tracking
    # Included only if it is set, so that months that were tracked without it are not tracked again.
    artifacts = {"artifacts": tracking.artifacts} if tracking.artifacts else {}
    return {"uri": tracking.uri, "experiment": f"{tracking.name}-{calendar.service}"} | artifacts


def _of_compare(calendar: Calendar, month: str) -> JobSettings:
    if calendar.champion_before(month) is None:
        raise WrongUsage(
            f"{calendar.service} {month} compares nothing: it is the first month that has a champion (begin)"
        )
    return {"validation_month": calendar.windows(month).validation}


def _of_promote(calendar: Calendar, month: str) -> JobSettings:
    rules = calendar.settings.at(calendar.service, month).promotion.rules()
    pin_reason = calendar.settings.pin_reason(calendar.service, month)
    # Inputs may change with `begin` and `skip`, which the content of no input shows.
    return {
        "promotion": rules | ({"pin_reason": pin_reason} if pin_reason else {}),
        "reign": calendar.champion_before(month),
        "validation_month": calendar.validation_month(month),
    }


def _of_score(calendar: Calendar, month: str) -> JobSettings:
    calendar.champion_before(month)
    if month in calendar.skipped:
        raise WrongUsage(f"{calendar.service} {month} is not scored: the month is skipped (skip in config/config.yaml)")
    return {}


def _of_drift(calendar: Calendar, month: str) -> JobSettings:
    _of_score(calendar, month)
    return {"training_months": calendar.training_months(month)}


def _of_evidence(calendar: Calendar, month: str) -> JobSettings:
    """Return the settings of the stages of a run month, for each of their months."""
    data_months, is_scored = calendar.data_months(month), calendar.is_scored(month)
    run_stages = {stages.STAGE_OF_FILE[name] for name in targets.run_files(calendar, month)}
    settings_by_stage = {}
    for stage in stages.EVIDENCE:
        is_data = stages.STAGES[stage].kind == "data"
        months = data_months if is_data else [month] if stage in run_stages else []
        if is_data or months:
            settings_by_stage[stage] = {stage_month: of_job(calendar, stage, stage_month) for stage_month in months}
    return {"stages": settings_by_stage, "scored": is_scored}


def _of_register(calendar: Calendar) -> JobSettings:
    store = _store(calendar)
    return store | {"model": store["experiment"], "begin": calendar.begin}


OF_STAGE: dict[str, Callable[[Calendar, str], JobSettings]] = {
    "locate": _of_locate,
    "ingest": _of_locate,
    "clean": _of_clean,
    "featurize": _of_featurize,
    "train": _of_train,
    "evaluate": _of_evaluate,
    "track": _of_track,
    "compare": _of_compare,
    "promote": _of_promote,
    "score": _of_score,
    "drift": _of_drift,
    "evidence": _of_evidence,
}
