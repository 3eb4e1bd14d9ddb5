"""The charts of index.html: errors, rows, drops, drift and durations over all months of a service."""

import statistics
from collections.abc import Callable
from itertools import pairwise

from markupsafe import Markup

from ..base import months
from ..workflow import stages
from . import charts
from .month_history import History

WORK = stages.by_layer()
SHOWN_DROPS, SHOWN_FEATURES = 6, 12  # reasons in the chart of drops, the last of them `other`; rows of the map of drift
# Lines of the chart of errors: class, and whose error it is.
LINES = {
    "challenger": "challenger of the next month, validation error",
    "champion": "champion, live error",
    "baseline": "its baseline, live error",
}
DRIFT_BOUNDS = (1.0, 2.0, 4.0, 8.0)  # times the noise; drift.py calls a feature drifted above the second


def span(found: dict) -> list[str]:
    """Return all months from the first to the last of those that are keys."""
    return months.span(min(found), max(found)) if found else []


def _linked(service: str, of: dict, part: str) -> Callable[[str], str | None]:
    """Return what gives the page of a month of `part` (or of the other one); None where there is neither."""
    other = "data" if part == "runs" else "runs"

    def link(month: str) -> str | None:
        for each in (part, other):
            if month in of[each]:
                return f"{each}/{service}/{month}.html"
        return None

    return link


def _chart(title: str, caption: str, svg: Markup, keys: dict[str, str], head: list[str], rows: list[list]) -> dict:
    """Return a chart: `keys` are class and name of what is drawn; the first cell of a row is a month and its link."""
    return {"title": title, "caption": caption, "svg": svg, "keys": keys, "head": head, "rows": rows}


def errors(service: str, of: dict, measured: dict[str, dict]) -> dict | None:
    """Return the errors on the trips of each month (standing.errors_by_month), with the reigns of champions."""
    if not measured:
        return None
    link, found = _linked(service, of, "runs"), span({**of["runs"], **measured})
    series = {name: [measured.get(month, {}).get(name) for month in found] for name in LINES}
    known = [value for values in series.values() for value in values if value is not None]
    low, high = min(known), max(known)
    pad = (high - low or 1) * 0.08
    frame = charts.Months(found, max(low - pad, 0), high + pad, "RMSE, min")
    champions = [of["numbers"].get(month, {}).get("champion") for month in found]
    frame.bands(champions)
    for name in ("baseline", "challenger", "champion"):  # the last one lies on top
        frame.line(name, series[name], dots=name == "champion")
    excess = {month: each["live_excess"] for month, each in of["numbers"].items() if "live_excess" in each}
    caption = "No month is scored yet."
    if excess:
        worst = max(excess, key=lambda month: abs(excess[month]))
        caption = f"Live error furthest from its validation error: {worst}, {excess[worst]:+.1%}."
    caption += " On the trips of each month; each band is the reign of one champion."
    rows = [
        [(month, link(month)), *(_minutes(values[index]) for values in series.values()), champions[index] or ""]
        for index, month in enumerate(found)
    ]
    head = ["month", *LINES, "served by"]
    return _chart("Error by month", caption, frame.svg(link), LINES, head, rows)


