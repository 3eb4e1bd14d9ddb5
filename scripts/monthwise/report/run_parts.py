"""The parts of the page of a run month, made from the contents of its files; a part is None if they are missing."""

import operator
import re
from collections.abc import Mapping
from typing import Any

from ..base import metric_values
from ..base.redact import scrub
from ..data import quality_rules
from ..state.summary import number
from . import figures
from .charts import say
from .page import UP
from .parts import Figure, Part, Row, Shown
from .place_map import Outlines
from .wording import error, heading, known, plain

SHOWN_PLACES = 30
LAST = ("missing", "others")  # segments that follow all others
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?")  # that the name of a band or of an hour begins with


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
    facts[f"its validation error, on {champion['validation_month']}"] = error(champion, champion["validation_error"])
    if live := shown["live"]:
        facts[f"its live error, in {month}"] = error(live, live[live["metric"]])
        facts["baseline, live error"] = error(live, live["baseline"].get(live["metric"]))
        facts["live excess"] = f"{live['live_excess']:+.1%}"
    part = Part(lines=[scrub(f"{champion['decision']}: {champion['reason']}")], facts=known(facts))
    if compared := champion.get("compared"):
        low, high = compared["interval"]
        part.svg = figures.interval(compared["difference"], low, high, number(margin))
        part.caption = (
            f"The challenger's error is {_smaller(compared['difference'])} than the champion's; with 95 % confidence"
            f" between {_smaller(low)} and {_smaller(high)}. Right of 0 it is smaller; the dashed line is the margin."
        )
        part.head = [f"on the same rows of {compared['validation_month']}", heading(champion)]
        trained = ", ".join((shown["training"] or {}).get("months", ["?"]))
        part.rows = [
            [f"challenger, trained on {trained}", error(champion, compared["challenger_error"]) or ""],
            [
                f"champion until then, the model of {compared['champion_month']}",
                error(champion, compared["champion_error"]) or "",
            ],
            ["baseline of the challenger", error(champion, _baseline_error(shown["metrics"])) or ""],
            [f"rows; redrawn {compared['redrawn']}", f"{compared['rows']:,}; {compared['units']:,}"],
        ]
    return part


def _baseline_error(metrics: Mapping[str, Any] | None) -> object:
    return (metrics or {}).get("baseline", {}).get((metrics or {}).get("metric"))


def all_errors(shown: Shown) -> Part | None:
    """Return a table of all errors: those of the models, each beside its baseline on the same rows."""
    rows: list[Row] = []
    names: list[str] = []
    for file, title in (("metrics", "challenger, validation"), ("live", "champion, live")):
        if measured := shown[file]:
            names = [name for name in metric_values.NAMES if name in measured]
            for whose, errors in ((title, measured), (f"baseline, {title.partition(', ')[2]}", measured["baseline"])):
                rows.append([whose, *(plain(errors.get(name)) for name in names)])
    head = ["", *(metric_values.NAMES[name] for name in names)]
    return Part(head=head, rows=rows) if rows else None


def warnings(shown: Shown) -> Part | None:
    """Return the warnings: differences of the validation month from the training window."""
    entries = (shown["metrics"] or {}).get("warnings")
    return Part(lines=[scrub(warning["text"]) for warning in entries]) if entries else None


def _smaller(share: float) -> str:
    """Return in words the share by which an error is smaller (0 or more) or larger (below 0) than another one."""
    return f"{abs(share):.2%} {'smaller' if share >= 0 else 'larger'}"


def validation_segments(shown: Shown) -> Part | None:
    """Return the validation errors by segment: challenger and champion on the same rows."""
    metrics, comparison = ((shown[name] or {}).get("by", {}) for name in ("metrics", "comparison"))
    errors = {
        kind: {
            name: {
                "challenger": segment.get((shown["metrics"] or {}).get("metric")),
                "champion": comparison.get(kind, {}).get(name, {}).get("champion_error"),
                "rows": segment.get("rows"),
            }
            for name, segment in segments.items()
        }
        for kind, segments in metrics.items()
    }
    before = (shown["comparison"] or {}).get("champion_month")
    keys = {"challenger": "challenger"} | ({"champion": f"champion, the model of {before}"} if before else {})
    return _segments(errors, keys, shown["metrics"])


