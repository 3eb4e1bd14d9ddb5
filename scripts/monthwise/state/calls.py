"""The calls of `run`: one line each in history/runs.jsonl, with how it ended, what was built and why."""

import contextlib
import json
import os

from ..base import lock, months
from ..base.redact import scrub
from . import decisions

PATH = "history/runs.jsonl"


def append(call: dict) -> None:
    """Append the line of a call."""
    os.makedirs(os.path.dirname(PATH), exist_ok=True)
    text = json.dumps(call, sort_keys=True, ensure_ascii=False) + "\n"
    with open(PATH, "a", encoding="utf-8") as file:
        file.write(text)


def read() -> list[dict]:
    """Return the calls of `run`, oldest first; torn lines are passed over."""
    found = []
    for text_line in decisions.content(PATH).splitlines():
        with contextlib.suppress(ValueError):
            call = json.loads(text_line)
            if isinstance(call, dict) and isinstance(call.get("start"), str):
                found.append(call)
    return found


def last_run() -> dict | None:
    """Return start, end, exit code and line of the last call of `run`."""
    done = read()
    if not done:
        return None
    last = done[-1]
    return {
        "start": last["start"],
        "end": last.get("end") if isinstance(last.get("end"), str) else None,
        "code": last.get("code") if isinstance(last.get("code"), int) else None,
        "line": scrub(str(last.get("line") or "")),
    }


def needs(services: dict[str, dict]) -> list[dict]:
    """Return the calls of `run` that ended without doing their work, unless the needs of their months say why.

    That is the last one, and one that was killed since. `services`: what of_service returns, by service.
    """
    found = []
    if since := lock.killed_run():
        text = f"the run that began {since} was killed; the next ./monthwise run cleans up and continues"
        found.append({"kind": "call", "text": text})
    done = read()
    last = done[-1] if done else {}
    code = last.get("code")
    if isinstance(code, int) and code and not _is_explained(code, last.get("failed"), services):
        text = scrub(f"the run that began {last['start'][:40]} ended with {code}: {last.get('line')}")
        found.append({"kind": "call", "text": text})
    return found


def _is_explained(code: int, failed: object, services: dict[str, dict]) -> bool:
    """Whether the needs of months name each failed job of a call, and what its exit code stands for."""
    shown = [(service, need) for service, of in services.items() for need in of["needs"]]
    jobs = [[service, need["month"], need["stage"]] for service, need in shown]
    faults = [fault for fault in failed if isinstance(fault, dict)] if isinstance(failed, list) else []
    if any([fault.get(key) for key in ("service", "month", "rule")] not in jobs for fault in faults):
        return False
    codes = [fault.get("code") for fault in faults]
    return code in codes or (code == os.EX_DATAERR and any(need["kind"] == "rejected" for _, need in shown))


def reasons(services: list[str]) -> dict[tuple[str, str], list[dict]]:
    """Return for each service and month the calls that built something of it: `when`, and stages by reason."""
    found: dict[tuple[str, str], list[dict]] = {}
    for call in read():
        jobs = call.get("jobs")
        if isinstance(jobs, dict) and jobs.get("done") == 0:  # once, refused calls listed what they had planned
            continue
        of_call: dict[tuple[str, str], dict[str, list[str]]] = {}
        why = call.get("reason")
        for about, reason in why.items() if isinstance(why, dict) else ():
            words = str(about).split()
            if len(words) == 3 and words[1] in services and months.is_month(words[2]):
                of_call.setdefault((words[1], words[2]), {}).setdefault(scrub(reason), []).append(words[0])
        for about, stages in of_call.items():
            found.setdefault(about, []).append({"when": scrub(call["start"])[:40], "why": stages})
    return found
