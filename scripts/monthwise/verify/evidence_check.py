"""Whether a month's files are those that were decided on, and say what they said.

Offline, from evidence.json: hashes first, then errors, predictions and decision computed again from model, features and
JSON by the programs that made them. Nothing is written but into a temporary folder.
"""

import argparse
import hashlib
import importlib
import json
import os
import tempfile
import warnings
from pathlib import Path, PurePath

from ..base import exits, files, suggest
from ..base.resources import resource
from ..config.settings import Settings
from ..job import placeholders, provenance
from ..workflow import stages, targets
from . import equality, recorded_jobs
from .rebuilding import rebuild
from .recorded_jobs import Finding

ORDER = stages.files_of(*stages.DATA, *stages.RUN)


def _pruned(settings: Settings, found: dict) -> set[str]:
    """Return the files of closed data months that are gone, as `./monthwise prune` leaves them."""
    return {
        path
        for path in found["files"]
        if (place := PurePath(path)).parts[0] == "data"
        and place.name in targets.PRUNED
        and settings.is_closed_data(found["service"], place.parts[2])
        and not os.path.exists(path)
    }


def check(settings: Settings, found: dict, is_rebuilt: bool) -> str:
    """Return in words what agrees in the month of an evidence.json; raises Finding for what does not."""
    zones, pruned = _zones(settings, found["service"]), _pruned(settings, found)
    _check_hashes(found, zones, pruned)
    ran_with = [told for name, told in found["provenance"].items() if name not in ("models", "tracking")]
    now = provenance.provenance()
    machines = sorted({told["machine"] for told in ran_with} - {now["machine"]})
    changes = list(dict.fromkeys(change for told in ran_with for change in provenance.changes(told, now)))
    try:
        done = f"computed again: {', '.join(_compute(found, zones, pruned, is_exact=not machines)) or 'nothing'}"
        if pruned:
            done += f"; {len(pruned)} files are pruned, and what reads them was not computed again"
        elif is_rebuilt:
            rebuild(found, zones, is_exact=not machines)
            done += "; rebuilt from raw.parquet"
    except Finding as finding:
        commits = {told["commit"] for told in ran_with} - {now["commit"]}
        changes += [f"commit {commit} then, {now['commit']} now" for commit in sorted(commits)]
        raise Finding(f"{finding} ({'; '.join(changes)})" if changes else str(finding)) from None
    if machines:
        changes.append(f"to {equality.RELATIVE:g}, since made on {' and '.join(machines)} and not {now['machine']}")
    counts = f"{len(found['files']) - len(pruned)} files and {len(found['provenance']['models'])} models unchanged"
    return f"{counts}; {done}" + (f" ({'; '.join(changes)})" if changes else "")


def unchanged_files(settings: Settings, service: str, month: str) -> list[str]:
    """Return the files of a run month that are what its evidence says, but for pruned ones.

    Raises Finding for the first file that is not.
    """
    found = read_evidence(service, month)
    pruned = _pruned(settings, found)
    _check_hashes(found, _zones(settings, service), pruned)
    recorded = {*found["files"], *found["provenance"]["models"], *_collected(found)} - pruned
    return sorted({*recorded, targets.run_file(service, month, "evidence.json")})


def _zones(settings: Settings, service: str) -> list[str]:
    places = settings.describe(service).get("zones")
    return [str(resource(places))] if places else []


def read_evidence(service: str, month: str) -> dict:
    """Return the content of evidence.json; Finding where it is not what was written."""
    path = targets.run_file(service, month, "evidence.json")
    content = Path(path).read_bytes()
    try:
        found = json.loads(content)
        told = {key: value for key, value in found.items() if key not in ("provenance", "sha256")}
        is_whole = hashlib.sha256(files.to_json(told)).hexdigest() == found["sha256"]
        is_whole = is_whole and files.to_json(found) == content and (told["service"], told["month"]) == (service, month)
    except (ValueError, KeyError, AttributeError):
        is_whole = False
    if not is_whole:
        raise Finding(f"{path} is not what was written; delete it, then {rebuild_it(service, month)}")
    return found


