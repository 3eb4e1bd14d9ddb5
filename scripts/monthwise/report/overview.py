"""index.html: what needs a person, every month and stage, and charts over all months."""

import itertools
import statistics
from collections.abc import Callable
from pathlib import Path

from markupsafe import Markup, escape

from .. import months, standing, states
from ..settings import Settings
from . import charts, page
from .months_of import History

# State: class of its cell, symbol, what it means.
STATES = {
    "built": ("b", "✓", "as the settings, programs and published files ask for"),
    "stale": ("s", "↻", "something it was made from has changed: the next run builds it, or says why not"),
    "failed": ("f", "✕", "a job failed, or a file is not whole: needs a person"),
    "rejected": ("r", "⊘", "a rule of config refuses the published file: needs a person"),
    "waiting": ("w", "·", "nothing has asked for it yet, or what it needs is not there"),
    "not published": ("n", "○", "the publisher does not have the month yet"),
    "superseded": ("o", "⇢", "a file of before, that the settings no longer ask for"),
    "pruned": ("p", "▫", "deleted by prune; results and evidence stay"),
}
# Layers of the chart of durations.
WORK = {
    "fetch": ("locate", "ingest"),
    "clean, featurize": ("clean", "featurize"),
    "train": ("train",),
    "evaluate, score": ("evaluate", "score"),
    "track": ("track",),
    "decide, prove": ("compare", "promote", "drift", "evidence"),
}
DRIFT_BOUNDS = (1.0, 2.0, 4.0, 8.0)  # times the noise; drift.py calls a feature drifted above the second


def draw(folder: Path, settings: Settings, told: dict, history: History) -> None:
    """Draw index.html where anything in it changed."""
    services = told["services"]
    durations = {service: _durations(service, of, history) for service, of in services.items()}
    inputs = page.digest([told, durations])
    path = folder / "index.html"
    if page.is_drawn(path, inputs):
        return
    years = sorted({month[:4] for of in services.values() for month in _all_months(of)}, reverse=True)
    present = {state for of in services.values() for _, _, state in _cells(of)}
    page.draw(
        path,
        "index.html",
        inputs,
        told=told,
        is_empty=not any(_all_months(of) for of in services.values()),
        sections=[_section(service, of, durations[service]) for service, of in services.items()],
        years=years,
        states={state: STATES[state] for state in STATES if state in present},
        needs=[(service, need) for service, of in services.items() for need in of["needs"]],
        stale=[(service, why, found) for service, of in services.items() for why, found in standing.stale(of).items()],
    )


def _all_months(of: dict) -> list[str]:
    return sorted({*of["data"], *of["runs"]}, reverse=True)


def _cells(of: dict):
    for part in ("data", "runs"):
        for month, stages in of[part].items():
            for stage in stages:
                yield month, stage, stages[stage]["state"]


def _section(service: str, of: dict, durations: dict) -> dict:
    run_months = _span(of["runs"])
    data_months = _span(of["data"])
    made = [_errors(service, of, run_months), _rows(service, of, data_months), _drops(service, of, data_months)]
    made += [_drift(service, of, run_months), _work(service, of, durations)]
    return {
        "service": service,
        "line": of["line"],
        "matrix": Markup("".join(_row(service, month, of) for month in _all_months(of))),
        "count": len(_all_months(of)),
        "charts": [chart for chart in made if chart],
        "changes": [
            [(month, run_link(service, month))]
            + [of["numbers"][month].get(key, "") for key in ("champion", "decision", "reason")]
            for month in standing.changes(of)
        ],
    }


def _span(found: dict) -> list[str]:
    return months.span(min(found), max(found)) if found else []


# The matrix


def _row(service: str, month: str, of: dict) -> str:
    data, runs = of["data"].get(month, {}), of["runs"].get(month, {})
    told, rows = of["numbers"].get(month, {}), of["rows"].get(month, {})
    run_page, data_page = run_link(service, month), data_link(service, month)
    kinds = sorted({STATES[state["state"]][0] for state in (*data.values(), *runs.values())})
    cells = [_cell(data.get(stage), data_page, stage) for stage in states.DATA_STAGES]
    cells += [_cell(runs.get(stage), run_page, stage) for stage in states.RUN_STAGES]
    count = f"{rows['rows_out']:,}" if "rows_out" in rows else "data"
    link = f'<a href="{data_page}">{count}</a>' if data else ""
    numbers = [
        f"{told[name]:.2f}" if name in told else ""
        for name in ("promised_rmse_min", "live_rmse_min", "live_baseline_rmse_min")
    ]
    off = f"{told['off']:+.0%}" if "off" in told else ""
    champion = escape(told.get("champion", ""))
    return (
        f'<tr id="{service}-{month}" data-s="{"".join(kinds)}"><th scope=row>'
        f'<a href="{run_page if runs else data_page}">{month}</a><td class=num>{link}{"".join(cells)}'
        f"<td class=num>{numbers[0]}<td class=num>{numbers[1]}<td class=num>{off}<td class=num>{numbers[2]}"
        f"<td class=num>{champion}\n"
    )


def _cell(state: dict | None, link: str, stage: str) -> str:
    if state is None:
        return "<td>"
    name = state["state"]
    kind = STATES[name][0]
    if "why" not in state:
        return f"<td class={kind}>{name}"
    return f'<td class={kind}><a href="{link}#{stage}" title="{escape(state["why"])}">{name}</a>'


def _linked(service: str, of: dict, part: str) -> Callable[[str], str | None]:
    """Return what gives the page of a month of `part` (or of the other one); None where there is neither."""
    other = "data" if part == "runs" else "runs"

    def link(month: str) -> str | None:
        for each in (part, other):
            if month in of[each]:
                return f"{each}/{service}/{month}.html"
        return None

    return link


