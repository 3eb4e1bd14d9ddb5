"""The status of a directory, from files alone: the states and numbers of all months, and a summary in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from ..base import months, suggest
from ..base.redact import scrub
from ..config.settings import Settings
from ..data import quality_rules
from ..workflow import targets
from ..workflow.calendar import Calendar, Calendars
from . import calls, stage_states
from .artifacts import Tree

if TYPE_CHECKING:
    from ..base.file_types import (
        CallNeed,
        CurrentChampion,
        Need,
        Numbers,
        RowCounts,
        ServiceStatus,
        StageState,
        StageStates,
        States,
        Status,
    )

VERSION = 2  # of the content of report/status.json, described in docs/status.schema.json
NEED_A_PERSON: Final = ("failed", "rejected")


def status(calendars: Calendars, services: list[str], plan: Mapping[str, Any], tree: Tree) -> Status:
    """Return the content of report/status.json, except the time at which it is written."""
    status_by_service = {service: of_service(calendars[service], plan, tree) for service in services}
    return {
        "schema_version": VERSION,
        "looked": plan.get("looked") if isinstance(plan.get("looked"), str) else None,
        "last_run": calls.last_run(),
        "needs": calls.needs(status_by_service),
        "not_hashed": len(tree.not_hashed),
        "services": status_by_service,
    }


def of_service(calendar: Calendar, plan: Mapping[str, Any], tree: Tree) -> ServiceStatus:
    """Return the status of a service. `plan` is the result of stage_states.read_plan, or empty."""
    service, states = calendar.service, stage_states.of_service(calendar, plan, tree)
    for stages in (*states["data"].values(), *states["runs"].values()):
        for state in stages.values():
            if "why" in state:
                state["why"] = scrub(state["why"])
            if "lines" in state:
                state["lines"] = [scrub(log_line) for log_line in state["lines"]]
    numbers_by_month = {month: numbers(service, month, tree) for month in states["runs"]}
    champion = _champion(numbers_by_month)
    return {
        **states,
        "numbers": numbers_by_month,
        "rows": {month: rows(service, month, tree) for month in states["data"]},
        "champion": champion,
        "needs": needs(calendar.settings, states, numbers_by_month),
        "line": line(service, states["data"], numbers_by_month, champion),
    }


def numbers(service: str, month: str, tree: Tree) -> Numbers:
    """Return the known numbers of a run month: errors in minutes, trips, champion and its start, drift by feature.

    A validation error is measured on the validation month, a live error in the month itself. The champion is the
    current champion of the month. The baseline of a live error is the champion's own baseline.
    """

    def read(name: str) -> dict[str, Any]:
        return tree.json(targets.run_file(service, month, name)) or {}

    metrics, live, champion, drift = map(read, ("metrics.json", "live.json", "champion.json", "drift.json"))
    values: dict[str, object] = {
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
    values |= {name: text(champion.get(name)) for name in ("decision", "reason", "since")}
    current_champion = champion.get("champion")
    if isinstance(current_champion, dict) and current_champion.get("month"):
        values["champion"] = text(current_champion["month"]) if current_champion.get("kind") == "model" else "baseline"
    ranked = drift.get("ranked")
    if isinstance(ranked, list):
        pairs = (
            (text(feature.get("name")), number(feature.get("ratio"))) for feature in ranked if isinstance(feature, dict)
        )
        values["drift"] = {name: ratio for name, ratio in pairs if name and ratio is not None}
    if isinstance(metrics.get("warnings"), list):
        texts = [text(warning.get("text")) for warning in metrics["warnings"] if isinstance(warning, dict)]
        values["warnings"] = [warning_text for warning_text in texts if warning_text] or None
    return cast("Numbers", {name: value for name, value in values.items() if value is not None})


MEASURED = (
    "challenger: validation error of the model that was trained for the next month; champion: live error of the model"
    " that served; baseline: live error of its naive baseline"
)


def errors_by_month(service_status: ServiceStatus) -> dict[str, dict[str, float]]:
    """Return the errors that were measured on the trips of each month: `trips`, `challenger`, `champion`, `baseline`.

    All errors of a month are measured on the same trips, so they can be compared. MEASURED describes each error.
    """
    errors: dict[str, dict[str, float | None]] = {}
    for month, month_numbers in service_status["numbers"].items():
        validation = month_numbers.get("validation_month")
        if validation and months.is_month(validation) and "challenger_validation_rmse_min" in month_numbers:
            month_errors = errors.setdefault(validation, {})
            month_errors["challenger"] = month_numbers["challenger_validation_rmse_min"]
            month_errors.setdefault("trips", month_numbers.get("validation_trips"))
        if "champion_live_rmse_min" in month_numbers:
            month_errors = errors.setdefault(month, {})
            month_errors["trips"] = month_numbers.get("live_trips")
            month_errors["champion"] = month_numbers["champion_live_rmse_min"]
            month_errors["baseline"] = month_numbers.get("baseline_live_rmse_min")
    return {month: {name: value for name, value in errors[month].items() if value is not None} for month in errors}


def rows(service: str, month: str, tree: Tree) -> RowCounts:
    """Return the known numbers of a data month: rows in and out, drops by reason, the verdict and its rule."""
    quality = tree.json(targets.data_file(service, month, "quality.json")) or {}
    values: dict[str, object] = {name: number(quality.get(name)) for name in ("rows_in", "rows_out")}
    values["verdict"] = text(quality.get("verdict"))
    if isinstance(quality.get("rule"), dict):
        values["rule"] = text(quality_rules.in_words(quality["rule"]))
    if isinstance(quality.get("drops"), dict):
        values["drops"] = {str(name): count for name, count in quality["drops"].items() if number(count) is not None}
    return cast("RowCounts", {name: value for name, value in values.items() if value is not None})


def number(value: object) -> float | int | None:
    """Return a finite number unchanged; None for any other value of a file."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return value if math.isfinite(value) and abs(value) < 1e15 else None


