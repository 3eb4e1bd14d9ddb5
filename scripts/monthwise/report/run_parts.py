"""What the page of a run month shows, each part from the contents of its files; a part without them is None."""

import operator

from .. import quality_rules
from ..redact import scrub
from ..standing import number
from . import figures
from .page import UP
from .wording import known, minutes, plain
from .zone_map import Outlines

SEGMENTS = {"borough": "Borough", "distance_mi": "Distance, mi", "hour": "Hour"}


def decision(shown: dict, about: dict) -> dict | None:
    """Return who serves and why, and what was compared."""
    champion = shown["champion"]
    if not champion:
        return None
    serving = champion["champion"]
    name = f"the model of {serving['month']}" if serving["kind"] == "model" else "the naive baseline"
    told = [f"{champion['decision']}: {champion['reason']}"]
    facts = {"serves": name, "since": champion["since"], "recipe": serving.get("recipe")}
    facts |= {"promised": minutes(champion["promised_rmse_min"]), "promised on": champion["promised_on"]}
    live, metrics = shown["live"] or {}, shown["metrics"] or {}
    facts["real"] = minutes(live["rmse_min"]) if live else None
    facts["off"] = f"{live['off']:+.1%}" if live else None
    facts["naive baseline"] = minutes((live or metrics).get("baseline_rmse_min"))
    part: dict = {"told": [scrub(line) for line in told], "facts": known(facts)}
    if compared := champion.get("compared"):
        low, high = compared["interval"]
        part["svg"] = figures.interval(compared["difference"], low, high, number(about["margin"]))
        part["caption"] = (
            f"The challenger's error is {abs(compared['difference']):.2%}"
            f" {'smaller' if compared['difference'] >= 0 else 'larger'} than the champion's; with 95 % confidence"
            f" between {low:.2%} and {high:.2%}. The dashed line is the margin."
        )
        part["head"] = ["on the same trips", "RMSE, min"]
        trained = ", ".join((shown["training"] or {}).get("months", ["?"]))
        part["rows"] = [
            [f"challenger, trained on {trained}", minutes(compared["challenger_rmse_min"])],
            [f"champion, the model of {compared['champion_month']}", minutes(compared["champion_rmse_min"])],
            ["naive baseline", minutes(metrics.get("baseline_rmse_min")) or ""],
            ["trips, days", f"{compared['rows']:,} of {compared['validation_month']}, {compared['days']}"],
        ]
    return part


def warnings(shown: dict) -> dict | None:
    """Return what is unlike the training window in the validation month."""
    found = (shown["metrics"] or {}).get("warnings")
    return {"told": [scrub(each["text"]) for each in found]} if found else None


def segments(shown: dict) -> dict | None:
    """Return the errors by borough, distance and hour: promised and real."""
    metrics, live, comparison = ((shown[name] or {}).get("by", {}) for name in ("metrics", "live", "comparison"))
    made = []
    for kind in sorted({*metrics, *live}, key=lambda kind: list(SEGMENTS).index(kind) if kind in SEGMENTS else 9):
        rows: dict[str, dict[str, float]] = {}
        table = []
        for name in sorted({*metrics.get(kind, {}), *live.get(kind, {})}, key=_natural):
            trips = metrics.get(kind, {}).get(name, {})
            values = {
                "challenger": trips.get("rmse_min"),
                "champion": comparison.get(kind, {}).get(name, {}).get("champion_rmse_min"),
                "real": live.get(kind, {}).get(name, {}).get("rmse_min"),
            }
            rows[name] = {key: value for key, value in values.items() if number(value) is not None}
            counts = [trips.get("rows"), live.get(kind, {}).get(name, {}).get("rows")]
            table.append([name, *(plain(value) for value in values.values()), *(plain(count) for count in counts)])
        worst = max(rows, key=lambda name: rows[name].get("challenger", rows[name].get("real", 0)))
        made.append(
            {
                "title": SEGMENTS.get(kind, kind),
                "svg": figures.dots(rows, ("challenger", "champion", "real"), "min"),
                "caption": f"Largest error: {worst}.",
                "head": ["", "challenger", "champion", "real", "trips, M-1", "trips, M"],
                "rows": table,
            }
        )
    keys = {"challenger": "challenger on M-1", "champion": "champion on M-1", "real": "champion on M, real"}
    return {"figures": made, "keys": keys} if made else None


