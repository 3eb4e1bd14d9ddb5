"""Decide which model serves in a run month: the challenger, the current champion, or the model that config pins."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from monthwise.base import files, metric_values
from monthwise.base.exits import BadData
from monthwise.job import command_line
from monthwise.state import decisions

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from monthwise.base.file_types import (
        Champion,
        Compared,
        Comparison,
        Decision,
        Kind,
        LastError,
        Metrics,
        Model,
        Training,
    )


class Candidate(NamedTuple):
    """A model that may serve from a run month on, with its metrics on the validation month of that run."""

    month: str
    metrics: Metrics
    training: Training


def decide(
    month: str,
    promotion: Mapping[str, Any],
    challenger: Candidate | None = None,
    comparison: Comparison | None = None,
    previous: Champion | None = None,
    pinned: Candidate | None = None,
) -> Decision:
    """Return the content of champion.json for run month `month`, without its dataset.

    `previous` is champion.json of the month before, or None in the first month. `comparison` is given if `previous` and
    `challenger` are. `promotion` has the settings of that name, with `pin_reason` if a model is pinned. Raises
    ValueError if one of them is missing.
    """
    if pinned:
        reason = f"config pins the model of {pinned.month}: {promotion['pin_reason']}"
        if previous and previous["champion"] == _model(pinned, "model"):
            return _keep(previous, "pinned", reason, comparison)
        return _serve(month, pinned, "model", "pinned", reason, comparison)
    if previous is None:
        if challenger is None:
            raise ValueError(f"{month} has neither a challenger nor a champion before it")
        return _first(month, challenger, promotion)
    if challenger is None:
        reason = "there is no challenger, since the validation month is skipped"
        return _keep(previous, "no challenger", reason, None)
    if comparison is None:
        raise ValueError(f"challenger and champion of {month} are not compared")
    if refusal := _refusal(promotion, challenger, comparison):
        if previous["champion"]["kind"] == "model" or promotion["policy"] == "never":
            return _keep(previous, "kept", refusal, comparison)
        refusal += f"; the naive baseline serves on, now that of {month}"
        return _serve(month, challenger, "baseline", "baseline", refusal, comparison)
    where = f"{comparison['rows']:,} rows of {comparison['validation_month']}"
    reason = f"the challenger's error is {_than(comparison['difference'])} on {where}"
    if promotion["policy"] == "always":
        reason = f"policy is `always`: {reason}"
    return _serve(month, challenger, "model", "promoted", reason, comparison)


def _first(month: str, challenger: Candidate, promotion: Mapping[str, Any]) -> Decision:
    """Return the decision of the first month, which only depends on the floor."""
    share, floor = _share_of_baseline(challenger), promotion["floor"]
    if share <= floor:
        reason = f"the first one; its error is {share:.1%} of the naive baseline's, the floor is {floor:.1%}"
        return _serve(month, challenger, "model", "first", reason, None)
    reason = (
        f"the first challenger's error is {share:.1%} of the naive baseline's, more than the floor of"
        f" {floor:.1%}, so the naive baseline serves"
    )
    return _serve(month, challenger, "baseline", "baseline", reason, None)


def _refusal(promotion: Mapping[str, Any], challenger: Candidate, comparison: Comparison) -> str | None:
    """Return why the challenger is not promoted, or None if it is."""
    policy, floor, margin = promotion["policy"], promotion["floor"], promotion["margin"]
    if policy == "never":
        return "policy is `never`"
    if policy == "always":
        return None
    share, difference, (low, high) = _share_of_baseline(challenger), comparison["difference"], comparison["interval"]
    if share > floor:
        return f"the challenger's error is {share:.1%} of the naive baseline's, more than the floor of {floor:.1%}"
    if difference < margin:
        return f"the challenger's error is {_than(difference)}, less than the margin of {margin:.1%} asks for"
    if promotion["interval"] and low <= 0:
        return f"the challenger's error is {_than(difference)}, but that may be chance ({low:.1%} to {high:.1%})"
    worse_segment = _worse_segment(promotion["segments"], comparison)
    return f"the challenger is better on the whole, but {worse_segment}" if worse_segment else None


def _worse_segment(bound: Mapping[str, Any] | None, comparison: Comparison) -> str | None:
    if not bound:
        return None
    for kind, segments in sorted(comparison["by"].items()):
        for name, segment in sorted(segments.items()):
            challenger_error, champion_error = segment["challenger_error"], segment["champion_error"]
            if segment["rows"] >= bound["rows"] and challenger_error > champion_error * (1 + bound["worse"]):
                return (
                    f"worse where {kind} is {name}: {metric_values.with_unit(comparison, challenger_error)} instead of"
                    f" {champion_error:.3f} on {segment['rows']:,} rows"
                )
    return None


def _share_of_baseline(challenger: Candidate) -> float:
    baseline = metric_values.deciding(challenger.metrics, of_baseline=True)
    return metric_values.deciding(challenger.metrics) / baseline if baseline else float("inf")


def _serve(
    month: str, candidate: Candidate, kind: Kind, decision: str, reason: str, comparison: Comparison | None
) -> Decision:
    """Return the decision that a candidate is champion from run month `month` on."""
    metrics = candidate.metrics
    return {
        "champion": _model(candidate, kind),
        "decision": decision,
        "reason": reason,
        "since": month,
        "compared": _compared(comparison),
        "metric": metrics["metric"],
        "unit": metrics["unit"],
        "validation_error": metric_values.deciding(metrics, of_baseline=kind == "baseline"),
        "validation_month": metrics["validation_month"],
        "validation_rows": metrics["rows"],
    }


def _model(candidate: Candidate, kind: Kind) -> Model:
    is_model = kind == "model"
    return {
        "month": candidate.month,
        "kind": kind,
        "recipe": candidate.training["recipe"] if is_model else None,
        "columns": candidate.training["columns"] if is_model else [],
    }


def _keep(previous: Champion, decision: str, reason: str, comparison: Comparison | None) -> Decision:
    """Return the decision to keep the current champion; its last measured error is its validation error."""
    last: LastError = {
        "metric": comparison["metric"] if comparison else previous["metric"],
        "unit": comparison["unit"] if comparison else previous["unit"],
        "validation_error": _error_of(comparison, "champion") if comparison else previous["validation_error"],
        "validation_month": comparison["validation_month"] if comparison else previous["validation_month"],
        "validation_rows": comparison["rows"] if comparison else previous["validation_rows"],
    }
    return {
        **last,
        "champion": previous["champion"],
        "decision": decision,
        "reason": reason,
        "since": previous["since"],
        "compared": _compared(comparison),
    }


def _compared(comparison: Comparison | None) -> Compared | None:
    if comparison is None:
        return None
    return {
        "champion_month": comparison["champion_month"],
        "challenger_error": _error_of(comparison, "challenger"),
        "champion_error": _error_of(comparison, "champion"),
        "difference": comparison["difference"],
        "interval": comparison["interval"],
        "rows": comparison["rows"],
        "redrawn": comparison["redrawn"],
        "units": comparison["units"],
        "validation_month": comparison["validation_month"],
    }


def _error_of(comparison: Comparison, whose: Literal["challenger", "champion"]) -> float:
    return metric_values.value_of(comparison[whose], comparison["metric"])


def _than(difference: float) -> str:
    return f"{abs(difference):.2%} {'smaller' if difference >= 0 else 'larger'} than the champion's"


def _candidate(month: str, paths: list[str]) -> Candidate | None:
    return Candidate(month, files.read_json(paths[0]), files.read_json(paths[1])) if paths else None


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    month, promotion = settings["month"], settings["promotion"]
    label = f"{settings['dataset']} {month}"
    pinned = _candidate(promotion["pin"], job.pinned) if promotion["pin"] else None
    previous: Champion | None = files.read_json(job.previous[0]) if job.previous else None
    comparison: Comparison | None = files.read_json(job.comparison[0]) if job.comparison else None
    if comparison and previous and comparison["champion_month"] != previous["champion"]["month"]:
        paths = f"{job.comparison[0]} is about another champion than {job.previous[0]}"
        raise BadData(f"{label}: {paths}; rerun the command")
    decision = decide(month, promotion, _candidate(month, job.challenger), comparison, previous, pinned)

    if decision["decision"] == "pinned":
        _, _, model, baseline = job.pinned
    elif decision["decision"] in ("first", "promoted", "baseline"):
        _, _, model, baseline = job.challenger
    else:
        _, model, baseline = job.previous
    shutil.copyfile(baseline if decision["decision"] == "baseline" else model, job.model)
    shutil.copyfile(baseline, job.baseline)
    champion: Champion = {**decision, "dataset": settings["dataset"], "month": month}
    files.write_json(job.champion, champion)
    return f"{label}: {decision['decision']}, {decisions.name(decision['champion'])} serves: {decision['reason']}"


if __name__ == "__main__":
    command_line.run(
        main,
        inputs=("challenger", "comparison", "previous", "pinned"),
        outputs=("champion", "model", "baseline"),
        many=("challenger", "comparison", "previous", "pinned"),
    )