def text(value: object) -> str | None:
    """Return a string, scrubbed (base/redact.py); None for any other value."""
    return scrub(value) if isinstance(value, str) else None


def _champion(numbers_by_month: Mapping[str, Numbers]) -> CurrentChampion | None:
    """Return the champion of the newest decided month, and the month of the last change; None if there is none."""
    decided = [month for month in numbers_by_month if "champion" in numbers_by_month[month]]
    if not decided:
        return None
    newest = numbers_by_month[decided[-1]]
    return {"month": decided[-1], "model": newest["champion"], "since": newest.get("since")}


def line(
    service: str, data: StageStates, numbers_by_month: Mapping[str, Numbers], champion: CurrentChampion | None
) -> str:
    """Return the status of a service in words; `data` holds the states of its data months."""
    parts = []
    if champion:
        champion_text = f"{champion['month']} is served by {_model(champion['model'])}{_since(champion)}"
        parts.append(champion_text + _validation(numbers_by_month[champion["month"]]))
    scored = [month for month in numbers_by_month if "champion_live_rmse_min" in numbers_by_month[month]]
    if scored:
        last = numbers_by_month[scored[-1]]
        excess = f", {_than_validation(last['live_excess'])}" if "live_excess" in last else ""
        trips = f" on {last['live_trips']:,} trips" if "live_trips" in last else ""
        model = _model(last.get("champion", "?"))
        parts.append(f"live error of {model} in {scored[-1]}: {last['champion_live_rmse_min']:.2f} min{trips}{excess}")
    located_states = {month: stages["locate"]["state"] for month, stages in data.items()}
    unpublished = [month for month, state in located_states.items() if state == "not published"]
    if unpublished:
        located = [month for month in located_states if month not in unpublished]
        for status, missing_months in months.not_published(unpublished, located).items():
            parts.append(f"{months.in_words(missing_months)} {'is' if len(missing_months) == 1 else 'are'} {status}")
    built_months = [month for month, state in located_states.items() if state == "built"]
    if not parts:
        parts.append(
            f"no champion yet, {len(built_months)} data months known" if built_months else "there is no month yet"
        )
    return f"{service}: " + "; ".join(parts)


