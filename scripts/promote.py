"""Decide who serves in a run month: the challenger, the reigning champion, or the model that config pins."""

import shutil
from typing import NamedTuple

from monthwise.base import files
from monthwise.base.exits import BadData
from monthwise.job import command_line
from monthwise.state import decisions


class Candidate(NamedTuple):
    """A model that may serve from a run month on, and what it did on that run's validation month."""

    month: str
    metrics: dict  # of metrics.json
    training: dict  # of training.json


def decide(
    month: str,
    promotion: dict,
    challenger: Candidate | None = None,
    comparison: dict | None = None,
    reign: dict | None = None,
    pinned: Candidate | None = None,
) -> dict:
    """Return champion.json of run month `month`, but for its service.

    `reign` is champion.json of the month before, None in the first month; `comparison` is there where both `reign` and
    `challenger` are. `promotion` are the settings of that name, with `pin_reason` where there is a pin.
    """
    if pinned:
        why = f"config pins the model of {pinned.month}: {promotion['pin_reason']}"
        decided = _serve(pinned, "model", "pinned", why, comparison)
        if reign and reign["champion"] == decided["champion"]:
            return _keep(reign, "pinned", why, comparison)
        return _with_since(month, reign, decided)
    if challenger is None:
        why = "there is no challenger, since the validation month is skipped"
        return _keep(reign, "no challenger", why, None)
    if reign is None:
        return _with_since(month, None, _first(challenger, promotion))
    refusal = _refusal(promotion, challenger, comparison)
    if refusal:
        return _keep(reign, "kept", refusal, comparison)
    better = comparison["difference"]
    why = (
        f"the challenger's error is {_than(better)} on {comparison['rows']:,} trips of {comparison['validation_month']}"
    )
    if promotion["policy"] == "always":
        why = f"policy is `always`: {why}"
    return _with_since(month, reign, _serve(challenger, "model", "promoted", why, comparison))


def _first(challenger: Candidate, promotion: dict) -> dict:
    """Return the decision of the first month, when the floor alone decides."""
    share, floor = _share_of_baseline(challenger), promotion["floor"]
    if share <= floor:
        why = f"the first one; its error is {share:.1%} of the naive baseline's, the floor is {floor:.1%}"
        return _serve(challenger, "model", "first", why, None)
    why = (
        f"the first challenger's error is {share:.1%} of the naive baseline's, more than the floor of"
        f" {floor:.1%}, so the naive baseline serves"
    )
    return _serve(challenger, "baseline", "baseline", why, None)


def _refusal(promotion: dict, challenger: Candidate, comparison: dict) -> str | None:
    """Return why the challenger does not take over, None where it does."""
    policy, floor, margin = promotion["policy"], promotion["floor"], promotion["margin"]
    if policy == "never":
        return "policy is `never`"
    if policy == "always":
        return None
    share, better, (low, high) = _share_of_baseline(challenger), comparison["difference"], comparison["interval"]
    if share > floor:
        return f"the challenger's error is {share:.1%} of the naive baseline's, more than the floor of {floor:.1%}"
    if better < margin:
        return f"the challenger's error is {_than(better)}, less than the margin of {margin:.1%} asks for"
    if promotion["interval"] and low <= 0:
        return f"the challenger's error is {_than(better)}, but that may be chance ({low:.1%} to {high:.1%})"
    worse = _worse_segment(promotion["segments"], comparison["by"])
    return f"the challenger is better on the whole, but {worse}" if worse else None


def _worse_segment(bound: dict, by: dict) -> str | None:
    if not bound:
        return None
    for kind, segments in sorted(by.items()):
        for name, segment in sorted(segments.items()):
            ours, theirs = segment["challenger_rmse_min"], segment["champion_rmse_min"]
            if segment["rows"] >= bound["rows"] and ours > theirs * (1 + bound["worse"]):
                return (
                    f"worse where {kind} is {name}: {ours:.3f} min instead of {theirs:.3f} on {segment['rows']:,} trips"
                )
    return None


