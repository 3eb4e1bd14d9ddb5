"""The jobs that made a run month, from its evidence.json alone, to be done again somewhere else."""

from typing import NamedTuple

from .. import targets

RUN_STAGES = ("train", "evaluate", "compare", "promote", "score", "drift")


class Finding(Exception):
    """What is off in a month, in words."""


class Job(NamedTuple):
    """One call of a program: options by name, a list where the program takes several paths."""

    stage: str
    month: str
    inputs: dict[str, str | list[str]]
    outputs: dict[str, str]
    settings: dict


def data_jobs(found: dict, zones: list[str]) -> list[list[Job]]:
    """Return for each data month that a run month read how its features are made from raw.parquet."""
    service, stages = found["service"], found["settings"]

    def jobs(month: str) -> list[Job]:
        raw, trips, quality, features = (
            targets.data_file(service, month, name)
            for name in ("raw.parquet", "trips.parquet", "quality.json", "features.parquet")
        )
        made = {"trips": trips, "quality": quality}
        return [
            Job("clean", month, {"raw": raw, "zones": zones}, made, stages["clean"][month]),
            Job("featurize", month, made | {"zones": zones}, {"features": features}, stages["featurize"][month]),
        ]

    return [jobs(month) for month in sorted(stages["clean"])]


def run_jobs(found: dict, zones: list[str]) -> list[Job]:
    """Return what makes the files of a run month from features and the reign of the month before, in order."""
    month, stages = found["month"], found["settings"]
    options = {stage: _options(found, zones, stage) for stage in RUN_STAGES if stage in stages}
    return [Job(stage, month, *given, stages[stage][month]) for stage, given in options.items()]


def given_files(found: dict) -> list[str]:
    """Return the files of other run months that a run month is made from."""
    service, promote = found["service"], found["settings"]["promote"][found["month"]]
    reign, pin = promote["reign"], promote["promotion"]["pin"]
    given = [targets.run_file(service, reign, name) for name in targets.PROMOTED] if reign else []
    if "compare" in found["settings"]:
        given.append(targets.run_file(service, reign, "predictions.parquet"))
    return given + ([targets.run_file(service, pin, name) for name in targets.CANDIDATE] if pin else [])


def _options(found: dict, zones: list[str], stage: str) -> tuple[dict, dict]:
    """Return inputs and outputs of a program by the names of its options, as rules/*.smk have them."""
    service, month, settings = found["service"], found["month"], found["settings"][stage][found["month"]]
    reign = found["settings"]["promote"][month]["reign"]

    def run(name: str, of: str = month) -> str:
        return targets.run_file(service, of, name)

    def all_of(names: tuple[str, ...], of: str | None = month) -> list[str]:
        return [run(name, of) for name in names] if of else []

    def features(of: str) -> str:
        return targets.data_file(service, of, "features.parquet")

    if stage == "train":
        return {"features": [features(each) for each in settings["months"]]}, {
            "model": run("model.skops"),
            "baseline": run("baseline.skops"),
            "training": run("training.json"),
            "provenance": run("train.provenance.json"),
        }
    if stage == "evaluate":
        return {
            "model": run("model.skops"),
            "baseline": run("baseline.skops"),
            "training": run("training.json"),
            "features": features(settings["validation_month"]),
            "zones": zones,
        }, {
            "validation": run("validation.parquet"),
            "metrics": run("metrics.json"),
            "provenance": run("evaluate.provenance.json"),
        }
    if stage == "compare":
        return {
            "challenger": run("validation.parquet"),
            "champion": run("predictions.parquet", reign),
            "reign": run("champion.json", reign),
            "features": features(settings["validation_month"]),
            "zones": zones,
        }, {"comparison": run("comparison.json")}
    if stage == "promote":
        return {
            "challenger": all_of(targets.CANDIDATE) if settings["validation_month"] else [],
            "comparison": [run("comparison.json")] if "compare" in found["settings"] else [],
            "reign": all_of(targets.PROMOTED, reign),
            "pinned": all_of(targets.CANDIDATE, settings["promotion"]["pin"]),
        }, {
            "champion": run("champion.json"),
            "model": run("champion.skops"),
            "baseline": run("champion_baseline.skops"),
        }
    if stage == "score":
        return {
            "champion": run("champion.json"),
            "model": run("champion.skops"),
            "baseline": run("champion_baseline.skops"),
            "features": features(month),
            "zones": zones,
        }, {
            "predictions": run("predictions.parquet"),
            "live": run("live.json"),
            "provenance": run("score.provenance.json"),
        }
    window = [features(each) for each in settings["training_months"]]
    return {"window": window, "features": features(month)}, {"drift": run("drift.json")}