def live_segments(shown: Shown) -> Part | None:
    """Return the champion's live errors by segment."""
    live = (shown["live"] or {}).get("by", {})
    errors = {
        kind: {
            name: {"champion": segment.get(shown["live"]["metric"]), "rows": segment.get("rows")}
            for name, segment in segments.items()
        }
        for kind, segments in live.items()
    }
    return _segments(errors, {"champion": "champion"}, shown["live"])


def _segments(
    errors: Mapping[str, Mapping[str, Mapping[str, Any]]], keys: Mapping[str, str], measured: Mapping[str, Any] | None
) -> Part | None:
    """Return a figure for each kind of segment; `errors` maps kind and segment to `rows` and the errors of `keys`."""
    segment_figures = []
    unit = metric_values.unit_of(measured) if measured else ""
    error_name = metric_values.NAMES[measured["metric"]] if measured else "error"
    for kind in sorted(errors):
        segments = {name: errors[kind][name] for name in sorted(errors[kind], key=_natural)}
        rows = {
            name: {key: segment[key] for key in keys if number(segment[key]) is not None}
            for name, segment in segments.items()
        }
        worst = max(rows, key=lambda name: next(iter(rows[name].values()), 0))
        segment_figures.append(
            Figure(
                title=kind.replace("_", " ").capitalize(),
                svg=figures.dots(rows, tuple(keys), unit),
                caption=f"Largest {error_name}: {worst}.",
                head=["", *(f"{key}, {unit}" if unit else key for key in keys), "rows"],
                rows=[[name, *(plain(segment[key]) for key in (*keys, "rows"))] for name, segment in segments.items()],
            )
        )
    return Part(figures=segment_figures, keys=keys) if segment_figures else None


def _natural(name: str) -> tuple[int, float, str]:
    if name in LAST:
        return 2, 0.0, name
    first = NUMBER.match(name)
    return (0, float(first[0]), name) if first else (1, 0.0, name)


def calibration(shown: Shown) -> Part | None:
    """Return predicted against actual targets: challenger on the validation month, champion in the month itself."""
    calibration_figures = []
    for name, title in (("metrics", "Challenger, validation"), ("live", "Champion, live")):
        measured = shown[name] or {}
        if "predicted_actual" in measured:
            calibration_figures.append(_predicted_actual(measured, title))
        if "calibration" in measured:
            calibration_figures += [_reliability(measured, title), _confusion(measured, title)]
    return Part(figures=calibration_figures) if calibration_figures else None


def _predicted_actual(measured: Mapping[str, Any], title: str) -> Figure:
    bins = measured["predicted_actual"]
    first, width, counts = bins["first"], bins["width"], bins["counts"]
    middle = [first + (actual + 0.5) * width for actual in range(len(counts))]
    means = [
        [
            f"{first + index * width:g} to {first + (index + 1) * width:g}",
            f"{sum(row):,}",
            say(sum(map(operator.mul, row, middle)) / sum(row)),
        ]
        for index, row in enumerate(counts)
        if sum(row)
    ]
    unit = f", {measured['unit']}" if measured["unit"] else ""
    return Figure(
        title=title,
        svg=figures.square(counts, width, first),
        caption="Predicted up, actual along; on the line they agree.",
        head=[f"predicted{unit}", "rows", f"actual mean{unit}"],
        rows=means,
    )


