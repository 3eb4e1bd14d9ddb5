"""Collect what a run month was decided on: hashes, settings, row counts, and what the programs ran with.

Where the decision is another one than before, it is also a line of history/decisions.jsonl.
"""

import datetime
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath

from monthwise.base import files
from monthwise.job import command_line
from monthwise.state import decisions

DECIDED = ("champion", "decision", "since", "compared", "reason")  # a decision is another one where one of these is
STAGES = ("train", "evaluate", "compare", "promote")  # whose settings can change a decision, beside those of clean
ROWS = ("rows_in", "rows_out", "rows_available", "train_rows", "rows", "unpaired", "training_rows")
COUNTED = {"training.json": "train", "metrics.json": "evaluate", "comparison.json": "compare"}
COUNTED |= {"live.json": "score", "drift.json": "drift"}


def is_of_a_run(path: str) -> bool:
    """Whether two builds of the same month may differ in this file: it has times, ids or versions in it."""
    return path.endswith((".skops", "tracking.json", ".provenance.json"))


def evidence(paths: Sequence[str], settings: Mapping, zones: Sequence[str] = ()) -> dict:
    """Return the content of evidence.json: all but its `provenance` is equal in two builds of the same month.

    `zones` are the service's zone files, which lie in the repository. `sha256` is that of all but `provenance`: an
    edit is seen also of what no other file says, such as settings.
    """
    run = PurePath("runs", settings["service"], settings["month"])
    told = {path: files.read_json(path) for path in paths if path.endswith(".json")}
    of_run = {PurePath(path).name: content for path, content in told.items() if PurePath(path).parent == run}
    provenance: dict = {
        name.partition(".")[0]: content for name, content in of_run.items() if name.endswith(".provenance.json")
    }
    provenance["models"] = {path: files.sha256(path) for path in paths if path.endswith(".skops")}
    provenance["tracking"] = of_run.get("tracking.json")
    found = {
        "service": settings["service"],
        "month": settings["month"],
        "scored": settings["scored"],
        "settings": settings["stages"],
        "seeds": {stage: of_run[name]["seed"] for name, stage in COUNTED.items() if "seed" in of_run.get(name, ())},
        "rows": {stage: _rows(of_run[name]) for name, stage in COUNTED.items() if name in of_run}
        | {"clean": {c["month"]: _rows(c) for path, c in told.items() if path.endswith("/quality.json")}},
        "files": {path: files.sha256(path) for path in paths if not is_of_a_run(path)},
        "zones": {PurePath(path).name: files.sha256(path) for path in zones},
    }
    return found | {"provenance": provenance, "sha256": hashlib.sha256(files.to_json(found)).hexdigest()}


def _rows(content: Mapping) -> dict:
    return {name: content[name] for name in ROWS if name in content}


def decision(champion: Mapping, found: Mapping, reign: Mapping | None) -> dict:
    """Return the line of a decision, but for its time and cause.

    `champion` is champion.json, `found` the evidence about it, `reign` champion.json of the month before if there is.
    """
    month, used = found["month"], found["settings"]
    windows = {
        *used.get("train", {}).get(month, {}).get("months", ()),
        used.get("evaluate", {}).get(month, {}).get("validation_month"),
    }
    settings = {stage: _fingerprint(used[stage][month]) for stage in STAGES if month in used.get(stage, ())}
    settings |= {f"clean {each}": _fingerprint(of) for each, of in used.get("clean", {}).items() if each in windows}
    hashes = {
        path: found["files"][path]
        for path in found["files"]
        if _is_decided_on(PurePath(path), windows, f"runs/{found['service']}/{month}")
    }
    reigned = reign and {"month": reign["month"], "champion": reign["champion"]}
    line = {key: champion[key] for key in ("service", "month", *DECIDED, "promised_rmse_min")}
    return line | {"settings": settings, "reigned": reigned, "hashes": hashes}


def _is_decided_on(path: PurePath, windows: Collection[str | None], run: str) -> bool:
    """Whether a decision is made from a file: features of its windows, and what is about the models it is between."""
    if path.name == "features.parquet":
        return path.parent.name in windows
    return path.name in ("metrics.json", "comparison.json") or (
        path.name == "champion.json" and str(path.parent) != run
    )


def _fingerprint(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def cause(before: Mapping | None, line: Mapping) -> str:
    """Return in words what differs between the decision before it and this one."""
    if before is None:
        return "first decision"
    settings = _differing(before.get("settings", {}), line["settings"])
    causes = list(dict.fromkeys(f"settings of {name.partition(' ')[0]} changed" for name in settings))
    months: dict[str, list[str]] = {}
    for path in map(PurePath, _differing(before.get("hashes", {}), line["hashes"])):
        months.setdefault(path.name, []).append(path.parent.name)
    causes += [f"data of {month} changed" for month in months.get("features.parquet", ())]
    causes += [f"the model of {month} changed" for month in months.get("metrics.json", ()) if month != line["month"]]
    reigned, reigns = before.get("reigned"), line["reigned"]
    if reigns and reigned and reigned["month"] == reigns["month"] and reigned["champion"] != reigns["champion"]:
        causes.append(f"the champion of {reigns['month']} changed")
    return ", ".join(causes or [f"the decision of {month} changed" for month in months.get("champion.json", ())]) or (
        "program changed"
    )


def _differing(before: Mapping, now: Mapping) -> list[str]:
    return sorted(key for key in before.keys() & now.keys() if before[key] != now[key])


def line_after(before: Mapping | None, made: Mapping) -> dict | None:
    """Return the line to append after the last one of the same month; None where the decision is the same."""
    if before and all(before.get(key) == made[key] for key in DECIDED):
        return None
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {**made, "time": now, "cause": cause(before, made)}


def main(job) -> str:
    settings = job.settings
    service, month = settings["service"], settings["month"]
    found = evidence(sorted(job.files), settings, job.zones)
    files.write_json(job.evidence, found)
    own = f"runs/{service}/{month}/champion.json"
    reigns = [path for path in job.files if path.endswith("/champion.json") and path != own]
    made = decision(files.read_json(own), found, files.read_json(reigns[0]) if reigns else None)
    is_new = decisions.append(service, month, lambda before: line_after(before, made))
    said = ", a decision that is new to the history" if is_new else ""
    return f"{service} {month}: {len(found['files'])} files, {len(found['provenance']['models'])} models{said}"


if __name__ == "__main__":
    command_line.run(main, inputs=("files", "zones"), outputs=("evidence",), many=("files", "zones"))
