"""The parts of the page of a run month, made from the contents of its files; a part is None if they are missing."""

import operator
from collections.abc import Mapping
from typing import Any

from ..base.redact import scrub
from ..data import quality_rules
from ..state.summary import number
from . import figures
from .page import UP
from .parts import Figure, Part, Row, Shown
from .wording import known, minutes, plain
from .zone_map import Outlines

SHOWN_ZONES = 30
SEGMENTS = {"borough": "Borough", "distance_mi": "Distance, mi", "hour": "Hour"}


def decision(shown: Shown, month: str, margin: object) -> Part | None:
    """Return the current champion, the reason of the decision, and the comparison beside the required `margin`."""
    champion = shown["champion"]
    if not champion:
        return None
    current_champion = champion["champion"]
    champion_name = (
        f"the model of {current_champion['month']}" if current_champion["kind"] == "model" else "the naive baseline"
    )
    facts = {"serves": champion_name, "since": champion["since"], "recipe": current_champion.get("recipe")}
    facts[f"its validation error, on {champion['promised_on']}"] = minutes(champion["promised_rmse_min"])
    if live := shown["live"]:
        facts[f"its live error, in {month}"] = minutes(live["rmse_min"])
        facts["baseline, live error"] = minutes(live.get("baseline_rmse_min"))
        facts["live excess"] = f"{live['off']:+.1%}"
    part = Part(lines=[scrub(f"{champion['decision']}: {champion['reason']}")], facts=known(facts))
    if compared := champion.get("compared"):
        low, high = compared["interval"]
        part.svg = figures.interval(compared["difference"], low, high, number(margin))
        part.caption = (
            f"The challenger's error is {_smaller(compared['difference'])} than the champion's; with 95 % confidence"
            f" between {_smaller(low)} and {_smaller(high)}. Right of 0 it is smaller; the dashed line is the margin."
        )
        part.head = [f"on the same trips of {compared['validation_month']}", "RMSE, min"]
        trained = ", ".join((shown["training"] or {}).get("months", ["?"]))
        part.rows = [
            [f"challenger, trained on {trained}", minutes(compared["challenger_rmse_min"]) or ""],
            [
                f"champion until then, the model of {compared['champion_month']}",
                minutes(compared["champion_rmse_min"]) or "",
            ],
            ["baseline of the challenger", minutes((shown["metrics"] or {}).get("baseline_rmse_min")) or ""],
            ["trips, days", f"{compared['rows']:,}, {compared['days']}"],
        ]
    return part


def warnings(shown: Shown) -> Part | None:
    """Return the warnings: differences of the validation month from the training window."""
    entries = (shown["metrics"] or {}).get("warnings")
    return Part(lines=[scrub(warning["text"]) for warning in entries]) if entries else None


def _smaller(share: float) -> str:
    """Return in words the share by which an error is smaller (0 or more) or larger (below 0) than another one."""
    return f"{abs(share):.2%} {'smaller' if share >= 0 else 'larger'}"


def validation_segments(shown: Shown) -> Part | None:
    """Return the validation errors by borough, distance and hour: challenger and champion on the same trips."""
    metrics, comparison = ((shown[name] or {}).get("by", {}) for name in ("metrics", "comparison"))
    errors = {
        kind: {
            name: {
                "challenger": segment.get("rmse_min"),
                "champion": comparison.get(kind, {}).get(name, {}).get("champion_rmse_min"),
                "trips": segment.get("rows"),
            }
            for name, segment in segments.items()
        }
        for kind, segments in metrics.items()
    }
    before = (shown["comparison"] or {}).get("champion_month")
    keys = {"challenger": "challenger"} | ({"champion": f"champion, the model of {before}"} if before else {})
    return _segments(errors, keys)


def live_segments(shown: Shown) -> Part | None:
    """Return the champion's live errors by borough, distance and hour."""
    live = (shown["live"] or {}).get("by", {})
    errors = {
        kind: {
            name: {"champion": segment.get("rmse_min"), "trips": segment.get("rows")}
            for name, segment in segments.items()
        }
        for kind, segments in live.items()
    }
    return _segments(errors, {"champion": "champion"})


def _segments(errors: Mapping[str, Mapping[str, Mapping[str, Any]]], keys: Mapping[str, str]) -> Part | None:
    """Return a figure for each kind of segment; `errors` maps kind and segment to `trips` and the errors of `keys`."""
    segment_figures = []
    for kind in sorted(errors, key=lambda kind: list(SEGMENTS).index(kind) if kind in SEGMENTS else 9):
        segments = {name: errors[kind][name] for name in sorted(errors[kind], key=_natural)}
        rows = {
            name: {key: segment[key] for key in keys if number(segment[key]) is not None}
            for name, segment in segments.items()
        }
        worst = max(rows, key=lambda name: next(iter(rows[name].values()), 0))
        segment_figures.append(
            Figure(
                title=SEGMENTS.get(kind, kind),
                svg=figures.dots(rows, tuple(keys), "min"),
                caption=f"Largest error: {worst}.",
                head=["", *(f"{key}, min" for key in keys), "trips"],
                rows=[[name, *(plain(segment[key]) for key in (*keys, "trips"))] for name, segment in segments.items()],
            )
        )
    return Part(figures=segment_figures, keys=keys) if segment_figures else None