def _reliability(measured: Mapping[str, Any], title: str) -> Figure:
    bins = measured["calibration"]
    what = f"the probability of {measured['classes'][1]!r}" if measured["task"] == "binary" else "the predicted class"
    return Figure(
        title=f"{title}: reliability",
        svg=figures.reliability([(entry["predicted"], entry["actual"], entry["rows"]) for entry in bins]),
        caption=f"Predicted up, actual share along, for {what}; on the line they agree. Larger: more rows.",
        head=["mean probability", "rows", "actual share"],
        rows=[[f"{entry['predicted']:.3f}", f"{entry['rows']:,}", f"{entry['actual']:.3f}"] for entry in bins],
    )


def _confusion(measured: Mapping[str, Any], title: str) -> Figure:
    classes, counts = measured["classes"], measured["confusion"]
    right = sum(counts[code][code] for code in range(len(classes)))
    return Figure(
        title=f"{title}: confusion",
        svg=figures.confusion(counts, classes),
        caption=f"Predicted class down, actual class across; {right / max(sum(map(sum, counts)), 1):.1%} are right.",
        head=["predicted", *(f"actual {name}" for name in classes)],
        rows=[[name, *(f"{count:,}" for count in row)] for name, row in zip(classes, counts, strict=True)],
    )


def places(shown: Shown, outlines: Outlines) -> Part | None:
    """Return the map of errors by place: live errors if the month is scored, else validation errors."""
    is_live = bool((shown["live"] or {}).get("places"))
    measured = (shown["live"] if is_live else shown["metrics"]) or {}
    errors = measured.get("places")
    if not errors:
        return None
    svg, errors_at, rows_at = outlines.draw(errors, lambda value: metric_values.with_unit(measured, value, 2))
    ranked = sorted(errors.items(), key=lambda item: -item[1]["rows"])[:SHOWN_PLACES]
    place_heading = f"the {len(ranked)} busiest of {len(errors)} places" if len(errors) > len(ranked) else "place"
    whose = "the live error" if is_live else "the validation error of the challenger"
    rows = [
        [outlines.names.get(place, place), f"{place_errors['rows']:,}", plain(place_errors["error"])]
        for place, place_errors in ranked
    ]
    return Part(
        map=svg,
        errors_at=[f"{say(bound)} {metric_values.unit_of(measured)}".rstrip() for bound in errors_at],
        rows_at=[f"{bound:,.0f}" for bound in rows_at],
        caption=f"By place, {whose}: {heading(measured)}.",
        head=[place_heading, "rows", heading(measured)],
        rows=rows,
    )


def drift(shown: Shown) -> Part | None:
    """Return the features in order of their drift."""
    if not shown["drift"]:
        return None
    ranked, bound = shown["drift"]["ranked"], shown["drift"]["drifted_above"]
    ratios = {feature["name"]: float(feature["ratio"]) for feature in ranked}
    drifted = [feature["name"] for feature in ranked if feature["drifted"]]
    unseen = f"{shown['drift']['unseen_rows_share']:.2%} of the rows"
    caption = f"Times the noise of {', '.join(shown['drift']['training_months'])}; drifted above {bound:g}: "
    return Part(
        svg=figures.bars(ratios, {"bound": bound}, drifted),
        caption=caption + (", ".join(drifted) or "none") + ".",
        head=["feature", "distance", "noise", "times"],
        rows=[
            [feature["name"], *(f"{feature[key]:.4f}" for key in ("distance", "noise")), f"{feature['ratio']:.2f}"]
            for feature in ranked
        ],
        lines=[f"{unseen} have a value of the baseline's first feature that training lacks."],
    )


def quality(shown: Shown, dataset: str) -> Part | None:
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
        link = f"{UP}data/{dataset}/{month}.html"
        counts = [plain(month_quality[key]) for key in ("rows_in", "rows_out", "duplicates")]
        rows.append([(month, link), *counts, verdict, drops])
    head = ["data month", "rows in", "rows out", "duplicates kept", "verdict", "dropped"]
    return Part(head=head, rows=rows, is_open=True) if rows else None
