"""How things stand, from files alone: the states of all months, their numbers, and in words what matters of them."""

import math

from ..base import months, suggest
from ..base.redact import scrub
from ..config.settings import Settings
from ..data import quality_rules
from ..workflow import targets
from . import calls, stage_states
from .artifacts import Tree

VERSION = 2  # of the content of report/status.json, described in docs/status.schema.json
NEED_A_PERSON = ("failed", "rejected")


def standing(settings: Settings, services: list[str], look: dict, tree: Tree) -> dict:
    """Return what report/status.json holds, but for the time at which it was written."""
    found = {service: of_service(settings, service, look, tree) for service in services}
    return {
        "schema_version": VERSION,
        "looked": look.get("looked") if isinstance(look.get("looked"), str) else None,
        "last_run": calls.last_run(),
        "needs": calls.needs(found),
        "not_hashed": len(tree.not_hashed),
        "services": found,
    }


def of_service(settings: Settings, service: str, look: dict, tree: Tree) -> dict:
    """Return `data` and `runs` as states.of_service does, `numbers` of run months, `rows` of data months, and words."""
    of = stage_states.of_service(settings, service, look, tree)
    for stages in (*of["data"].values(), *of["runs"].values()):
        for state in stages.values():
            state |= {key: scrub(state[key]) for key in ("why",) if key in state}
            state |= {"lines": [scrub(line) for line in state["lines"]]} if "lines" in state else {}
    of["numbers"] = {month: numbers(service, month, tree) for month in of["runs"]}
    of["rows"] = {month: rows(service, month, tree) for month in of["data"]}
    of["champion"] = _champion(of["numbers"])
    of["needs"] = needs(settings, service, of)
    of["line"] = line(service, of)
    return of


def numbers(service: str, month: str, tree: Tree) -> dict:
    """Return what is known of a run month: errors in minutes, trips, who serves and since when, drift by feature.

    A validation error is measured on the validation month, a live error in the month itself. The champion is the model
    that serves in the month; the baseline of a live error is the champion's own.
    """

    def read(name: str) -> dict:
        return tree.json(targets.run_file(service, month, name)) or {}

    metrics, live, champion, drift = map(read, ("metrics.json", "live.json", "champion.json", "drift.json"))
    found = {
        "validation_month": text(metrics.get("validation_month")),
        "validation_trips": number(metrics.get("rows")),
        "challenger_validation_rmse_min": number(metrics.get("rmse_min")),
        "baseline_validation_rmse_min": number(metrics.get("baseline_rmse_min")),
        "champion_validation_rmse_min": number(champion.get("promised_rmse_min")),
        "champion_validation_month": text(champion.get("promised_on")),
        "live_trips": number(live.get("rows")),
        "champion_live_rmse_min": number(live.get("rmse_min")),
        "baseline_live_rmse_min": number(live.get("baseline_rmse_min")),
        "live_excess": number(live.get("off")),
    }
    found |= {name: text(champion.get(name)) for name in ("decision", "reason", "since")}
    serving = champion.get("champion")
    if isinstance(serving, dict) and serving.get("month"):
        found["champion"] = text(serving["month"]) if serving.get("kind") == "model" else "baseline"
    ranked = drift.get("ranked")
    if isinstance(ranked, list):
        pairs = ((text(each.get("name")), number(each.get("ratio"))) for each in ranked if isinstance(each, dict))
        found["drift"] = {name: ratio for name, ratio in pairs if name and ratio is not None}
    if isinstance(metrics.get("warnings"), list):
        told = [text(each.get("text")) for each in metrics["warnings"] if isinstance(each, dict)]
        found["warnings"] = [line for line in told if line] or None
    return {name: value for name, value in found.items() if value is not None}


MEASURED = (
    "challenger: validation error of the model that was trained for the next month; champion: live error of the model"
    " that served; baseline: live error of its naive baseline"
)


def errors_by_month(of: dict) -> dict[str, dict]:
    """Return the errors that were measured on the trips of each month: `trips`, `challenger`, `champion`, `baseline`.

    All errors of a month are those on the same trips, so they can be compared (MEASURED says whose they are).
    """
    found: dict[str, dict] = {}
    for month, known in of["numbers"].items():
        validation = known.get("validation_month")
        if validation and months.is_month(validation) and "challenger_validation_rmse_min" in known:
            measured = found.setdefault(validation, {})
            measured["challenger"] = known["challenger_validation_rmse_min"]
            measured.setdefault("trips", known.get("validation_trips"))
        if "champion_live_rmse_min" in known:
            measured = found.setdefault(month, {})
            measured["trips"] = known.get("live_trips")
            measured["champion"] = known["champion_live_rmse_min"]
            measured["baseline"] = known.get("baseline_live_rmse_min")
    return {month: {name: value for name, value in found[month].items() if value is not None} for month in found}


def rows(service: str, month: str, tree: Tree) -> dict:
    """Return what is known of a data month: rows in and out, drops by reason, the verdict and the rule that gave it."""
    quality = tree.json(targets.data_file(service, month, "quality.json")) or {}
    found = {name: number(quality.get(name)) for name in ("rows_in", "rows_out")}
    found["verdict"] = text(quality.get("verdict"))
    if isinstance(quality.get("rule"), dict):
        found["rule"] = text(quality_rules.in_words(quality["rule"]))
    if isinstance(quality.get("drops"), dict):
        found["drops"] = {str(name): count for name, count in quality["drops"].items() if number(count) is not None}
    return {name: value for name, value in found.items() if value is not None}


