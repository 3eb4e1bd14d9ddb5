"""Alarms: what a call of `./monthwise run` tells a person, each once, by Apprise; and a ping where all went well.

URLs hold secrets: they come from the environment or a file outside the repository, and are never printed or written.
"""

import calendar
import contextlib
import datetime
import io
import logging
import os
import statistics
from pathlib import Path

from ..base import clock, exits, files, months, redact
from ..base.resources import ROOT
from ..config.settings import Settings
from ..state import calls
from ..workflow import targets

SAID = "logs/alarms.json"  # what was told and still holds
URLS, FILE, PING = "MONTHWISE_ALARM_URLS", "MONTHWISE_ALARM_FILE", "MONTHWISE_PING_URL"
SECRETS = (URLS, FILE, PING)
DEFAULT_FILE = "~/.config/monthwise/alarms"
PING_S = 10.0


def without_secrets(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment for other processes: no URL of an alarm is in it."""
    return {name: value for name, value in environment.items() if name not in SECRETS}


def raise_alarms(settings: Settings, services: list[str], outcome: dict) -> list[str]:
    """Tell what is new in the outcome of a call, ping where it went well; return lines about what could not be told.

    Changes no exit code: whatever goes wrong here is a line.
    """
    try:
        lines = _tell(files.read_json_if_whole(SAID) or {}, conditions(settings, services, outcome))
        return [*lines, *_ping(outcome)]
    except Exception as error:  # an alarm must not cost a run; the message may hold a URL
        return [f"alarms: {type(error).__name__}, nothing was told"]


def raise_failure(code: int, line: str) -> list[str]:
    """Tell that a call failed before it could read which alarms its config switches on; returns as raise_alarms does.

    What was told before still holds, for all that is known.
    """
    try:
        told = files.read_json_if_whole(SAID) or {}
        return _tell(told, told | {f"failure {code}": line})
    except Exception as error:
        return [f"alarms: {type(error).__name__}, nothing was told"]


def note_refusal(end: exits.Exit) -> None:
    """Append the line of a call that ended before it began, because its config is wrong, and raise the alarm."""
    now = clock.now()
    line = redact.hide(str(end))
    for problem in raise_failure(end.code, line):
        print(problem)
    of_work = {"jobs": {"done": 0, "failed": 0, "left": 0}, "months": [], "reason": {}, "failed": []}
    calls.append({"start": now, "end": now, "command": "run", "code": end.code, "line": line} | of_work)


def _tell(told: dict[str, str], holding: dict[str, str]) -> list[str]:
    new = {key: line for key, line in holding.items() if key not in told}
    urls, problem = _urls()
    lines = [problem] if problem else []
    if new and urls:
        if _send(urls, new):
            told |= new
        else:
            lines.append(f"alarms: {len(new)} could not be sent; the next call tries again")
    elif new:
        told |= new  # nobody is to be told: no flood when a URL is given one day
    os.makedirs(os.path.dirname(SAID), exist_ok=True)
    files.replace_file(SAID, files.to_json({key: line for key, line in told.items() if key in holding}))
    return lines


def conditions(settings: Settings, services: list[str], outcome: dict) -> dict[str, str]:
    """Return what holds now and is switched on in `alarm`: a key that stays as long as it holds, and a line."""
    wanted = settings.config["alarm"]
    found = {}
    if wanted["failure"]:
        for fault in outcome["failed"]:
            about = f"{fault['rule']} {fault['service']} {fault['month']}"
            found[f"failure {about}"] = f"{about} failed: {fault['line']} ({fault['log']})"
        if outcome["code"] not in (os.EX_OK, os.EX_DATAERR) and not outcome["failed"]:
            found[f"failure {outcome['code']}"] = outcome["line"]
    if wanted["reject"]:
        for service, rejected in outcome["rejected"].items():
            found |= {f"reject {service} {month}": line for month, line in rejected.items()}
    for service in services:
        decided = targets.decided_months(service)
        champion = (
            files.read_json_if_whole(targets.run_file(service, decided[-1], "champion.json")) if decided else None
        )
        if wanted["champion"] and champion and champion["decision"] in ("first", "promoted", "pinned", "baseline"):
            key = f"champion {service} {champion['champion']['kind']} {champion['champion']['month']}"
            found[key] = f"{service} {champion['month']}: {champion['reason']}"
        if wanted["live_excess"] is not None:
            found |= _live_excess(service, decided, wanted["live_excess"])
        if wanted["late_days"] is not None:
            found |= _late(settings, service, wanted["late_days"])
    if wanted["champion"]:
        found |= {f"champion {line}": line for line in outcome["champions"]}
    return found


def _live_excess(service: str, decided: list[str], bound: float) -> dict[str, str]:
    for month in reversed(decided):
        if live := files.read_json_if_whole(targets.run_file(service, month, "live.json")):
            if live["off"] <= bound:
                return {}
            both = (
                f"{live['rmse_min']:.3f} min, the validation error {live['promised_rmse_min']:.3f} ({live['off']:+.1%})"
            )
            return {f"live {service} {month}": f"{service} {month}: the champion's live error is {both}"}
    return {}


def _late(settings: Settings, service: str, bound_days: int) -> dict[str, str]:
    """Return the alarm of the month after the newest one, where it usually would have been out that many days ago."""
    located = targets.located_months(service)
    delays = []
    for month in located:
        facts = files.read_json_if_whole(targets.data_file(service, month, "source.json")) or {}
        with contextlib.suppress(KeyError, TypeError, ValueError):
            published = datetime.datetime.fromisoformat(facts["last_modified"]).date()
            delays.append((published - _end(month)).days)
    if not delays or settings.config["last"] != "newest":
        return {}
    month = months.shift(located[-1], 1)
    late = (months.date_today() - _end(month)).days - statistics.median(delays)
    if late <= bound_days:
        return {}
    usual = f"usually {statistics.median(delays):.0f} days after its end"
    return {f"late {service} {month}": f"{service} {month} is still not published, {usual}, {late:.0f} days ago"}


def _end(month: str) -> datetime.date:
    year, number = int(month[:4]), int(month[5:])
    return datetime.date(year, number, calendar.monthrange(year, number)[1])


def _urls() -> tuple[list[str], str]:
    """Return the URLs of the environment and of the file, and what is wrong with the file."""
    urls = os.environ.get(URLS, "").split()
    path = Path(os.environ.get(FILE, DEFAULT_FILE)).expanduser()
    if not path.is_file():
        return urls, f"alarms: there is no file {path} ({FILE})" if FILE in os.environ else ""
    if any(path.resolve().is_relative_to(place) for place in (ROOT, Path.cwd())):
        return urls, f"alarms: {path} lies in the repository, where secrets do not belong; move it out"
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return urls + [line for line in lines if line and not line.startswith("#")], ""


def _send(urls: list[str], new: dict[str, str]) -> bool:
    import apprise  # only where there is something to say

    logging.getLogger("apprise").disabled = True  # it names URLs
    lines = [redact.hide(line) for line in new.values()]
    said, title = "\n".join(lines), lines[0][:100]
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        service = apprise.Apprise()
        added = [service.add(url) for url in urls]
        return bool(service.notify(title=f"monthwise: {title}", body=said)) and all(added)


def _ping(outcome: dict) -> list[str]:
    url = os.environ.get(PING)
    if not url or outcome["code"] != os.EX_OK:
        return []
    import urllib3

    try:
        answer = urllib3.PoolManager().request("GET", url, timeout=PING_S, retries=2)
    except Exception as error:  # its message holds the URL
        return [f"the ping after success was not heard: {type(error).__name__}"]
    return [] if answer.status < 400 else [f"the ping after success was answered by {answer.status}"]