def _model(name: str) -> str:
    return "the naive baseline" if name == "baseline" else f"the model of {name}"


def _since(champion: CurrentChampion) -> str:
    since = champion["since"]
    return f" since {since}" if since and since not in (champion["month"], champion["model"]) else ""


def _validation(month_numbers: Numbers) -> str:
    if "champion_validation_rmse_min" not in month_numbers:
        return ""
    on_month = (
        f" on {month_numbers['champion_validation_month']}" if "champion_validation_month" in month_numbers else ""
    )
    return f", validation error {month_numbers['champion_validation_rmse_min']:.2f} min{on_month}"


def _than_validation(excess: float) -> str:
    return f"{abs(excess):.1%} {'more' if excess > 0 else 'less'} than its validation error"


def needs(settings: Settings, states: States, numbers_by_month: Mapping[str, Numbers]) -> list[Need]:
    """Return what needs attention, newest month first."""
    alerts: list[Need] = []
    for month, stages in (*states["data"].items(), *states["runs"].items()):
        for stage, state in stages.items():
            if state["state"] in NEED_A_PERSON:
                alerts.append({"kind": state["state"], "month": month, "stage": stage, "text": _need(stage, state)})
    bound = settings.config.alarm.live_excess
    scored = [month for month, month_numbers in numbers_by_month.items() if "live_excess" in month_numbers]
    if bound is not None and scored and (excess := numbers_by_month[scored[-1]]["live_excess"]) > bound:
        message = f"the live error is {_than_validation(excess)}, above alarm.live_excess ({bound:.0%})"
        alerts.append({"kind": "live excess", "month": scored[-1], "stage": "score", "text": message})
    return sorted(alerts, key=lambda need: (need["month"], need["stage"]), reverse=True)


def all_needs(status: Status) -> list[tuple[str | None, Need | CallNeed]]:
    """Return all needs, each with its service; those of calls come first and have None as service."""
    call_needs: list[tuple[str | None, Need | CallNeed]] = [(None, need) for need in status["needs"]]
    return call_needs + [
        (service, need) for service, service_status in status["services"].items() for need in service_status["needs"]
    ]


def in_words(service: str | None, need: Need | CallNeed) -> str:
    """Return a need of all_needs in words."""
    return need["text"] if need["kind"] == "call" else f"{service} {need['month']}: {need['text']}"


def _need(stage: str, state: StageState) -> str:
    if state["state"] == "rejected":
        return f"rejected by {state['why']}: wait for a better file, or see the options in `{suggest.command('plan')}`"
    return f"{stage} failed: {state['why']}"


def stale(service_status: ServiceStatus) -> dict[str, list[str]]:
    """Return for each reason the months with a stale stage."""
    months_by_reason: dict[str, list[str]] = {}
    all_months = [*service_status["data"].items(), *service_status["runs"].items()]
    for month, stages in sorted(all_months, key=lambda month_stages: month_stages[0]):
        for state in stages.values():
            if state["state"] == "stale" and month not in months_by_reason.setdefault(state["why"], []):
                months_by_reason[state["why"]].append(month)
    return months_by_reason


def changes(service_status: ServiceStatus) -> list[str]:
    """Return the run months in which the champion changed, newest first."""
    decided = [
        (month, values["champion"]) for month, values in service_status["numbers"].items() if "champion" in values
    ]
    pairs = zip([None, *(champion for _, champion in decided)], decided, strict=False)
    return [month for previous, (month, champion) in pairs if champion != previous][::-1]