def _share_of_baseline(challenger: Candidate) -> float:
    baseline = challenger.metrics["baseline_rmse_min"]
    return challenger.metrics["rmse_min"] / baseline if baseline else float("inf")


def _serve(candidate: Candidate, kind: str, decision: str, reason: str, comparison: dict | None) -> dict:
    metrics, training, is_model = candidate.metrics, candidate.training, kind == "model"
    return {
        "champion": {
            "month": candidate.month,
            "kind": kind,
            "recipe": training["recipe"] if is_model else None,
            "columns": training["columns"] if is_model else [],
        },
        "decision": decision,
        "reason": reason,
        "compared": _compared(comparison),
        "promised_rmse_min": metrics["rmse_min" if is_model else "baseline_rmse_min"],
        "promised_on": metrics["validation_month"],
        "promised_rows": metrics["rows"],
    }


def _keep(reign: dict, decision: str, reason: str, comparison: dict | None) -> dict:
    """Return the decision that the reigning champion stays; what it did last is what it promises."""
    promise = {key: reign[key] for key in ("promised_rmse_min", "promised_on", "promised_rows")}
    if comparison:
        promise = {
            "promised_rmse_min": comparison["champion"]["rmse_min"],
            "promised_on": comparison["validation_month"],
            "promised_rows": comparison["rows"],
        }
    kept = {"champion": reign["champion"], "since": reign["since"], "decision": decision, "reason": reason}
    return kept | promise | {"compared": _compared(comparison)}


def _compared(comparison: dict | None) -> dict | None:
    if comparison is None:
        return None
    return {
        "champion_month": comparison["champion_month"],
        "challenger_rmse_min": comparison["challenger"]["rmse_min"],
        "champion_rmse_min": comparison["champion"]["rmse_min"],
    } | {key: comparison[key] for key in ("difference", "interval", "rows", "days", "validation_month")}


def _with_since(month: str, reign: dict | None, decided: dict) -> dict:
    is_same = reign is not None and reign["champion"] == decided["champion"]
    return decided | {"since": reign["since"] if is_same else month}


def _than(better: float) -> str:
    return f"{abs(better):.2%} {'smaller' if better >= 0 else 'larger'} than the champion's"


def _candidate(month: str, paths: list[str]) -> Candidate | None:
    return Candidate(month, files.read_json(paths[0]), files.read_json(paths[1])) if paths else None


def main(job) -> str:
    settings = job.settings
    month, promotion = settings["month"], settings["promotion"]
    where = f"{settings['service']} {month}"
    pinned = _candidate(promotion["pin"], job.pinned) if promotion["pin"] else None
    reign = files.read_json(job.reign[0]) if job.reign else None
    comparison = files.read_json(job.comparison[0]) if job.comparison else None
    if comparison and reign and comparison["champion_month"] != reign["champion"]["month"]:
        raise BadData(f"{where}: {job.comparison[0]} is about another champion than {job.reign[0]}; rerun the command")
    decided = decide(month, promotion, _candidate(month, job.challenger), comparison, reign, pinned)

    if decided["decision"] == "pinned":
        _, _, model, baseline = job.pinned
    elif decided["decision"] in ("first", "promoted", "baseline"):
        _, _, model, baseline = job.challenger
    else:
        _, model, baseline = job.reign
    shutil.copyfile(baseline if decided["decision"] == "baseline" else model, job.model)
    shutil.copyfile(baseline, job.baseline)
    files.write_json(job.champion, decided | {"service": settings["service"], "month": month})
    return f"{where}: {decided['decision']}, {decisions.name(decided['champion'])} serves: {decided['reason']}"


if __name__ == "__main__":
    command_line.run(
        main,
        inputs=("challenger", "comparison", "reign", "pinned"),
        outputs=("champion", "model", "baseline"),
        many=("challenger", "comparison", "reign", "pinned"),
    )
