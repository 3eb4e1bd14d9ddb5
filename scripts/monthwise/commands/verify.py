"""`./monthwise verify`: whether a month's files are those that were decided on, and say what they said.

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

from .. import exits, files, provenance, stubs, suggest, targets, uris
from ..config import ROOT
from ..settings import Settings
from . import chosen_services, equality, registered, replay
from .prune import PRUNED
from .rebuild import rebuild
from .replay import Finding

ORDER = (*targets.DATA_FILES, *targets.TRAINED, *targets.EVALUATED, "tracking.json", "comparison.json")
ORDER += (*targets.PROMOTED, *targets.SCORED)
COMPUTED = ("evaluate", "compare", "promote", "score", "drift")  # what is computed again without --rebuild
MEASURED = ("evaluate", "score")  # what loads a model


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print a line for each month; the code is 65 if one is off or has no evidence."""
    uri = uris.store_uri(settings.config["tracking"])
    ends = set()
    for service in chosen_services(arguments, settings):
        files_by_month = targets.listing(f"runs/{service}")
        decided = [month for month, names in files_by_month.items() if names & {"champion.json", "evidence.json"}]
        months = arguments.range or decided
        if not months:
            ends.add(os.EX_DATAERR)
            print(f"none  {service}: no evidence yet; `{suggest.command('run', service=service)}` collects it")
        zones = _zones(settings, service)
        tracked = {}
        for month in months:
            if not os.path.exists(targets.run_file(service, month, "evidence.json")):
                ends.add(os.EX_DATAERR)
                print(f"none  {service} {month}: no evidence.json; {_again(service, month)}", flush=True)
                continue
            try:
                found = _read(service, month)
                tracked[month] = found["provenance"]["tracking"]
                print(
                    f"ok    {service} {month}: {_verify(found, zones, arguments.rebuild, _pruned(settings, found))}",
                    flush=True,
                )
            except Finding as finding:
                ends.add(os.EX_DATAERR)
                print(f"OFF   {service} {month}: {finding}", flush=True)
        if tracked:
            ends.add(_registry(service, tracked, uri))
    return min(ends - {os.EX_OK}, default=os.EX_OK)


def _registry(service: str, tracked: dict[str, dict | None], uri: str) -> int:
    try:
        found = registered.findings(service, tracked, uri)
    except registered.NotChecked as reason:
        print(f"{service}: the registry was not checked: {reason}")
        return os.EX_OK
    for month, off in sorted(found.items()):
        print(f"OFF   {service} {month}: {off}")
    if not found:
        print(f"ok    {service}: the registry agrees")
    return os.EX_DATAERR if found else os.EX_OK


def _pruned(settings: Settings, found: dict) -> set[str]:
    """Return the files of closed data months that are gone, as `./monthwise prune` leaves them."""
    return {
        path
        for path in found["files"]
        if (place := PurePath(path)).parts[0] == "data"
        and place.name in PRUNED
        and settings.is_closed_data(found["service"], place.parts[2])
        and not os.path.exists(path)
    }


def _verify(found: dict, zones: list[str], is_rebuilt: bool, pruned: set[str]) -> str:
    """Return in words what agrees in a month; Finding for the first thing that does not."""
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
            done += "; built again from raw.parquet"
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
    found = _read(service, month)
    pruned = _pruned(settings, found)
    _check_hashes(found, _zones(settings, service), pruned)
    recorded = {*found["files"], *found["provenance"]["models"], *_collected(found)} - pruned
    return sorted({*recorded, targets.run_file(service, month, "evidence.json")})


def _zones(settings: Settings, service: str) -> list[str]:
    places = settings.describe(service).get("zones")
    return [str(ROOT / places)] if places else []


def _read(service: str, month: str) -> dict:
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
        raise Finding(f"{path} is not what was written; delete it, then {_again(service, month)}")
    return found


def _check_hashes(found: dict, zones: list[str], pruned: set[str]) -> None:
    hashes = found["files"] | found["provenance"]["models"]
    paths = sorted({*hashes, *_collected(found)} - pruned, key=_in_order)
    stubs.bring(paths)
    for path in paths:
        try:
            if path in hashes:
                is_same = files.sha256(path) == hashes[path]
            else:
                is_same = Path(path).read_bytes() == files.to_json(_collected(found)[path])
        except FileNotFoundError:
            raise Finding(f"{path} is missing; restore it, or {_again(found['service'], found['month'])}") from None
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


def _again(service: str, month: str) -> str:
    return f"rebuild it: {suggest.snakemake(f'services=[{service}]', f'first={month}', f'last={month}')}"


def _compute(found: dict, zones: list[str], pruned: set[str], is_exact: bool) -> list[str]:
    """Do the programs' work again in a temporary folder; return what was done, Finding for the first difference."""
    done = []
    for job in replay.run_jobs(found, zones):
        if job.stage not in COMPUTED or pruned.intersection(_paths(job)):
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


def _paths(job: replay.Job) -> list[str]:
    """Return the files that a job reads."""
    return [path for given in job.inputs.values() for path in ([given] if isinstance(given, str) else given or ())]


def _call(job: replay.Job, made: dict[str, str]) -> None:
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
        if job.stage not in MEASURED:
            raise
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
    raise Finding(_of_another_version(job, why) or f"{job.stage}: {why}")


def _of_another_version(job: replay.Job, why: str) -> str | None:
    """Return what to do where a job uses a model that another scikit-learn made; None where it does not."""
    if job.stage not in MEASURED:
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
        f" {targets.run_file(service, month, 'model.skops')}, then {_again(service, month)}"
    )