def _natural(name: str) -> tuple:
    first = name.split("-")[0]
    return (0, float(first), name) if first.replace(".", "", 1).isdigit() else (1, 0.0, name)


def calibration(shown: dict) -> dict | None:
    """Return predicted against real minutes, before and after."""
    made = []
    for name, title in (("metrics", "Challenger on M-1"), ("live", "Champion on M")):
        told = (shown[name] or {}).get("predicted_real")
        if told:
            counts, width = told["counts"], told["width_min"]
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
            made.append(
                {
                    "title": title,
                    "svg": figures.square(counts, width),
                    "caption": "Predicted minutes up, real ones along; on the line they agree.",
                    "head": ["predicted, min", "trips", "real mean, min"],
                    "rows": means,
                }
            )
    return {"figures": made} if made else None


def zones(shown: dict, outlines: Outlines) -> dict | None:
    """Return the map, by the month itself where it is scored."""
    live = (shown["live"] or {}).get("zones")
    errors = live or (shown["metrics"] or {}).get("zones")
    if not errors:
        return None
    svg, errors_at, trips_at = outlines.draw(errors)
    ranked = sorted(errors.items(), key=lambda each: -each[1]["rows"])[:30]
    rows = [[outlines.names.get(zone, zone), f"{of['rows']:,}", plain(of["rmse_min"])] for zone, of in ranked]
    return {
        "map": svg,
        "errors_at": [f"{bound:.1f}" for bound in errors_at],
        "trips_at": [f"{bound:,.0f}" for bound in trips_at],
        "caption": f"By pick-up zone, {'as M turned out' if live else 'the challenger on M-1'}.",
        "head": ["the 30 busiest zones", "trips", "RMSE, min"],
        "rows": rows,
    }


def drift(shown: dict) -> dict | None:
    """Return the features by how far they drifted."""
    if not shown["drift"]:
        return None
    ranked, bound = shown["drift"]["ranked"], shown["drift"]["drifted_above"]
    ratios = {each["name"]: float(each["ratio"]) for each in ranked}
    drifted = [each["name"] for each in ranked if each["drifted"]]
    caption = f"Times the noise of {', '.join(shown['drift']['training_months'])}; drifted above {bound:g}: "
    return {
        "svg": figures.bars(ratios, {"bound": bound}, drifted),
        "caption": caption + (", ".join(drifted) or "none") + ".",
        "head": ["feature", "distance", "noise", "times"],
        "rows": [
            [each["name"], *(f"{each[key]:.4f}" for key in ("distance", "noise")), f"{each['ratio']:.2f}"]
            for each in ranked
        ],
        "told": [
            f"{shown['drift']['unseen_pairs_share']:.2%} of the trips are between zones that never met in training."
        ],
    }


def quality(shown: dict, service: str) -> dict | None:
    """Return what became of the rows of each data month."""
    rows = []
    for month, quality in shown["quality"].items():
        if not quality:
            rows.append([(month, None), "", "", "", "not there", ""])
            continue
        drops = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in quality["drops"].items() if count)
        rule = quality.get("rule")
        verdict = quality["verdict"] + (f" by {scrub(quality_rules.in_words(rule))}" if rule else "")
        verdict += f", waived: {scrub(quality['waiver'])}" if quality.get("waiver") else ""
        link = f"{UP}data/{service}/{month}.html"
        counts = [plain(quality[key]) for key in ("rows_in", "rows_out", "duplicates")]
        rows.append([(month, link), *counts, verdict, drops])
    head = ["data month", "rows in", "rows out", "duplicates kept", "verdict", "dropped"]
    return {"head": head, "rows": rows, "is_open": True} if rows else None