def run_link(service: str, month: str) -> str:
    """Return the page of a run month, seen from index.html."""
    return f"runs/{service}/{month}.html"


def data_link(service: str, month: str) -> str:
    """Return the page of a data month, seen from index.html."""
    return f"data/{service}/{month}.html"


# Charts


def _chart(title: str, caption: str, svg: Markup, keys: dict[str, str], head: list[str], rows: list[list]) -> dict:
    """Return a chart: `keys` are class and name of what is drawn; the first cell of a row is a month and its link."""
    return {"title": title, "caption": caption, "svg": svg, "keys": keys, "head": head, "rows": rows}


def _errors(service: str, of: dict, found: list[str]) -> dict | None:
    link = _linked(service, of, "runs")
    told = [of["numbers"].get(month, {}) for month in found]
    series = {
        "promised": [each.get("promised_rmse_min", each.get("rmse_min")) for each in told],
        "real": [each.get("live_rmse_min") for each in told],
        "naive": [each.get("live_baseline_rmse_min", each.get("baseline_rmse_min")) for each in told],
    }
    known = [value for values in series.values() for value in values if value is not None]
    if not known:
        return None
    low, high = min(known), max(known)
    pad = (high - low or 1) * 0.08
    frame = charts.Months(found, max(low - pad, 0), high + pad, "RMSE, min")
    champions = [each.get("champion") for each in told]
    frame.bands(champions)
    frame.line("naive", series["naive"])
    frame.line("promised", series["promised"])
    frame.line("real", series["real"], dots=True)
    off = [(abs(each["off"]), month, each["off"]) for month, each in zip(found, told, strict=True) if "off" in each]
    caption = f"Furthest from its promise: {max(off)[1]}, {max(off)[2]:+.1%}." if off else "No month is scored yet."
    caption += " Each band is the reign of one champion."
    rows = [
        [(month, link(month)), *(_minutes(values[index]) for values in series.values()), champions[index] or ""]
        for index, month in enumerate(found)
    ]
    keys = {"promised": "promised", "real": "real", "naive": "naive baseline"}
    head = ["month", "promised", "real", "naive", "served by"]
    return _chart("Error by month", caption, frame.svg(link), keys, head, rows)


def _minutes(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _rows(service: str, of: dict, found: list[str]) -> dict | None:
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


def _drops(service: str, of: dict, found: list[str]) -> dict | None:
    link = _linked(service, of, "data")
    told = [of["rows"].get(month, {}) for month in found]
    names = sorted({name for each in told for name in each.get("drops", {})})[:6]
    shares = {
        name: [
            each["drops"].get(name, 0) / max(each["rows_in"], 1) * 100
            if "rows_in" in each and "drops" in each
            else None
            for each in told
        ]
        for name in names
    }
    totals = [sum(values[index] or 0 for values in shares.values()) for index in range(len(found))]
    if not shares or not any(totals):
        return None
    frame = charts.Months(found, 0, max(totals), "% of rows")
    classes = {name: f"c{index}" for index, name in enumerate(names)}
    frame.stacks({classes[name]: values for name, values in shares.items()})
    worst = max(zip(totals, found, strict=True))
    caption = f"Most in {worst[1]}: {worst[0]:.1f} % of its rows."
    rows = [
        [(month, link(month)), *("" if values[index] is None else f"{values[index]:.2f}" for values in shares.values())]
        for index, month in enumerate(found)
    ]
    keys = {classes[name]: name.replace("_", " ") for name in names}
    head = ["month", *keys.values()]
    svg = frame.svg(link)
    return _chart("Dropped rows by reason", caption, svg, keys, head, rows)


def _drift(service: str, of: dict, found: list[str]) -> dict | None:
    link = _linked(service, of, "runs")
    told = [of["numbers"].get(month, {}).get("drift", {}) for month in found]
    last = next((each for each in reversed(told) if each), None)
    if not last:
        return None
    names = sorted({name for each in told for name in each}, key=lambda name: -last.get(name, 0))[:12]
    values = {name: [each.get(name) for each in told] for name in names}
    newest = max(month for month, each in zip(found, told, strict=True) if each)
    caption = (
        f"Times the training window's own noise. Furthest in {newest}: {names[0]}, {last.get(names[0], 0):.1f} times."
    )
    rows = [
        [(month, link(month)), *("" if each.get(name) is None else f"{each[name]:.2f}" for name in names)]
        for month, each in zip(found, told, strict=True)
    ]
    labels = ["below 1", *(f"{low:g} to {high:g}" for low, high in itertools.pairwise(DRIFT_BOUNDS))]
    keys = {f"h{kind}": label for kind, label in enumerate([*labels, f"{DRIFT_BOUNDS[-1]:g} and more"])}
    svg = charts.heat(found, values, DRIFT_BOUNDS, link)
    return _chart("Drift by feature", caption, svg, keys, ["month", *names], rows)


def _durations(service: str, of: dict, history: History) -> dict[str, dict[str, float]]:
    """Return the seconds of each kind of work, by month."""
    found = {}
    for month in _span({**of["data"], **of["runs"]}):
        took = history.took.get((service, month), {})
        seconds = {name: sum(took[stage].seconds for stage in stages if stage in took) for name, stages in WORK.items()}
        found[month] = {name: round(value, 2) for name, value in seconds.items()} if took else {}
    return found


def _work(service: str, of: dict, durations: dict[str, dict[str, float]]) -> dict | None:
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
