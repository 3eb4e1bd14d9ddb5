"""The settings of a job: the part of config that one stage needs for one month, as passed on its command line."""

import functools
from collections.abc import Callable
from typing import Any

from ..base.exits import WrongUsage
from ..config.sections.columns import Feature
from ..config.sections.datasets import Dataset
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
        return _of_register(calendar) | {"dataset": calendar.dataset}
    return OF_STAGE[stage](calendar, month) | {"dataset": calendar.dataset, "month": month}


def _of_locate(calendar: Calendar, month: str) -> JobSettings:
    description = _describe(calendar)
    source = calendar.config.source
    location: dict[str, object] = {"source": source, "file": description.file_of(month)}
    if source != "demo":
        location["pattern"] = description.file
    if source == "https":
        location["url"] = description.url
    if source == "demo":
        demo = calendar.config.demo
        is_published = demo.first <= month <= demo.last
        # The bounds are left out: one more month must not rebuild the others.
        location["demo"] = {"seed": demo.seed, "rows": demo.rows} | ({} if is_published else {"newest": demo.last})
        location["prepare"], location["layout"] = description.prepare, description.layout
    return location


def _of_ingest(calendar: Calendar, month: str) -> JobSettings:
    return _of_locate(calendar, month) | {"format": _describe(calendar).published_format}


def _describe(calendar: Calendar) -> Dataset:
    return calendar.settings.describe(calendar.dataset)


def _of_clean(calendar: Calendar, month: str) -> JobSettings:
    description, quality = _describe(calendar), calendar.config.quality
    published_format = description.published_format
    return {
        **_of_module(description),
        "format": published_format,
        "csv": description.csv.model_dump() if published_format != "parquet" else None,
        "columns": description.spellings(),
        "task": description.task,
        "time": description.time.model_dump(exclude={"columns"}),
        "target": description.target.model_dump(exclude={"columns"}) | {"until": description.target.until is not None},
        "features": {
            name: feature.model_dump(exclude={"columns", "part", "derived"})
            for name, feature in description.features.items()
            if feature.is_read
        },
        "quality": quality.rules({"reject": description.quality.reject, "warn": description.quality.warn}),
        "waiver": quality.waive.get(calendar.dataset, {}).get(month),
    }


def _of_module(description: Dataset) -> JobSettings:
    return {"prepare": description.prepare, "files": list(description.files)}


def _of_featurize(calendar: Calendar, month: str) -> JobSettings:
    description = _describe(calendar)
    features = {
        name: {"part": (feature.part or name) if feature.kind == "calendar" else None, "derived": feature.derived}
        for name, feature in description.features.items()
    }
    return _of_module(description) | {"features": features}


def _of_train(calendar: Calendar, month: str) -> JobSettings:
    description, train = _describe(calendar), calendar.settings.at(calendar.dataset, month).train
    names = train.features or description.model_features
    columns = {
        "numbers": [name for name in names if not description.features[name].is_category],
        "categories": [name for name in names if description.features[name].is_category],
    }
    return {
        **train.model_dump(exclude={"features"}),
        **columns,
        "columns": list(names),
        "watched": [name for name in description.features if _is_watched(description, name)],
        "task": description.task,
        "classes": description.class_names,
        "baseline": list(description.baseline_features),
        "months": calendar.windows(month).training,
    }


def _is_watched(description: Dataset, name: str) -> bool:
    """Return whether a feature has few values, which a month may have in other shares: `evaluate` warns about that."""
    feature = description.features[name]
    is_clock = feature.kind == "calendar" and (feature.part or name) in ("hour", "weekday")
    return feature.kind in ("category", "code", "flag") or is_clock


def _of_measuring(calendar: Calendar) -> JobSettings:
    """Return what evaluate, score and compare need to measure errors."""
    description = _describe(calendar)
    return {
        "task": description.task,
        "metric": description.decides_by,
        "unit": description.target.unit,
        "segments": {name: list(edges) if edges else None for name, edges in description.segments.items()},
    }


def _of_evaluating(calendar: Calendar) -> JobSettings:
    """Return what evaluate and score need."""
    description = _describe(calendar)
    places = description.map.feature if description.map else None
    return _of_measuring(calendar) | {"classes": description.class_names, "places": places}


def _of_evaluate(calendar: Calendar, month: str) -> JobSettings:
    return _of_evaluating(calendar) | {"validation_month": calendar.windows(month).validation}


def _of_track(calendar: Calendar, month: str) -> JobSettings:
    windows = calendar.windows(month)
    months = {"training_months": windows.training, "validation_month": windows.validation}
    return _store(calendar) | months


def _store(calendar: Calendar) -> JobSettings:
    tracking = calendar.config.tracking
    # Included only if it is set, so that months that were tracked without it are not tracked again.
    artifacts = {"artifacts": tracking.artifacts} if tracking.artifacts else {}
    return {"uri": tracking.uri, "experiment": f"{tracking.name}-{calendar.dataset}"} | artifacts


def _of_compare(calendar: Calendar, month: str) -> JobSettings:
    if calendar.champion_before(month) is None:
        raise WrongUsage(
            f"{calendar.dataset} {month} compares nothing: it is the first month that has a champion (begin)"
        )
    validation_month = calendar.windows(month).validation
    return _of_measuring(calendar) | {
        "validation_month": validation_month,
        "group": _describe(calendar).group is not None,
    }


def _of_promote(calendar: Calendar, month: str) -> JobSettings:
    rules = calendar.settings.at(calendar.dataset, month).promotion.rules()
    pin_reason = calendar.settings.pin_reason(calendar.dataset, month)
    # Inputs may change with `begin` and `skip`, which the content of no input shows.
    return {
        "promotion": rules | ({"pin_reason": pin_reason} if pin_reason else {}),
        "metric": _describe(calendar).decides_by,
        "unit": _describe(calendar).target.unit,
        "previous": calendar.champion_before(month),
        "validation_month": calendar.validation_month(month),
    }


def _of_score(calendar: Calendar, month: str) -> JobSettings:
    calendar.champion_before(month)
    if month in calendar.skipped:
        raise WrongUsage(f"{calendar.dataset} {month} is not scored: the month is skipped (skip in config/config.yaml)")
    return _of_evaluating(calendar)


def _of_drift(calendar: Calendar, month: str) -> JobSettings:
    _of_score(calendar, month)
    description = _describe(calendar)
    numbers = [name for name, feature in description.features.items() if _is_spread(name, feature)]
    return {
        "training_months": calendar.training_months(month),
        "numbers": numbers,
        "categories": [name for name in description.features if name not in numbers],
        "task": description.task,
        "new_values_of": description.baseline_features[:1],
    }


def _is_spread(name: str, feature: Feature) -> bool:
    """Return whether a feature has many values in an order, so that drift compares bins of it."""
    if feature.kind == "calendar":
        return (feature.part or name) in ("minute_of_day", "day_of_year")
    return feature.kind == "number"


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
    "ingest": _of_ingest,
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
