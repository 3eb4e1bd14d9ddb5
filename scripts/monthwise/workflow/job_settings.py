"""The settings of a job: the part of config that one stage needs for one month, as passed on its command line."""

from ..base.exits import WrongUsage
from ..config.settings import Settings
from . import stages, targets


def of_job(settings: Settings, stage: str, service: str, month: str | None = None) -> dict:
    """Return the settings that the job of `stage` needs for a data or run month, and nothing else.

    Raises WrongUsage if the month has no such job. `register` is one job for all months.
    """
    identity = {"service": service} | ({"month": month} if month else {})
    return OF_STAGE[stage](settings, service, month) | identity


def _of_locate(settings: Settings, service: str, month: str) -> dict:
    description = settings.describe(service)
    source = settings.config["source"]
    location = {"source": source, "file": description["file"].replace("{month}", month)}
    if source == "https":
        location["url"] = description["url"]
    if source == "demo":
        demo = settings.config["demo"]
        is_published = demo["first"] <= month <= demo["last"]
        # The bounds are left out: one more month must not rebuild the others.
        location["demo"] = {"seed": demo["seed"], "rows": demo["rows"]} | (
            {} if is_published else {"newest": demo["last"]}
        )
        location["layout"] = description["layout"]
    return location


def _of_clean(settings: Settings, service: str, month: str) -> dict:
    description = settings.describe(service)
    quality = {key: value for key, value in settings.config["quality"].items() if key != "waive"}
    return {
        "columns": description["columns"],
        "distance_unit": description.get("distance_unit"),
        "duration": description["duration"],
        "quality": quality,
        "waiver": settings.config["quality"]["waive"].get(service, {}).get(month),
    }


def _of_featurize(settings: Settings, service: str, month: str) -> dict:
    return {}


def _of_train(settings: Settings, service: str, month: str) -> dict:
    return settings.at(service, month)["train"] | {"months": settings.run_windows(service, month).training}


def _of_evaluate(settings: Settings, service: str, month: str) -> dict:
    return {"validation_month": settings.run_windows(service, month).validation}


def _of_track(settings: Settings, service: str, month: str) -> dict:
    windows = settings.run_windows(service, month)
    months = {"training_months": windows.training, "validation_month": windows.validation}
    return _store(settings, service) | months


def _store(settings: Settings, service: str) -> dict:
    tracking = settings.config["tracking"]
    # Included only if it is set, so that months that were tracked without it are not tracked again.
    artifacts = {"artifacts": tracking["artifacts"]} if tracking["artifacts"] else {}
    return {"uri": tracking["uri"], "experiment": f"{tracking['name']}-{service}"} | artifacts


def _of_compare(settings: Settings, service: str, month: str) -> dict:
    _insist_on_reign(settings, service, month)
    return {"validation_month": settings.run_windows(service, month).validation}


def _of_promote(settings: Settings, service: str, month: str) -> dict:
    # Inputs may change with `begin` and `skip`, which the content of no input shows.
    reign = settings.reigns_before(service, month)
    return {
        "promotion": settings.promotion(service, month),
        "reign": reign,
        "validation_month": settings.validation_month(service, month),
    }


def _of_score(settings: Settings, service: str, month: str) -> dict:
    settings.reigns_before(service, month)
    if settings.is_skipped(service, month):
        raise WrongUsage(f"{service} {month} is not scored: the month is skipped (skip in config/config.yaml)")
    return {}


def _of_drift(settings: Settings, service: str, month: str) -> dict:
    _of_score(settings, service, month)
    return {"training_months": settings.training_months(service, month)}


def _of_evidence(settings: Settings, service: str, month: str) -> dict:
    """Return the settings of the stages of a run month, for each of their months."""
    data_months, is_scored = targets.data_months(settings, service, month), targets.is_scored(settings, service, month)
    run_stages = {stages.STAGE_OF_FILE[name] for name in targets.run_files(settings, service, month)}
    settings_by_stage = {}
    for stage in stages.EVIDENCE:
        is_data = stages.STAGES[stage].kind == "data"
        months = data_months if is_data else [month] if stage in run_stages else []
        if is_data or months:
            settings_by_stage[stage] = {
                stage_month: of_job(settings, stage, service, stage_month) for stage_month in months
            }
    return {"stages": settings_by_stage, "scored": is_scored}


def _of_register(settings: Settings, service: str, month: str | None) -> dict:
    store = _store(settings, service)
    return store | {"model": store["experiment"], "begin": settings.begin(service)}


def _insist_on_reign(settings: Settings, service: str, month: str) -> None:
    if settings.reigns_before(service, month) is None:
        raise WrongUsage(f"{service} {month} compares nothing: it is the first month that has a champion (begin)")


OF_STAGE = {
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
    "register": _of_register,
}