def _minutes(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def rows(service: str, of: dict, found: list[str]) -> dict | None:
    """Return rows kept and dropped."""
    link = _linked(service, of, "data")
    told = [of["rows"].get(month, {}) for month in found]
    kept = [each.get("rows_out") for each in told]
    dropped = [
        each["rows_in"] - each["rows_out"] if "rows_in" in each and "rows_out" in each else None for each in told
    ]
    if not any(kept):
        return None
    totals = [(out or 0) + (drop or 0) for out, drop in zip(kept, dropped, strict=True)]
    frame = charts.Months(found, 0, max(totals), "rows")
    frame.stacks({"plain": kept, "strong": dropped})
    known = [(value, month) for value, month in zip(kept, found, strict=True) if value]
    caption = f"From {min(known)[0]:,} rows in {min(known)[1]} to {max(known)[0]:,} in {max(known)[1]}."
    rows = [
        [
            (month, link(month)),
            *("" if value is None else f"{value:,}" for value in (out, drop)),
            each.get("verdict", ""),
        ]
        for month, each, out, drop in zip(found, told, kept, dropped, strict=True)
    ]
    keys, head = {"plain": "kept", "strong": "dropped"}, ["month", "kept", "dropped", "verdict"]
    return _chart("Rows by month", caption, frame.svg(link), keys, head, rows)


def drops(service: str, of: dict, found: list[str]) -> dict | None:
    """Return the share of dropped rows by reason."""
    link = _linked(service, of, "data")
    told = [of["rows"].get(month, {}) for month in found]
    names = sorted({name for each in told for name in each.get("drops", {})})
    layers = {name: [name] for name in names[:SHOWN_DROPS]}
    if len(names) > SHOWN_DROPS:
        layers |= {"other": names[SHOWN_DROPS - 1 :]}
        layers.pop(names[SHOWN_DROPS - 1])
    shares = {
        layer: [
            sum(each["drops"].get(name, 0) for name in of_layer) / max(each["rows_in"], 1) * 100
            if "rows_in" in each and "drops" in each
            else None
            for each in told
        ]
        for layer, of_layer in layers.items()
    }
    totals = [sum(values[index] or 0 for values in shares.values()) for index in range(len(found))]
    if not shares or not any(totals):
        return None
    frame = charts.Months(found, 0, max(totals), "% of rows")
    classes = {name: f"c{index}" for index, name in enumerate(layers)}
    frame.stacks({classes[name]: values for name, values in shares.items()})
    worst = max(zip(totals, found, strict=True))
    caption = f"Most in {worst[1]}: {worst[0]:.1f} % of its rows."
    rows = [
        [(month, link(month)), *("" if values[index] is None else f"{values[index]:.2f}" for values in shares.values())]
        for index, month in enumerate(found)
    ]
    keys = {classes[name]: name.replace("_", " ") for name in layers}
    head = ["month", *keys.values()]
    svg = frame.svg(link)
    return _chart("Dropped rows by reason", caption, svg, keys, head, rows)


def drift(service: str, of: dict, found: list[str]) -> dict | None:
    """Return drift by feature, in times of its noise."""
    link = _linked(service, of, "runs")
    told = [of["numbers"].get(month, {}).get("drift", {}) for month in found]
    last = next((each for each in reversed(told) if each), None)
    if not last:
        return None
    every = sorted({name for each in told for name in each}, key=lambda name: -last.get(name, 0))
    names = every[:SHOWN_FEATURES]
    values = {name: [each.get(name) for each in told] for name in names}
    newest = max(month for month, each in zip(found, told, strict=True) if each)
    caption = (
        f"Times the training window's own noise. Furthest in {newest}: {names[0]}, {last.get(names[0], 0):.1f} times."
    )
    caption += f" The furthest {len(names)} of {len(every)} features." if len(every) > len(names) else ""
    rows = [
        [(month, link(month)), *("" if each.get(name) is None else f"{each[name]:.2f}" for name in names)]
        for month, each in zip(found, told, strict=True)
    ]
    labels = ["below 1", *(f"{low:g} to {high:g}" for low, high in pairwise(DRIFT_BOUNDS))]
    keys = {f"h{kind}": label for kind, label in enumerate([*labels, f"{DRIFT_BOUNDS[-1]:g} and more"])}
    svg = charts.heat(found, values, DRIFT_BOUNDS, link)
    return _chart("Drift by feature", caption, svg, keys, ["month", *names], rows)


def durations(service: str, of: dict, history: History) -> dict[str, dict[str, float]]:
    """Return the seconds of each kind of work, by month."""
    found = {}
    for month in span({**of["data"], **of["runs"]}):
        took = history.took.get((service, month), {})
        seconds = {name: sum(took[stage].seconds for stage in layer if stage in took) for name, layer in WORK.items()}
        found[month] = {name: round(value, 2) for name, value in seconds.items()} if took else {}
    return found


def work(service: str, of: dict, durations: dict[str, dict[str, float]]) -> dict | None:
    """Return the seconds of each kind of work."""
    link = _linked(service, of, "runs")
    known = [each for each in durations.values() if each]
    if not known:
        return None
    classes = {name: f"c{index}" for index, name in enumerate(WORK)}
    frame = charts.Months(list(durations), 0, max(sum(each.values()) for each in known), "seconds")
    frame.stacks({classes[name]: [each.get(name) for each in durations.values()] for name in WORK})
    usual = {name: statistics.median(each[name] for each in known) for name in WORK}
    longest = max(usual, key=usual.get)
    caption = f"Longest: {longest}, {usual[longest]:.1f} of {sum(usual.values()):.1f} s in a usual month."
    rows = [
        [(month, link(month)), *(f"{each[name]:.1f}" if each else "" for name in WORK)]
        for month, each in durations.items()
    ]
    svg = frame.svg(link)
    keys = {classes[name]: name for name in WORK}
    return _chart("Duration of jobs", caption, svg, keys, ["month", *WORK], rows)
