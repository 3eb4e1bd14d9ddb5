"""Collect the evidence of a decision: file hashes, settings, row counts, and the versions that the programs ran with.

If the decision differs from the previous one for that month, append it to history/decisions.jsonl.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from monthwise.base import files
from monthwise.base.resources import name_of
from monthwise.job import command_line
from monthwise.state import decisions

if TYPE_CHECKING:
    import argparse
    from typing import Any, Literal

    from monthwise.base.file_types import (
        Champion,
        DecisionContent,
        DecisionLine,
        Evidence,
        EvidenceContent,
        EvidenceProvenance,
    )

# A decision is new if one of these differs.
DECIDED: tuple[Literal["champion", "decision", "since", "compared", "reason"], ...]
DECIDED = ("champion", "decision", "since", "compared", "reason")
STAGES = ("train", "evaluate", "compare", "promote")  # stages whose settings can change a decision, besides clean
RECORDED: tuple[Literal["train", "evaluate", "score"], ...] = ("train", "evaluate", "score")  # with provenance.json
ROWS = ("rows_in", "rows_out", "rows_available", "train_rows", "rows", "unpaired", "training_rows")
COUNTED = {"training.json": "train", "metrics.json": "evaluate", "comparison.json": "compare"}
COUNTED |= {"live.json": "score", "drift.json": "drift"}


def is_of_a_run(path: str) -> bool:
    """Return whether two builds of the same month may differ in this file: it contains times, ids or versions."""
    return path.endswith((".skops", "tracking.json", ".provenance.json"))


def evidence(paths: Sequence[str], settings: Mapping[str, Any], sources: Sequence[str] = ()) -> Evidence:
    """Return the content of evidence.json: all but its `provenance` is equal in two builds of the same month.

    `sources` are the module of the dataset and the files that it reads. `sha256` covers all but `provenance`, so it
    also detects an edit of what is in no other file, such as settings.
    """
    run = PurePath("runs", settings["dataset"], settings["month"])
    content_by_path: dict[str, Any] = {path: files.read_json(path) for path in paths if path.endswith(".json")}
    content_by_name = {
        PurePath(path).name: item for path, item in content_by_path.items() if PurePath(path).parent == run
    }
    content: EvidenceContent = {
        "dataset": settings["dataset"],
        "month": settings["month"],
        "scored": settings["scored"],
        "settings": settings["stages"],
        "seeds": {
            stage: content_by_name[name]["seed"]
            for name, stage in COUNTED.items()
            if "seed" in content_by_name.get(name, ())
        },
        "rows": {stage: _rows(content_by_name[name]) for name, stage in COUNTED.items() if name in content_by_name}
        | {
            "clean": {
                quality["month"]: _rows(quality)
                for path, quality in content_by_path.items()
                if path.endswith("/quality.json")
            }
        },
        "files": {path: files.sha256(path) for path in paths if not is_of_a_run(path)},
        "sources": {name_of(path): files.sha256(path) for path in sources},
    }
    return {
        **content,
        "provenance": _provenance(paths, content_by_name),
        "sha256": hashlib.sha256(files.to_json(content)).hexdigest(),
    }


def _provenance(paths: Sequence[str], content_by_name: Mapping[str, Any]) -> EvidenceProvenance:
    """Return the part of the evidence that may differ between two equal builds."""
    provenance: EvidenceProvenance = {
        "models": {path: files.sha256(path) for path in paths if path.endswith(".skops")},
        "tracking": content_by_name.get("tracking.json"),
    }
    for stage in RECORDED:
        if f"{stage}.provenance.json" in content_by_name:
            provenance[stage] = content_by_name[f"{stage}.provenance.json"]
    return provenance


def _rows(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: content[name] for name in ROWS if name in content}


def decision(champion: Champion, evidence_content: EvidenceContent, previous: Champion | None) -> DecisionContent:
    """Return the line of a decision without its time and cause.

    `champion` is champion.json, `evidence_content` its evidence, `previous` champion.json of the month before, if any.
    """
    month, settings_by_stage = evidence_content["month"], evidence_content["settings"]
    window_months = {
        *settings_by_stage.get("train", {}).get(month, {}).get("months", ()),
        settings_by_stage.get("evaluate", {}).get(month, {}).get("validation_month"),
    }
    settings = {
        stage: _fingerprint(settings_by_stage[stage][month])
        for stage in STAGES
        if month in settings_by_stage.get(stage, ())
    }
    settings |= {
        f"clean {data_month}": _fingerprint(month_settings)
        for data_month, month_settings in settings_by_stage.get("clean", {}).items()
        if data_month in window_months
    }
    hashes = {
        path: evidence_content["files"][path]
        for path in evidence_content["files"]
        if _is_decided_on(PurePath(path), window_months, f"runs/{evidence_content['dataset']}/{month}")
    }
    return {
        "dataset": champion["dataset"],
        "month": champion["month"],
        "champion": champion["champion"],
        "decision": champion["decision"],
        "reason": champion["reason"],
        "since": champion["since"],
        "compared": champion["compared"],
        "validation_error": champion["validation_error"],
        "settings": settings,
        "previous": {"month": previous["month"], "champion": previous["champion"]} if previous else None,
        "hashes": hashes,
    }


def _is_decided_on(path: PurePath, windows: Collection[str | None], run: str) -> bool:
    """Return whether a decision depends on a file: features of its windows, metrics, comparison, previous champion."""
    if path.name == "features.parquet":
        return path.parent.name in windows
    return path.name in ("metrics.json", "comparison.json") or (
        path.name == "champion.json" and str(path.parent) != run
    )


def _fingerprint(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def cause(before: Mapping[str, Any] | None, line: DecisionContent) -> str:
    """Return a text that names what differs between the previous decision and this one."""
    if before is None:
        return "first decision"
    changed_settings = _differing(before.get("settings", {}), line["settings"])
    causes = list(dict.fromkeys(f"settings of {name.partition(' ')[0]} changed" for name in changed_settings))
    months: dict[str, list[str]] = {}
    for path in map(PurePath, _differing(before.get("hashes", {}), line["hashes"])):
        months.setdefault(path.name, []).append(path.parent.name)
    causes += [f"data of {month} changed" for month in months.get("features.parquet", ())]
    causes += [f"the model of {month} changed" for month in months.get("metrics.json", ()) if month != line["month"]]
    champion_before, champion_now = before.get("previous"), line["previous"]
    if (
        champion_now
        and champion_before
        and champion_before["month"] == champion_now["month"]
        and champion_before["champion"] != champion_now["champion"]
    ):
        causes.append(f"the champion of {champion_now['month']} changed")
    return ", ".join(causes or [f"the decision of {month} changed" for month in months.get("champion.json", ())]) or (
        "program changed"
    )


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in before.keys() & now.keys() if before[key] != now[key])


def line_after(before: Mapping[str, Any] | None, entry: DecisionContent) -> DecisionLine | None:
    """Return the line to append after the last line of the same month, or None if the decision is the same."""
    if before and all(before.get(key) == entry[key] for key in DECIDED):
        return None
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {**entry, "time": now, "cause": cause(before, entry)}


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    dataset, month = settings["dataset"], settings["month"]
    content = evidence(sorted(job.files), settings, job.sources)
    files.write_json(job.evidence, content)
    champion_file = f"runs/{dataset}/{month}/champion.json"
    previous_files = [path for path in job.files if path.endswith("/champion.json") and path != champion_file]
    previous: Champion | None = files.read_json(previous_files[0]) if previous_files else None
    champion: Champion = files.read_json(champion_file)
    entry = decision(champion, content, previous)
    is_new = decisions.append(dataset, month, lambda before: line_after(before, entry))
    note = ", a decision that is new to the history" if is_new else ""
    return f"{dataset} {month}: {len(content['files'])} files, {len(content['provenance']['models'])} models{note}"


if __name__ == "__main__":
    command_line.run(main, inputs=("files", "sources"), outputs=("evidence",), many=("files", "sources"))
