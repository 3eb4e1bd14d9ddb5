"""The workflow as a plain script: the same steps by the same code to the same files and MLflow runs, one after another.

    .venv/bin/python bench/plain.py --directory DIR --configfile FILE [--skip-existing]

It is what Monthwise is measured against. One process, so each library is imported once, and scikit-learn and pyarrow
take as many cores as they like. `--skip-existing` is a small `make`: a step is done while its files are there, nothing
that they were made from is newer, and its settings are what they were (DIR/done/ has them, written after the step).

It leaves out: comparing contents (what is made again is newer, so all that follows is made too), edited programs,
publishers that have to be asked (only a folder's file has a time to compare), files that are whole or not there when it
is killed, going on with other months when one fails, two steps at a time, logs.
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))  # where programs and package are

from monthwise.base.resources import ROOT
from monthwise.config.settings import Settings
from monthwise.publisher import resolve_folder
from monthwise.workflow import job_settings, stages, targets
from monthwise.workflow.calendar import Calendar, Calendars
from monthwise.workflow.targets import data_file, run_file


class Step(NamedTuple):
    """A program of scripts/ for one month: the options that name its inputs and its outputs, as in the rules."""

    stage: str
    dataset: str
    month: str
    inputs: dict[str, str | list[str]]
    outputs: dict[str, str]

    @property
    def record(self) -> Path:
        """The settings that the step was last done with; as new as the step itself."""
        return Path("done", self.stage, self.dataset, f"{self.month or 'all'}.json")


def steps(settings: Settings, until_track: bool = False) -> Iterator[Step]:
    """Yield the steps of all run months from `first` to `last`, each after those whose files it reads."""
    for calendar in Calendars(settings).of_call():
        dataset, run_months = calendar.dataset, calendar.run_months
        training = [month for month in run_months if calendar.validation_month(month)]
        data_months = calendar.data_months(*run_months)
        if until_track:
            windows = [calendar.windows(month) for month in training]
            data_months = sorted({month for window in windows for month in (*window.training, window.validation)})
        for month in data_months:
            yield from data_steps(settings, dataset, month)
        for month in run_months:
            if month in training:
                yield from run_steps(calendar, month)
            if not until_track:
                yield from champion_steps(calendar, month)
        if not until_track:
            paths_by_name = targets.registered(calendar, None)
            inputs = {f"{name.removesuffix('.json')}s": paths for name, paths in paths_by_name.items()}
            yield Step("register", dataset, "", inputs, {"registry": f"registry/{dataset}.json"})


def data_steps(settings: Settings, dataset: str, month: str) -> Iterator[Step]:
    """Yield the steps of rules/data.smk."""
    source, raw, rows, quality, features = (data_file(dataset, month, name) for name in targets.DATA_FILES)
    yield Step("locate", dataset, month, {}, {"source": source})
    yield Step("ingest", dataset, month, {"source": source}, {"raw": raw})
    description = settings.describe(dataset)
    module = {"prepare": in_clone(description.module_paths()), "files": in_clone(description.files.values())}
    yield Step("clean", dataset, month, {"raw": raw} | module, {"rows": rows, "quality": quality})
    inputs = {"rows": rows, "quality": quality} | module
    yield Step("featurize", dataset, month, inputs, {"features": features})


def run_steps(calendar: Calendar, month: str) -> Iterator[Step]:
    """Yield the steps of rules/model.smk."""
    dataset, window = calendar.dataset, calendar.windows(month)
    model, baseline, training, fitted = (run_file(dataset, month, name) for name in targets.TRAINED)
    validation, metrics, measured = (run_file(dataset, month, name) for name in targets.EVALUATED)
    trained_on = [data_file(dataset, read, "features.parquet") for read in window.training]
    validated_on = data_file(dataset, window.validation, "features.parquet")
    outputs = {"model": model, "baseline": baseline, "training": training}
    yield Step("train", dataset, month, {"features": trained_on}, outputs | {"provenance": fitted})
    inputs = outputs | {"features": validated_on}
    outputs = {"validation": validation, "metrics": metrics, "provenance": measured}
    yield Step("evaluate", dataset, month, inputs, outputs)
    inputs = {"model": model, "training": training, "metrics": metrics}
    inputs |= {"features": trained_on, "validation_features": validated_on}
    yield Step("track", dataset, month, inputs, {"tracking": run_file(dataset, month, "tracking.json")})


def champion_steps(calendar: Calendar, month: str) -> Iterator[Step]:
    """Yield the steps of rules/champion.smk, and the evidence."""
    dataset = calendar.dataset
    before = calendar.champion_before(month)
    champion, served, baseline = (run_file(dataset, month, name) for name in targets.PROMOTED)
    names = targets.run_files(calendar, month)
    comparison = [run_file(dataset, month, "comparison.json")] if "comparison.json" in names else []
    previous = [run_file(dataset, before, name) for name in targets.PROMOTED] if before else []
    trains = calendar.validation_month(month)
    if comparison:
        inputs = {"challenger": run_file(dataset, month, "validation.parquet"), "previous": previous[0]}
        inputs |= {"champion": run_file(dataset, before, "predictions.parquet")}
        inputs |= {"features": data_file(dataset, trains, "features.parquet")}
        yield Step("compare", dataset, month, inputs, {"comparison": comparison[0]})
    challenger = stages.CANDIDATE if trains else ()
    inputs = {"challenger": [run_file(dataset, month, name) for name in challenger], "comparison": comparison}
    outputs = {"champion": champion, "model": served, "baseline": baseline}
    yield Step("promote", dataset, month, inputs | {"previous": previous, "pinned": []}, outputs)
    if calendar.is_scored(month):
        predictions, live, scored, drift = (run_file(dataset, month, name) for name in targets.SCORED)
        features = data_file(dataset, month, "features.parquet")
        inputs = outputs | {"features": features}
        yield Step("score", dataset, month, inputs, {"predictions": predictions, "live": live, "provenance": scored})
        window = [data_file(dataset, each, "features.parquet") for each in calendar.training_months(month)]
        yield Step("drift", dataset, month, {"window": window, "features": features}, {"drift": drift})
    sources = in_clone(calendar.settings.describe(dataset).sources())
    inputs = {"files": targets.evidence_files(calendar, month), "sources": sources}
    yield Step("evidence", dataset, month, inputs, {"evidence": run_file(dataset, month, "evidence.json")})


def in_clone(paths: Iterable[str]) -> list[str]:
    return [str(ROOT / path) for path in paths]


def is_done(step: Step, settings: dict) -> bool:
    """Whether a step has nothing to do."""
    try:
        done = step.record.stat().st_mtime
        if json.loads(step.record.read_text()) != settings or not all(map(os.path.exists, step.outputs.values())):
            return False
        return all(os.stat(path).st_mtime <= done for path in read_by(step, settings))
    except FileNotFoundError:
        return False


def read_by(step: Step, settings: dict) -> list[str | Path]:
    """Return the files that a step reads; of `locate`, the published one."""
    if step.stage == "locate":
        in_folder = settings["source"].startswith("file:")
        return [resolve_folder(settings["source"]) / settings["file"]] if in_folder else []
    return [path for read in step.inputs.values() for path in (read if isinstance(read, list) else [read])]


def do(step: Step, settings: dict) -> str:
    """Do a step and return its line. Programs are imported when they are needed: where all is done, none is."""
    for path in (*step.outputs.values(), step.record):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    step.record.unlink(missing_ok=True)
    for path in step.outputs.values():
        Path(path).unlink(missing_ok=True)  # raw.file is a second link of the file that `ingest` keeps
    job = argparse.Namespace(**step.inputs, **step.outputs, settings=settings)
    line = importlib.import_module(step.stage).main(job)
    step.record.write_text(json.dumps(settings))
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", default=".", metavar="DIR", help="where the files are (default: here)")
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], metavar="FILE", help="as for snakemake")
    parser.add_argument("--until-track", action="store_true", help="no champions: up to tracking.json")
    parser.add_argument("--skip-existing", action="store_true", help="do only what is missing or outdated")
    options = parser.parse_args()
    settings = Settings([path.absolute() for path in options.configfile])
    os.makedirs(options.directory, exist_ok=True)
    os.chdir(options.directory)
    done = skipped = 0
    calendars = Calendars(settings)
    for step in steps(settings, options.until_track):
        # Through JSON and back, as the rules pass them on.
        of_job = job_settings.of_job(calendars[step.dataset], step.stage, step.month or None)
        of_job = json.loads(json.dumps(of_job, sort_keys=True))
        if options.skip_existing and is_done(step, of_job):
            skipped += 1
            continue
        print(do(step, of_job))
        done += 1
    print(f"{done} done, {skipped} skipped")


if __name__ == "__main__":
    main()
