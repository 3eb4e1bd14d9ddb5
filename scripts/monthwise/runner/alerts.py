"""Send alerts about a call of `./monthwise run`, each one once, with Apprise; send a ping if the call succeeded.

URLs hold secrets. They come from the environment or a file outside the repository, and are never printed or written.
"""

from __future__ import annotations

import calendar
import contextlib
import datetime
import io
import logging
import os
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import clock, exits, files, metric_values, months, redact
from ..base.resources import ROOT
from ..config.settings import Settings
from ..state import calls
from ..workflow import targets
from ..workflow.listing import decided_months, located_months

if TYPE_CHECKING:
    from ..base.file_types import Outcome

SENT = "logs/alerts.json"  # alerts that were sent and whose condition still holds
URLS, FILE, PING = "MONTHWISE_ALERT_URLS", "MONTHWISE_ALERT_FILE", "MONTHWISE_PING_URL"
SECRETS = (URLS, FILE, PING)
DEFAULT_FILE = "~/.config/monthwise/alerts"
PING_S = 10.0


def without_secrets(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment for other processes, without the URLs of alerts."""
    return {name: value for name, value in environment.items() if name not in SECRETS}


def send_alerts(settings: Settings, datasets: list[str], outcome: Outcome) -> list[str]:
    """Send alerts for new conditions of a call, and a ping if it succeeded; return lines about what was not sent.

    The exit code does not change: any error here becomes a line.
    """
    try:
        lines = _send_new(files.read_json_if_whole(SENT) or {}, conditions(settings, datasets, outcome))
        return [*lines, *_ping(outcome)]
    except Exception as error:  # an alert must not fail a run; the message may hold a URL
        return [f"alerts: {type(error).__name__}, no alert was sent"]


def send_failure(code: int, line: str) -> list[str]:
    """Send an alert for a call that failed before it read its `alerts` settings; return the same as send_alerts.

    Earlier alerts are assumed to hold still.
    """
    try:
        sent = files.read_json_if_whole(SENT) or {}
        return _send_new(sent, sent | {f"failure {code}": line})
    except Exception as error:
        return [f"alerts: {type(error).__name__}, no alert was sent"]


def note_refusal(end: exits.Exit) -> None:
    """Record a call that ended before it began because its config is wrong, and send an alert."""
    now = clock.now()
    line = redact.hide(str(end))
    for problem in send_failure(end.code, line):
        print(problem)
    outcome: Outcome = {
        "start": now,
        "end": now,
        "command": "run",
        "code": end.code,
        "line": line,
        "jobs": {"done": 0, "failed": 0, "left": 0},
        "months": [],
        "reason": {},
        "failed": [],
    }
    calls.append(outcome)


def _send_new(sent: dict[str, str], current: dict[str, str]) -> list[str]:
    new = {key: line for key, line in current.items() if key not in sent}
    urls, problem = _urls()
    lines = [problem] if problem else []
    if new and urls:
        if _send(urls, new):
            sent |= new
        else:
            lines.append(f"alerts: {len(new)} could not be sent; the next call tries again")
    elif new:
        sent |= new  # no URL is set: mark as sent, so that a URL set later causes no flood of alerts
    os.makedirs(os.path.dirname(SENT), exist_ok=True)
    files.replace_file(SENT, files.to_json({key: line for key, line in sent.items() if key in current}))
    return lines


def conditions(settings: Settings, datasets: list[str], outcome: Outcome) -> dict[str, str]:
    """Return the conditions that hold now and that `alerts` switches on: a key and a line for each.

    A key does not change as long as its condition holds.
    """
    enabled = settings.config.alerts
    line_by_key = {}
    if enabled.failure:
        for fault in outcome["failed"]:
            job_name = f"{fault['rule']} {fault['dataset']} {fault['month']}"
            line_by_key[f"failure {job_name}"] = f"{job_name} failed: {fault['line']} ({fault['log']})"
        if outcome["code"] not in (os.EX_OK, os.EX_DATAERR) and not outcome["failed"]:
            line_by_key[f"failure {outcome['code']}"] = outcome["line"]
    if enabled.reject:
        for dataset, rejected in outcome["rejected"].items():
            line_by_key |= {f"reject {dataset} {month}": line for month, line in rejected.items()}
    for dataset in datasets:
        decided = decided_months(dataset)
        champion = (
            files.read_json_if_whole(targets.run_file(dataset, decided[-1], "champion.json")) if decided else None
        )
        if enabled.champion and champion and champion["decision"] in ("first", "promoted", "pinned", "baseline"):
            key = f"champion {dataset} {champion['champion']['kind']} {champion['champion']['month']}"
            line_by_key[key] = f"{dataset} {champion['month']}: {champion['reason']}"
        if enabled.live_excess is not None:
            line_by_key |= _live_excess(dataset, decided, enabled.live_excess)
        if enabled.late_days is not None:
            line_by_key |= _late(settings, dataset, enabled.late_days)
    if enabled.champion:
        line_by_key |= {f"champion {line}": line for line in outcome["champions"]}
    return line_by_key


def _live_excess(dataset: str, decided: list[str], bound: float) -> dict[str, str]:
    for month in reversed(decided):
        if live := files.read_json_if_whole(targets.run_file(dataset, month, "live.json")):
            if live["live_excess"] <= bound:
                return {}
            error = metric_values.in_words(live, metric_values.deciding(live))
            errors = f"{error}, the validation error {live['validation_error']:.3f}"
            errors += f" ({live['live_excess']:+.1%})"
            return {f"live {dataset} {month}": f"{dataset} {month}: the champion's live error is {errors}"}
    return {}


def _late(settings: Settings, dataset: str, bound_days: int) -> dict[str, str]:
    """Return an alert if the month after the newest one is more than `bound_days` days later than usual."""
    located = located_months(dataset)
    delays = []
    for month in located:
        facts = files.read_json_if_whole(targets.data_file(dataset, month, "source.json")) or {}
        with contextlib.suppress(KeyError, TypeError, ValueError):
            published = datetime.datetime.fromisoformat(facts["last_modified"]).date()
            delays.append((published - _end(month)).days)
    if not delays or settings.config.last != "newest":
        return {}
    month = months.shift(located[-1], 1)
    late = (months.date_today() - _end(month)).days - statistics.median(delays)
    if late <= bound_days:
        return {}
    usual = f"usually {statistics.median(delays):.0f} days after its end"
    return {f"late {dataset} {month}": f"{dataset} {month} is still not published, {usual}, {late:.0f} days ago"}


def _end(month: str) -> datetime.date:
    year, number = int(month[:4]), int(month[5:])
    return datetime.date(year, number, calendar.monthrange(year, number)[1])


def _urls() -> tuple[list[str], str]:
    """Return the URLs of the environment and of the file, and what is wrong with the file."""
    urls = os.environ.get(URLS, "").split()
    path = Path(os.environ.get(FILE, DEFAULT_FILE)).expanduser()
    if not path.is_file():
        return urls, f"alerts: there is no file {path} ({FILE})" if FILE in os.environ else ""
    if any(path.resolve().is_relative_to(folder) for folder in (ROOT, Path.cwd())):
        return urls, f"alerts: {path} lies in the repository, where secrets do not belong; move it out"
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return urls + [line for line in lines if line and not line.startswith("#")], ""


def _send(urls: list[str], new: dict[str, str]) -> bool:
    import apprise  # only if there is an alert to send

    logging.getLogger("apprise").disabled = True  # its messages contain URLs
    lines = [redact.hide(line) for line in new.values()]
    body, title = "\n".join(lines), lines[0][:100]
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        notifier = apprise.Apprise()
        added = [notifier.add(url) for url in urls]
        return bool(notifier.notify(title=f"monthwise: {title}", body=body)) and all(added)


def _ping(outcome: Outcome) -> list[str]:
    url = os.environ.get(PING)
    if not url or outcome["code"] != os.EX_OK:
        return []
    import urllib3

    try:
        answer = urllib3.PoolManager().request("GET", url, timeout=PING_S, retries=2)
    except Exception as error:  # its message contains the URL
        return [f"the ping after success failed: {type(error).__name__}"]
    return [] if answer.status < 400 else [f"the ping after success failed with HTTP status {answer.status}"]
