"""The status of a directory, from files alone: the states and numbers of all months, and a summary in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from ..base import metric_values, months, suggest
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
        DatasetStatus,
        Need,
        Numbers,
        RowCounts,
        StageState,
        StageStates,
        States,
        Status,
    )

VERSION = 3  # of the content of report/status.json, described in docs/status.schema.json
NEED_A_PERSON: Final = ("failed", "rejected")


def status(calendars: Calendars, datasets: list[str], plan: Mapping[str, Any], tree: Tree) -> Status:
    """Return the content of report/status.json, except the time at which it is written."""
    status_by_dataset = {dataset: of_dataset(calendars[dataset], plan, tree) for dataset in datasets}
    return {
        "schema_version": VERSION,
        "looked": plan.get("looked") if isinstance(plan.get("looked"), str) else None,
        "last_run": calls.last_run(),
        "needs": calls.needs(status_by_dataset),
        "not_hashed": len(tree.not_hashed),
        "datasets": status_by_dataset,
    }


def of_dataset(calendar: Calendar, plan: Mapping[str, Any], tree: Tree) -> DatasetStatus:
    """Return the status of a dataset. `plan` is the result of stage_states.read_plan, or empty."""
    dataset, states = calendar.dataset, stage_states.of_dataset(calendar, plan, tree)
    for stages in (*states["data"].values(), *states["runs"].values()):
        for state in stages.values():
            if "why" in state:
                state["why"] = scrub(state["why"])
            if "lines" in state:
                state["lines"] = [scrub(log_line) for log_line in state["lines"]]
    numbers_by_month = {month: numbers(dataset, month, tree) for month in states["runs"]}
    champion = _champion(numbers_by_month)
    return {
        **states,
        "numbers": numbers_by_month,
        "rows": {month: rows(dataset, month, tree) for month in states["data"]},
        "champion": champion,
        "needs": needs(calendar.settings, states, numbers_by_month),
        "line": line(dataset, states["data"], numbers_by_month, champion),
    }


def numbers(dataset: str, month: str, tree: Tree) -> Numbers:
    """Return the known numbers of a run month: errors, rows, champion and its start, drift by feature.

    A validation error is measured on the validation month, a live error in the month itself. The champion is the
    current champion of the month. The baseline of a live error is the champion's own baseline.
    """

    def read(name: str) -> dict[str, Any]:
        return tree.json(targets.run_file(dataset, month, name)) or {}

    metrics, live, champion, drift = map(read, ("metrics.json", "live.json", "champion.json", "drift.json"))
    source = live or champion or metrics
    is_known = text(source.get("metric")) in metric_values.NAMES
    values: dict[str, object] = {
        "metric": source["metric"] if is_known else None,
        "unit": text(source.get("unit")) or "" if is_known else None,
        "validation_month": text(metrics.get("validation_month")),
        "validation_rows": number(metrics.get("rows")),
        "challenger_validation_error": _deciding(metrics, metrics),
        "baseline_validation_error": _deciding(metrics, metrics.get("baseline")),
        "champion_validation_error": number(champion.get("validation_error")),
        "champion_validation_month": text(champion.get("validation_month")),
        "live_rows": number(live.get("rows")),
        "champion_live_error": _deciding(live, live),
        "baseline_live_error": _deciding(live, live.get("baseline")),
        "live_excess": number(live.get("live_excess")),
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
    values["warnings"] = _warnings(metrics.get("warnings"))
    return cast("Numbers", {name: value for name, value in values.items() if value is not None})


def _warnings(entries: object) -> list[str] | None:
    warnings = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [warning_text for warning in warnings if (warning_text := text(warning.get("text")))] or None


def _deciding(measured: Mapping[str, Any], errors: object) -> float | int | None:
    """Return the error that decides among `errors`; None if a file is not what it should be."""
    return number(errors.get(str(measured.get("metric")))) if isinstance(errors, dict) else None


MEASURED = (
    "challenger: validation error of the model that was trained for the next month; champion: live error of the model"
    " that served; baseline: live error of its naive baseline"
)


def errors_by_month(dataset_status: DatasetStatus) -> dict[str, dict[str, float]]:
    """Return the errors that were measured on the rows of each month: `rows`, `challenger`, `champion`, `baseline`.

    All errors of a month are measured on the same rows, so they can be compared. MEASURED describes each error.
    """
    errors: dict[str, dict[str, float | None]] = {}
    for month, month_numbers in dataset_status["numbers"].items():
        validation = month_numbers.get("validation_month")
        if validation and months.is_month(validation) and "challenger_validation_error" in month_numbers:
            month_errors = errors.setdefault(validation, {})
            month_errors["challenger"] = month_numbers["challenger_validation_error"]
            month_errors.setdefault("rows", month_numbers.get("validation_rows"))
        if "champion_live_error" in month_numbers:
            month_errors = errors.setdefault(month, {})
            month_errors["rows"] = month_numbers.get("live_rows")
            month_errors["champion"] = month_numbers["champion_live_error"]
            month_errors["baseline"] = month_numbers.get("baseline_live_error")
    return {month: {name: value for name, value in errors[month].items() if value is not None} for month in errors}


def rows(dataset: str, month: str, tree: Tree) -> RowCounts:
    """Return the known numbers of a data month: rows in and out, drops by reason, the verdict and its rule."""
    quality = tree.json(targets.data_file(dataset, month, "quality.json")) or {}
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
    dataset: str, data: StageStates, numbers_by_month: Mapping[str, Numbers], champion: CurrentChampion | None
) -> str:
    """Return the status of a dataset in words; `data` holds the states of its data months."""
    parts = []
    if champion:
        champion_text = f"{champion['month']} is served by {_model(champion['model'])}{_since(champion)}"
        parts.append(champion_text + _validation(numbers_by_month[champion["month"]]))
    scored = [month for month in numbers_by_month if "champion_live_error" in numbers_by_month[month]]
    if scored:
        last = numbers_by_month[scored[-1]]
        excess = f", {_than_validation(last['live_excess'])}" if "live_excess" in last else ""
        rows = f" on {last['live_rows']:,} rows" if "live_rows" in last else ""
        model = _model(last.get("champion", "?"))
        parts.append(f"live error of {model} in {scored[-1]}: {error(last, last['champion_live_error'])}{rows}{excess}")
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
    return f"{dataset}: " + "; ".join(parts)


def _model(name: str) -> str:
    return "the naive baseline" if name == "baseline" else f"the model of {name}"


def _since(champion: CurrentChampion) -> str:
    since = champion["since"]
    return f" since {since}" if since and since not in (champion["month"], champion["model"]) else ""


def _validation(month_numbers: Numbers) -> str:
    if "champion_validation_error" not in month_numbers:
        return ""
    on_month = (
        f" on {month_numbers['champion_validation_month']}" if "champion_validation_month" in month_numbers else ""
    )
    return f", validation error {error(month_numbers, month_numbers['champion_validation_error'])}{on_month}"


def error(month_numbers: Numbers, value: float) -> str:
    """Return an error of a month with its unit."""
    is_known = "metric" in month_numbers
    return metric_values.with_unit({"unit": "", **month_numbers}, value) if is_known else f"{value:.3f}"


def _than_validation(excess: float) -> str:
    return f"{abs(excess):.1%} {'more' if excess > 0 else 'less'} than its validation error"


def needs(settings: Settings, states: States, numbers_by_month: Mapping[str, Numbers]) -> list[Need]:
    """Return what needs attention, newest month first."""
    alerts: list[Need] = []
    for month, stages in (*states["data"].items(), *states["runs"].items()):
        for stage, state in stages.items():
            if state["state"] in NEED_A_PERSON:
                alerts.append({"kind": state["state"], "month": month, "stage": stage, "text": _need(stage, state)})
    bound = settings.config.alerts.live_excess
    scored = [month for month, month_numbers in numbers_by_month.items() if "live_excess" in month_numbers]
    if bound is not None and scored and (excess := numbers_by_month[scored[-1]]["live_excess"]) > bound:
        message = f"the live error is {_than_validation(excess)}, above alerts.live_excess ({bound:.0%})"
        alerts.append({"kind": "live excess", "month": scored[-1], "stage": "score", "text": message})
    return sorted(alerts, key=lambda need: (need["month"], need["stage"]), reverse=True)


def all_needs(status: Status) -> list[tuple[str | None, Need | CallNeed]]:
    """Return all needs, each with its dataset; those of calls come first and have None as dataset."""
    call_needs: list[tuple[str | None, Need | CallNeed]] = [(None, need) for need in status["needs"]]
    return call_needs + [
        (dataset, need) for dataset, dataset_status in status["datasets"].items() for need in dataset_status["needs"]
    ]


def in_words(dataset: str | None, need: Need | CallNeed) -> str:
    """Return a need of all_needs in words."""
    return need["text"] if need["kind"] == "call" else f"{dataset} {need['month']}: {need['text']}"


def _need(stage: str, state: StageState) -> str:
    if state["state"] == "rejected":
        return f"rejected by {state['why']}: wait for a better file, or see the options in `{suggest.command('plan')}`"
    return f"{stage} failed: {state['why']}"


def stale(dataset_status: DatasetStatus) -> dict[str, list[str]]:
    """Return for each reason the months with a stale stage."""
    months_by_reason: dict[str, list[str]] = {}
    all_months = [*dataset_status["data"].items(), *dataset_status["runs"].items()]
    for month, stages in sorted(all_months, key=lambda month_stages: month_stages[0]):
        for state in stages.values():
            if state["state"] == "stale" and month not in months_by_reason.setdefault(state["why"], []):
                months_by_reason[state["why"]].append(month)
    return months_by_reason


def changes(dataset_status: DatasetStatus) -> list[str]:
    """Return the run months in which the champion changed, newest first."""
    decided = [
        (month, values["champion"]) for month, values in dataset_status["numbers"].items() if "champion" in values
    ]
    pairs = zip([None, *(champion for _, champion in decided)], decided, strict=False)
    return [month for previous, (month, champion) in pairs if champion != previous][::-1]