def _check_hashes(found: dict, zones: list[str], pruned: set[str]) -> None:
    hashes = found["files"] | found["provenance"]["models"]
    paths = sorted({*hashes, *_collected(found)} - pruned, key=_in_order)
    placeholders.bring(paths)
    for path in paths:
        try:
            if path in hashes:
                is_same = files.sha256(path) == hashes[path]
            else:
                is_same = Path(path).read_bytes() == files.to_json(_collected(found)[path])
        except FileNotFoundError:
            raise Finding(f"{path} is missing; restore it, or {rebuild_it(found['service'], found['month'])}") from None
        if not is_same:
            raise Finding(f"{path} is not the file that the evidence is about")
    for path in zones:
        if found["zones"].get(PurePath(path).name, files.sha256(path)) != files.sha256(path):
            raise Finding(f"{path} is not the file that the evidence is about")


def _collected(found: dict) -> dict[str, object]:
    """Return the files whose content evidence.json holds, instead of a hash."""
    told = {
        f"{name}.json" if name == "tracking" else f"{name}.provenance.json": content
        for name, content in found["provenance"].items()
        if name != "models" and content is not None
    }
    return {targets.run_file(found["service"], found["month"], name): content for name, content in told.items()}


def _in_order(path: str) -> tuple:
    """Sort paths as the files are made: what is first in the chain is named first."""
    place = PurePath(path)
    return place.parts[0], place.parent.name, ORDER.index(place.name) if place.name in ORDER else len(ORDER)


def rebuild_it(service: str, month: str) -> str:
    return f"rebuild it: {suggest.snakemake(f'services=[{service}]', f'first={month}', f'last={month}')}"


def _compute(found: dict, zones: list[str], pruned: set[str], is_exact: bool) -> list[str]:
    """Do the programs' work again in a temporary folder; return what was done, Finding for the first difference."""
    done = []
    for job in recorded_jobs.run_jobs(found, zones):
        if job.stage == "train" or pruned.intersection(recorded_jobs.paths_of(job)):
            continue
        with tempfile.TemporaryDirectory(prefix="monthwise-verify-") as scratch:
            made = {name: str(Path(scratch, PurePath(path).name)) for name, path in job.outputs.items()}
            _call(job, made)
            for name, path in job.outputs.items():
                if path.endswith(".provenance.json"):
                    continue
                if differs := equality.difference(made[name], path, is_exact):
                    raise Finding(f"{path} is not what {job.stage} makes of its inputs: {differs}")
        done.append(job.stage)
    return done


def _call(job: recorded_jobs.Job, made: dict[str, str]) -> None:
    """Call a program with other outputs; Finding where it refuses, and where scikit-learn cannot use a model."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a model of another version: what it predicts is compared
            importlib.import_module(job.stage).main(argparse.Namespace(**job.inputs | made, settings=job.settings))
        return
    except exits.TryAgain:
        raise
    except exits.Exit as end:
        why = str(end)
    except FileNotFoundError as error:
        raise Finding(f"{error.filename} is missing, which {job.stage} needs") from None
    except Exception as error:
        if not stages.loads_a_model(job.stage):
            raise
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
    raise Finding(_of_another_version(job, why) or f"{job.stage}: {why}")


def _of_another_version(job: recorded_jobs.Job, why: str) -> str | None:
    """Return what to do where a job uses a model that another scikit-learn made; None where it does not."""
    if not stages.loads_a_model(job.stage):
        return None
    model, service, month = job.inputs["model"], job.settings["service"], job.month
    if job.stage == "score":
        month = files.read_json(job.inputs["champion"])["champion"]["month"]
    try:
        told = files.read_json(targets.run_file(service, month, "train.provenance.json"))
        then, now = told["packages"]["scikit-learn"], provenance.provenance()["packages"]["scikit-learn"]
    except (FileNotFoundError, ValueError, KeyError):
        return None
    if then == now:
        return None
    return (
        f"{model} was made by scikit-learn {then}, and {now} cannot use it ({why}); train {month} again: delete"
        f" {targets.run_file(service, month, 'model.skops')}, then {rebuild_it(service, month)}"
    )