def number(value: object) -> float | int | None:
    """Return a finite number as it is, None for anything else that may stand in a file."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) and abs(value) < 1e15 else None


def text(value: object) -> str | None:
    """Return a text, scrubbed; None for anything else."""
    return scrub(value) if isinstance(value, str) else None


def _champion(numbers: dict[str, dict]) -> dict | None:
    """Return who serves in the newest decided month, and the month of the last change."""
    decided = [month for month in numbers if "champion" in numbers[month]]
    if not decided:
        return None
    newest = numbers[decided[-1]]
    return {"month": decided[-1], "model": newest["champion"], "since": newest.get("since")}


def line(service: str, of: dict) -> str:
    """Return in words how a service stands."""
    parts, numbers = [], of["numbers"]
    if champion := of["champion"]:
        served = f"{champion['month']} is served by {_model(champion['model'])}{_since(champion)}"
        parts.append(served + _validation(numbers[champion["month"]]))
    scored = [month for month in numbers if "champion_live_rmse_min" in numbers[month]]
    if scored:
        last = numbers[scored[-1]]
        excess = f", {_than_validation(last['live_excess'])}" if "live_excess" in last else ""
        trips = f" on {last['live_trips']:,} trips" if "live_trips" in last else ""
        model = _model(last.get("champion", "?"))
        parts.append(f"live error of {model} in {scored[-1]}: {last['champion_live_rmse_min']:.2f} min{trips}{excess}")
    late = [month for month, stages in of["data"].items() if stages["locate"]["state"] == "not published"]
    if late:
        located = [month for month in of["data"] if month not in late]
        for what, missing in months.not_published(late, located).items():
            parts.append(f"{months.in_words(missing)} {'is' if len(missing) == 1 else 'are'} {what}")
    built = [month for month, stages in of["data"].items() if stages["locate"]["state"] == "built"]
    if not parts:
        parts.append(f"no champion yet, {len(built)} data months known" if built else "there is no month yet")
    return f"{service}: " + "; ".join(parts)


def _model(name: str) -> str:
    return "the naive baseline" if name == "baseline" else f"the model of {name}"


def _since(champion: dict) -> str:
    since = champion["since"]
    return f" since {since}" if since and since not in (champion["month"], champion["model"]) else ""


def _validation(known: dict) -> str:
    if "champion_validation_rmse_min" not in known:
        return ""
    on = f" on {known['champion_validation_month']}" if "champion_validation_month" in known else ""
    return f", validation error {known['champion_validation_rmse_min']:.2f} min{on}"


def _than_validation(excess: float) -> str:
    return f"{abs(excess):.1%} {'more' if excess > 0 else 'less'} than its validation error"


def _listed(found: list[str]) -> str:
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def needs(settings: Settings, service: str, of: dict) -> list[dict]:
    """Return what needs attention, newest month first: `kind`, `month`, `stage`, `text`."""
    found = []
    for part in ("data", "runs"):
        for month, stages in of[part].items():
            for stage, state in stages.items():
                if state["state"] in NEED_A_PERSON:
                    found.append({"kind": state["state"], "month": month, "stage": stage, "text": _need(stage, state)})
    bound = settings.config["alarm"]["live_excess"]
    scored = [month for month, known in of["numbers"].items() if "live_excess" in known]
    if bound is not None and scored and of["numbers"][scored[-1]]["live_excess"] > bound:
        excess = of["numbers"][scored[-1]]["live_excess"]
        line = f"the live error is {_than_validation(excess)}, above alarm.live_excess ({bound:.0%})"
        found.append({"kind": "live excess", "month": scored[-1], "stage": "score", "text": line})
    return sorted(found, key=lambda need: (need["month"], need["stage"]), reverse=True)


def all_needs(told: dict) -> list[tuple[str | None, dict]]:
    """Return all that needs attention, each with its service; calls, which have none, come first."""
    found: list[tuple[str | None, dict]] = [(None, need) for need in told["needs"]]
    return found + [(service, need) for service, of in told["services"].items() for need in of["needs"]]


def in_words(service: str | None, need: dict) -> str:
    """Return one of all_needs in words."""
    return f"{service} {need['month']}: {need['text']}" if service else need["text"]


def _need(stage: str, state: dict) -> str:
    if state["state"] == "rejected":
        return f"rejected by {state['why']}: wait for a better file, or see the ways on in `{suggest.command('plan')}`"
    return f"{stage} failed: {state['why']}"


def stale(of: dict) -> dict[str, list[str]]:
    """Return for each reason the months with something stale."""
    found: dict[str, list[str]] = {}
    for month, stages in sorted([*of["data"].items(), *of["runs"].items()], key=lambda pair: pair[0]):
        for state in stages.values():
            if state["state"] == "stale" and month not in found.setdefault(state["why"], []):
                found[state["why"]].append(month)
    return found


def changes(of: dict) -> list[str]:
    """Return the run months in which another champion began to serve, newest first."""
    decided = [month for month, told in of["numbers"].items() if "champion" in told]
    pairs = zip([None, *decided], decided, strict=False)
    name = {month: of["numbers"][month]["champion"] for month in decided} | {None: None}
    return [month for before, month in pairs if name[before] != name[month]][::-1]
