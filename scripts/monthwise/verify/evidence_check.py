"""Check that a month's files are those its decision was made from, and that they give the recorded results.

The check is offline and uses evidence.json. It compares hashes first. Then the stages' programs compute errors,
predictions and decision again from model, features and JSON. Files are written to a temporary folder only.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, cast

from ..base import files
from ..base.resources import name_of, resource
from ..job import placeholders, provenance
from ..workflow import stages, targets
from ..workflow.calendar import Calendar
from . import equality, recorded_jobs, running
from .rebuilding import rebuild
from .recorded_jobs import Finding
from .running import rebuild_it

if TYPE_CHECKING:
    from ..base.file_types import Evidence, EvidenceContent, Provenance

ORDER = stages.files_of(*stages.DATA, *stages.RUN)


def _pruned(calendar: Calendar, evidence: EvidenceContent) -> set[str]:
    """Return the files of closed data months that are missing because `./monthwise prune` removed them."""
    return {
        path
        for path in evidence["files"]
        if (pure_path := PurePath(path)).parts[0] == "data"
        and pure_path.name in targets.PRUNED
        and calendar.is_closed_data(pure_path.parts[2])
        and not os.path.exists(path)
    }


def check(calendar: Calendar, evidence: Evidence, is_rebuilt: bool) -> str:
    """Return in words what agrees with the evidence of a month. Raises Finding if something does not."""
    running.prepare()  # its imports take as long as the hashes
    sources, pruned = _sources(calendar), _pruned(calendar, evidence)
    _check_hashes(evidence, sources, pruned)
    records: Mapping[str, Any] = evidence["provenance"]
    job_records: list[Provenance] = [record for name, record in records.items() if name not in ("models", "tracking")]
    now = provenance.provenance()
    machines = sorted({record["machine"] for record in job_records} - {now["machine"]})
    changes = list(dict.fromkeys(change for record in job_records for change in provenance.changes(record, now)))
    try:
        result = f"computed again: {', '.join(_compute(evidence, pruned, is_exact=not machines)) or 'nothing'}"
        if pruned:
            result += f"; {len(pruned)} files are pruned, and what reads them was not computed again"
        elif is_rebuilt:
            rebuild(evidence, sources, is_exact=not machines)
            result += "; rebuilt from raw.file"
    except Finding as finding:
        commits = {record["commit"] for record in job_records} - {now["commit"]}
        changes += [f"commit {commit} then, {now['commit']} now" for commit in sorted(commits)]
        raise Finding(f"{finding} ({'; '.join(changes)})" if changes else str(finding)) from None
    if machines:
        changes.append(f"to {equality.RELATIVE:g}, since made on {' and '.join(machines)} and not {now['machine']}")
    counts = (
        f"{len(evidence['files']) - len(pruned)} files and {len(evidence['provenance']['models'])} models unchanged"
    )
    return f"{counts}; {result}" + (f" ({'; '.join(changes)})" if changes else "")


def unchanged_files(calendar: Calendar, month: str) -> list[str]:
    """Return the files of a run month after checking their hashes against its evidence; pruned files are left out.

    Raises Finding for the first file that does not agree.
    """
    evidence = read_evidence(calendar.dataset, month)
    pruned = _pruned(calendar, evidence)
    _check_hashes(evidence, _sources(calendar), pruned)
    recorded = {*evidence["files"], *evidence["provenance"]["models"], *_collected(evidence)} - pruned
    return sorted({*recorded, targets.run_file(calendar.dataset, month, "evidence.json")})


def _sources(calendar: Calendar) -> dict[str, list[str]]:
    """Return the module of the dataset and the files that it reads, by the place of an input (stages.Place)."""
    description = calendar.settings.describe(calendar.dataset)
    paths = {"prepare": description.module_paths(), "files": description.files.values()}
    return {place: [str(resource(path)) for path in of_place] for place, of_place in paths.items()}


def read_evidence(dataset: str, month: str) -> Evidence:
    """Return the content of evidence.json. Raises Finding if the file was changed after it was written."""
    path = targets.run_file(dataset, month, "evidence.json")
    content = Path(path).read_bytes()
    evidence = files.parse_json_if_whole(content) or {}
    try:
        hashed = {key: value for key, value in evidence.items() if key not in ("provenance", "sha256")}
        is_whole = hashlib.sha256(files.to_json(hashed)).hexdigest() == evidence["sha256"]
        is_whole = (
            is_whole and files.to_json(evidence) == content and (hashed["dataset"], hashed["month"]) == (dataset, month)
        )
    except (ValueError, KeyError):
        is_whole = False
    if not is_whole:
        raise Finding(f"{path} is not what was written; delete it, then {rebuild_it(dataset, month)}")
    return cast("Evidence", evidence)


def _check_hashes(evidence: Evidence, sources: Mapping[str, list[str]], pruned: set[str]) -> None:
    hashes = evidence["files"] | evidence["provenance"]["models"]
    paths = sorted({*hashes, *_collected(evidence)} - pruned, key=_in_order)
    placeholders.bring(paths)
    for path in paths:
        try:
            if path in hashes:
                is_same = files.sha256(path) == hashes[path]
            else:
                is_same = Path(path).read_bytes() == files.to_json(_collected(evidence)[path])
        except FileNotFoundError:
            raise Finding(
                f"{path} is missing; restore it, or {rebuild_it(evidence['dataset'], evidence['month'])}"
            ) from None
        if not is_same:
            raise Finding(f"{path} is not the file that the evidence is about")
    for path in (path for of_place in sources.values() for path in of_place):
        if evidence["sources"].get(name_of(path), files.sha256(path)) != files.sha256(path):
            raise Finding(f"{path} is not the file that the evidence is about")


def _collected(evidence: Evidence) -> dict[str, dict[str, Any]]:
    """Return the content of the files that evidence.json stores in full instead of as a hash, by path."""
    contents = {
        f"{name}.json" if name == "tracking" else f"{name}.provenance.json": content
        for name, content in cast("dict[str, dict[str, Any] | None]", evidence["provenance"]).items()
        if name != "models" and content is not None
    }
    return {
        targets.run_file(evidence["dataset"], evidence["month"], name): content for name, content in contents.items()
    }


def _in_order(path: str) -> tuple[str, str, int]:
    """Return a sort key that puts paths in the order in which the files are built."""
    pure_path = PurePath(path)
    return (
        pure_path.parts[0],
        pure_path.parent.name,
        ORDER.index(pure_path.name) if pure_path.name in ORDER else len(ORDER),
    )


def _compute(evidence: EvidenceContent, pruned: set[str], is_exact: bool) -> list[str]:
    """Rerun the programs in a temporary folder; return the stages. Raises Finding for the first difference."""
    stage_names = []
    for job in recorded_jobs.run_jobs(evidence):
        if job.stage == "train" or pruned.intersection(recorded_jobs.paths_of(job)):
            continue
        with tempfile.TemporaryDirectory(prefix="monthwise-verify-") as scratch:
            new_paths = {name: str(Path(scratch, PurePath(path).name)) for name, path in job.outputs.items()}
            running.run(job._replace(outputs=new_paths), Path.cwd())
            for name, path in job.outputs.items():
                if path.endswith(".provenance.json"):
                    continue
                if difference := equality.difference(new_paths[name], path, is_exact):
                    raise Finding(f"{path} is not what {job.stage} makes of its inputs: {difference}")
        stage_names.append(job.stage)
    return stage_names