def _natural(name: str) -> tuple[int, float, str]:
    first = name.split("-")[0]
    return (0, float(first), name) if first.replace(".", "", 1).isdigit() else (1, 0.0, name)


def calibration(shown: Shown) -> Part | None:
    """Return predicted against real minutes: challenger on the validation month, champion in the month itself."""
    calibration_figures = []
    for name, title in (("metrics", "Challenger, validation"), ("live", "Champion, live")):
        trip_counts = (shown[name] or {}).get("predicted_real")
        if trip_counts:
            counts, width = trip_counts["counts"], trip_counts["width_min"]
            middle = [(real + 0.5) * width for real in range(len(counts))]
            means = [
                [
                    f"{index * width:g} to {(index + 1) * width:g}",
                    f"{sum(row):,}",
                    f"{sum(map(operator.mul, row, middle)) / sum(row):.1f}",
                ]
                for index, row in enumerate(counts)
                if sum(row)
            ]
            calibration_figures.append(
                Figure(
                    title=title,
                    svg=figures.square(counts, width),
                    caption="Predicted minutes up, real ones along; on the line they agree.",
                    head=["predicted, min", "trips", "real mean, min"],
                    rows=means,
                )
            )
    return Part(figures=calibration_figures) if calibration_figures else None


def zones(shown: Shown, outlines: Outlines) -> Part | None:
    """Return the map of errors by zone: live errors if the month is scored, else validation errors."""
    live = (shown["live"] or {}).get("zones")
    errors = live or (shown["metrics"] or {}).get("zones")
    if not errors:
        return None
    svg, errors_at, trips_at = outlines.draw(errors)
    ranked = sorted(errors.items(), key=lambda item: -item[1]["rows"])[:SHOWN_ZONES]
    zone_heading = f"the {len(ranked)} busiest of {len(errors)} zones" if len(errors) > len(ranked) else "zone"
    rows = [
        [outlines.names.get(zone, zone), f"{zone_errors['rows']:,}", plain(zone_errors["rmse_min"])]
        for zone, zone_errors in ranked
    ]
    return Part(
        map=svg,
        errors_at=[f"{bound:.1f}" for bound in errors_at],
        trips_at=[f"{bound:,.0f}" for bound in trips_at],
        caption=f"By pick-up zone, {'the live error' if live else 'the validation error of the challenger'}.",
        head=[zone_heading, "trips", "RMSE, min"],
        rows=rows,
    )


def drift(shown: Shown) -> Part | None:
    """Return the features in order of their drift."""
    if not shown["drift"]:
        return None
    ranked, bound = shown["drift"]["ranked"], shown["drift"]["drifted_above"]
    ratios = {feature["name"]: float(feature["ratio"]) for feature in ranked}
    drifted = [feature["name"] for feature in ranked if feature["drifted"]]
    caption = f"Times the noise of {', '.join(shown['drift']['training_months'])}; drifted above {bound:g}: "
    return Part(
        svg=figures.bars(ratios, {"bound": bound}, drifted),
        caption=caption + (", ".join(drifted) or "none") + ".",
        head=["feature", "distance", "noise", "times"],
        rows=[
            [feature["name"], *(f"{feature[key]:.4f}" for key in ("distance", "noise")), f"{feature['ratio']:.2f}"]
            for feature in ranked
        ],
        lines=[
            f"{shown['drift']['unseen_pairs_share']:.2%} of the trips are between zones that never met in training."
        ],
    )


def quality(shown: Shown, service: str) -> Part | None:
    """Return the row counts and the verdict of each data month."""
    rows: list[Row] = []
    for month, month_quality in shown["quality"].items():
        if not month_quality:
            rows.append([(month, None), "", "", "", "not there", ""])
            continue
        drops = ", ".join(
            f"{name.replace('_', ' ')} {count:,}" for name, count in month_quality["drops"].items() if count
        )
        rule = month_quality.get("rule")
        verdict = month_quality["verdict"] + (f" by {scrub(quality_rules.in_words(rule))}" if rule else "")
        verdict += f", waived: {scrub(month_quality['waiver'])}" if month_quality.get("waiver") else ""
        link = f"{UP}data/{service}/{month}.html"
        counts = [plain(month_quality[key]) for key in ("rows_in", "rows_out", "duplicates")]
        rows.append([(month, link), *counts, verdict, drops])
    head = ["data month", "rows in", "rows out", "duplicates kept", "verdict", "dropped"]
    return Part(head=head, rows=rows, is_open=True) if rows else None
