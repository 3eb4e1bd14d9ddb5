"""The page of each run month and of each data month."""

import functools
import operator
from collections.abc import Callable, Iterable
from pathlib import Path

from .. import months, states, targets
from ..config import ROOT
from ..scrub import scrub
from ..settings import Settings
from ..standing import number, text
from ..tree import Tree
from . import charts, page
from .months_of import History
from .overview import STATES
from .zone_map import Outlines

RUN_FILES = ("metrics.json", "comparison.json", "champion.json", "live.json", "drift.json", "training.json")
RUN_FILES += ("tracking.json", "evidence.json")
UP = "../../"  # from a page to report/
YEAR = 12  # months before a data month, that its distributions are set beside
TOGETHER_S = 6 * 3600  # jobs of one month that ended further apart than this were not built in one go
# What a part may have; month.html shows it in this order.
PART = ("broken", "told", "facts", "caption", "keys", "svg", "map", "errors_at", "trips_at", "figures", "head", "rows")
PART += ("is_open",)
SEGMENTS = {"borough": "Borough", "distance_mi": "Distance, mi", "hour": "Hour"}


def run_pages(folder: Path, settings: Settings, service: str, of: dict, history: History, tree: Tree) -> set[Path]:
    """Draw the pages of run months whose inputs changed; return all there should be."""
    found = set()
    outlines = _outlines(settings.describe(service), tree)
    quality = functools.cache(lambda month: tree.json(targets.data_file(service, month, "quality.json")))
    for month in of["runs"]:
        path = folder / "runs" / service / f"{month}.html"
        found.add(path)
        read = _data_of(settings, service, month)
        about = _about(service, month, of, history, "runs")
        about["rows"] = {each: of["rows"].get(each) for each in read}
        about["margin"] = settings.at(service, month)["promotion"]["margin"]
        about["url"] = settings.config["tracking"]["url"]
        files = [targets.run_file(service, month, name) for name in RUN_FILES]
        files += [targets.data_file(service, each, "quality.json") for each in read]
        inputs = page.digest([about, _hashes(files, tree), outlines and outlines[1]])
        if page.is_drawn(path, inputs):
            continue
        shown = {name.split(".")[0]: tree.json(targets.run_file(service, month, name)) for name in RUN_FILES}
        shown["quality"] = {each: quality(each) for each in read}
        parts = _Parts()
        parts.add("decision", "Decision", _decision, shown, about)
        parts.add("errors", "Errors by segment", _segments, shown)
        parts.add("calibration", "Predicted and real", _calibration, shown)
        if outlines:
            parts.add("map", "Map", _map, shown, outlines[0])
        parts.add("drift", "Drift", _drift, shown)
        parts.add("quality", "Its data", _quality, shown, service)
        parts.add("jobs", "Jobs", _jobs, about)
        parts.add("rebuilt", "Why it was built", _rebuilt, about)
        links = _links(service, month, shown, about["url"])
        page.draw(path, "month.html", inputs, **about, kind="Run month", parts_made=parts.made, links=links)
    return found


def data_pages(folder: Path, settings: Settings, service: str, of: dict, history: History, tree: Tree) -> set[Path]:
    """Draw the pages of data months whose inputs changed; return all there should be."""
    found = set()
    quality = functools.cache(lambda month: tree.json(targets.data_file(service, month, "quality.json")))
    readers: dict[str, list[str]] = {}
    for month in of["runs"]:
        for each in _data_of(settings, service, month):
            readers.setdefault(each, []).append(month)
    for month in of["data"]:
        path = folder / "data" / service / f"{month}.html"
        found.add(path)
        about = _about(service, month, of, history, "data")
        about["readers"] = readers.get(month, [])
        year = [each for each in months.span(months.shift(month, -YEAR), months.shift(month, -1)) if each in of["data"]]
        source = targets.data_file(service, month, "source.json")
        qualities = [targets.data_file(service, each, "quality.json") for each in (month, *year)]
        inputs = page.digest([about, _hashes([source, *qualities], tree)])
        if page.is_drawn(path, inputs):
            continue
        shown = {"source": tree.json(source), "quality": quality(month), "year": {each: quality(each) for each in year}}
        parts = _Parts()
        parts.add("published", "As published", _published, shown)
        parts.add("rows", "Rows", _row_counts, shown)
        parts.add("distributions", "Beside the year before", _distributions, shown)
        parts.add("readers", "Read by", _readers, about)
        parts.add("jobs", "Jobs", _jobs, about)
        parts.add("rebuilt", "Why it was built", _rebuilt, about)
        links = [("source.json", f"{UP}../{source}")] if shown["source"] else []
        links += [("quality.json", f"{UP}../{qualities[0]}")] if shown["quality"] else []
        page.draw(path, "month.html", inputs, **about, kind="Data month", parts_made=parts.made, links=links)
    return found


class _Parts:
    """The parts of a page; one whose files do not hold what they should says so, and the others stand."""

    def __init__(self):
        self.made: list[dict] = []

    def add(self, name: str, title: str, make: Callable[..., dict | None], *given: object) -> None:
        try:
            part = make(*given)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, ZeroDivisionError, OverflowError):
            part = {"broken": True}
        if part:
            self.made.append(dict.fromkeys(PART) | {"name": name, "title": title} | part)


def _data_of(settings: Settings, service: str, month: str) -> list[str]:
    """Return the data months of a run month, oldest first: to train on, to be measured on, and its own."""
    return sorted({*targets.data_months(settings, service, month), month})


def _about(service: str, month: str, of: dict, history: History, part: str) -> dict:
    """Return what all pages show: states, logs, benchmarks, reasons, and the months beside this one."""
    stages = states.DATA_STAGES if part == "data" else states.RUN_STAGES
    all_months = list(of[part])
    at = all_months.index(month)
    logs = history.logs.get((service, month), set())
    took = history.took.get((service, month), {})
    return {
        "service": service,
        "month": month,
        "before": all_months[at - 1] if at else None,
        "after": all_months[at + 1] if at + 1 < len(all_months) else None,
        "other": ("data" if part == "runs" else "runs") if month in of["data" if part == "runs" else "runs"] else None,
        "stages": [
            {
                "name": stage,
                "kind": STATES[state["state"]][0],
                "state": state["state"],
                "why": state.get("why"),
                "lines": state.get("lines") or [],
                "log": f"{UP}../logs/{stage}/{service}/{month}.log" if stage in logs else None,
            }
            for stage, state in of[part][month].items()
        ],
        "took": {stage: list(took[stage]) for stage in stages if stage in took},
        "reasons": _kept(history.reasons.get((service, month), []), stages),
    }


def _kept(reasons: list[dict], stages: Iterable[str]) -> list[dict]:
    """Return the calls that built one of `stages`, with these alone, newest first."""
    found = []
    for call in reasons:
        why = {reason: [each for each in made if each in stages] for reason, made in call["why"].items()}
        why = {reason: made for reason, made in why.items() if made}
        if why:
            found.insert(0, {"when": call["when"], "why": why})
    return found


def _hashes(paths: list[str], tree: Tree) -> list[str | None]:
    return [tree.sha256(path) for path in paths]


def _outlines(description: dict, tree: Tree) -> tuple[Outlines, str] | None:
    """Return the map of a service, and the hash of what it is drawn from; None where none is given."""
    if not description.get("outlines"):
        return None
    paths = [ROOT / description["outlines"], *([ROOT / description["zones"]] if description.get("zones") else [])]
    hashes = "".join(str(tree.sha256(str(path))) for path in paths)
    return _read_outlines(*map(str, paths)), hashes


@functools.cache
def _read_outlines(path: str, zones: str | None = None) -> Outlines:
    return Outlines(path, zones)


# Parts of a run month


def _decision(shown: dict, about: dict) -> dict | None:
    champion = shown["champion"]
    if not champion:
        return None
    serving = champion["champion"]
    name = f"the model of {serving['month']}" if serving["kind"] == "model" else "the naive baseline"
    told = [f"{champion['decision']}: {champion['reason']}"]
    facts = {"serves": name, "since": champion["since"], "recipe": serving.get("recipe")}
    facts |= {"promised": _minutes(champion["promised_rmse_min"]), "promised on": champion["promised_on"]}
    live, metrics = shown["live"] or {}, shown["metrics"] or {}
    facts["real"] = _minutes(live["rmse_min"]) if live else None
    facts["off"] = f"{live['off']:+.1%}" if live else None
    facts["naive baseline"] = _minutes((live or metrics).get("baseline_rmse_min"))
    part: dict = {"told": [scrub(line) for line in told], "facts": _known(facts)}
    if compared := champion.get("compared"):
        low, high = compared["interval"]
        part["svg"] = charts.interval(compared["difference"], low, high, number(about["margin"]))
        part["caption"] = (
            f"The challenger's error is {abs(compared['difference']):.2%}"
            f" {'smaller' if compared['difference'] >= 0 else 'larger'} than the champion's; with 95 % confidence"
            f" between {low:.2%} and {high:.2%}. The dashed line is the margin."
        )
        part["head"] = ["on the same trips", "RMSE, min"]
        trained = ", ".join((shown["training"] or {}).get("months", ["?"]))
        part["rows"] = [
            [f"challenger, trained on {trained}", _minutes(compared["challenger_rmse_min"])],
            [f"champion, the model of {compared['champion_month']}", _minutes(compared["champion_rmse_min"])],
            ["naive baseline", _minutes(metrics.get("baseline_rmse_min")) or ""],
            ["trips, days", f"{compared['rows']:,} of {compared['validation_month']}, {compared['days']}"],
        ]
    return part


def _segments(shown: dict) -> dict | None:
    metrics, live, comparison = ((shown[name] or {}).get("by", {}) for name in ("metrics", "live", "comparison"))
    figures = []
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
            table.append([name, *(_plain(value) for value in values.values()), *(_count(count) for count in counts)])
        worst = max(rows, key=lambda name: rows[name].get("challenger", rows[name].get("real", 0)))
        figures.append(
            {
                "title": SEGMENTS.get(kind, kind),
                "svg": charts.dots(rows, ("challenger", "champion", "real"), "min"),
                "caption": f"Largest error: {worst}.",
                "head": ["", "challenger", "champion", "real", "trips, M-1", "trips, M"],
                "rows": table,
            }
        )
    keys = {"challenger": "challenger on M-1", "champion": "champion on M-1", "real": "champion on M, real"}
    return {"figures": figures, "keys": keys} if figures else None


def _natural(name: str) -> tuple:
    first = name.split("-")[0]
    return (0, float(first), name) if first.replace(".", "", 1).isdigit() else (1, 0.0, name)


def _calibration(shown: dict) -> dict | None:
    figures = []
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
            figures.append(
                {
                    "title": title,
                    "svg": charts.square(counts, width),
                    "caption": "Predicted minutes up, real ones along; on the line they agree.",
                    "head": ["predicted, min", "trips", "real mean, min"],
                    "rows": means,
                }
            )
    return {"figures": figures} if figures else None


def _map(shown: dict, outlines: Outlines) -> dict | None:
    live = (shown["live"] or {}).get("zones")
    errors = live or (shown["metrics"] or {}).get("zones")
    if not errors:
        return None
    svg, errors_at, trips_at = outlines.draw(errors)
    ranked = sorted(errors.items(), key=lambda each: -each[1]["rows"])[:30]
    rows = [[outlines.names.get(zone, zone), f"{of['rows']:,}", _plain(of["rmse_min"])] for zone, of in ranked]
    return {
        "map": svg,
        "errors_at": [f"{bound:.1f}" for bound in errors_at],
        "trips_at": [f"{bound:,.0f}" for bound in trips_at],
        "caption": f"By pick-up zone, {'as M turned out' if live else 'the challenger on M-1'}.",
        "head": ["the 30 busiest zones", "trips", "RMSE, min"],
        "rows": rows,
    }


def _drift(shown: dict) -> dict | None:
    if not shown["drift"]:
        return None
    ranked, bound = shown["drift"]["ranked"], shown["drift"]["drifted_above"]
    ratios = {each["name"]: float(each["ratio"]) for each in ranked}
    drifted = [each["name"] for each in ranked if each["drifted"]]
    caption = f"Times the noise of {', '.join(shown['drift']['training_months'])}; drifted above {bound:g}: "
    return {
        "svg": charts.bars(ratios, {"bound": bound}, drifted),
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


def _quality(shown: dict, service: str) -> dict | None:
    rows = []
    for month, quality in shown["quality"].items():
        if not quality:
            rows.append([(month, None), "", "", "", "not there", ""])
            continue
        drops = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in quality["drops"].items() if count)
        rule = quality.get("rule")
        verdict = quality["verdict"] + (f" by {rule['name']} ({_plain(rule['number'])})" if rule else "")
        verdict += f", waived: {scrub(quality['waiver'])}" if quality.get("waiver") else ""
        link = f"{UP}data/{service}/{month}.html"
        counts = [_count(quality[key]) for key in ("rows_in", "rows_out", "duplicates")]
        rows.append([(month, link), *counts, verdict, drops])
    head = ["data month", "rows in", "rows out", "duplicates kept", "verdict", "dropped"]
    return {"head": head, "rows": rows, "is_open": True} if rows else None


def _jobs(about: dict) -> dict | None:
    took = about["took"]
    if not took:
        return None
    ends = {stage: end for stage, (end, _, _) in took.items()}
    together = max(ends.values()) - min(ends.values()) < TOGETHER_S
    rows, at = [], 0.0
    for stage, (end, seconds, memory) in took.items():
        start = end - seconds if together else at
        at = start + seconds
        rows.append((stage, start, at, f"{seconds:.1f} s" + (f", {memory:,.0f} MB" if memory else "")))
    caption = "Each job by the time at which it ended, from benchmarks/."
    if not together:
        caption = "These jobs ran hours apart: one after the other here, from benchmarks/."
    table = [
        [stage, f"{seconds:.2f}", f"{memory:,.0f}" if memory else ""] for stage, (_, seconds, memory) in took.items()
    ]
    return {
        "svg": charts.gantt(rows),
        "caption": caption,
        "head": ["stage", "seconds", "peak memory, MB"],
        "rows": table,
    }


def _rebuilt(about: dict) -> dict | None:
    rows = [
        [
            _time(call["when"]),
            ", ".join(made),
            "first built" if why == "missing" and call is about["reasons"][-1] else why,
        ]
        for call in about["reasons"]
        for why, made in call["why"].items()
    ]
    return {"head": ["run of", "stages", "why"], "rows": rows, "is_open": True} if rows else None


def _links(service: str, month: str, shown: dict, url: str | None) -> list[tuple[str, str]]:
    found = []
    for name in ("evidence.json", "champion.json", "metrics.json", "live.json"):
        if shown[name.split(".")[0]]:
            found.append((name, f"{UP}../{targets.run_file(service, month, name)}"))
    tracking = shown["tracking"] or {}
    run, experiment = text(tracking.get("run_id")), text(tracking.get("experiment_id"))
    if url and run and experiment and url.startswith(("http://", "https://")):
        found.append(("MLflow run", f"{scrub(url).rstrip('/')}/#/experiments/{experiment}/runs/{run}"))
    return found


# Parts of a data month


def _published(shown: dict) -> dict | None:
    source = shown["source"]
    if not source:
        return None
    facts = {
        key.replace("_", " "): (_count(value) if key in ("size", "rows") else scrub(value))
        for key, value in source.items()
        if key not in ("service", "month") and isinstance(value, (str, int, float)) and value != ""
    }
    return {"facts": facts}


def _row_counts(shown: dict) -> dict | None:
    quality = shown["quality"]
    if not quality:
        return None
    rule = quality.get("rule")
    facts = {"in": _count(quality["rows_in"]), "out": _count(quality["rows_out"]), "verdict": quality["verdict"]}
    facts["rule"] = f"{rule['name']}: {_plain(rule['number'])}, bound {_plain(rule['bound'])}" if rule else None
    facts["waived"] = scrub(quality["waiver"]) if quality.get("waiver") else None
    facts["duplicates kept"] = _count(quality["duplicates"])
    rows = [[f"dropped: {name.replace('_', ' ')}", _count(count)] for name, count in quality["drops"].items()]
    rows += [[f"made missing: {name.replace('_', ' ')}", _count(count)] for name, count in quality["repairs"].items()]
    rows += [
        [f"missing: {name.replace('_', ' ')}", f"{share:.2%}"]
        for name, share in quality["missing"].items()
        if number(share)
    ]
    return {"facts": _known(facts), "head": ["what", "rows"], "rows": rows, "is_open": True}


def _distributions(shown: dict) -> dict | None:
    found = (shown["quality"] or {}).get("distributions")
    if not found:
        return None
    figures = []
    for name, of in found.items():
        shares = _shares(of["counts"])
        year = [
            _shares(quality["distributions"][name]["counts"])
            for quality in shown["year"].values()
            if quality and name in quality.get("distributions", {})
        ]
        year = [each for each in year if len(each) == len(shares)]
        usual = [sum(each) / len(year) for each in zip(*year, strict=True)] if year else None
        if not any(shares):
            continue
        head = ["from", "trips", *(["usual share"] if usual else [])]
        rows = [
            [f"{of['first'] + of['width'] * index:g}", f"{count:,}", *([f"{usual[index]:.1%}"] if usual else [])]
            for index, count in enumerate(of["counts"])
        ]
        svg = charts.histogram(of["first"], of["width"], shares, usual)
        caption = f"Line: the mean of {len(year)} months before." if usual else "No month before to set it beside."
        title = name.replace("_mi", ", mi").replace("_min", ", min").replace("_", " ")
        figures.append({"title": title, "svg": svg, "caption": caption, "head": head, "rows": rows})
    return {"figures": figures} if figures else None


def _shares(counts: list) -> list[float]:
    total = sum(counts)
    return [count / total for count in counts] if total else [0.0] * len(counts)


def _readers(about: dict) -> dict | None:
    rows = [[(month, f"{UP}runs/{about['service']}/{month}.html")] for month in about["readers"]]
    return {"head": ["run month"], "rows": rows, "is_open": True} if rows else None


# Words


def _time(stamp: str) -> str:
    return stamp[:16].replace("T", " ") + " UTC"


def _known(facts: dict) -> dict:
    return {key: value for key, value in facts.items() if value not in (None, "")}


def _minutes(value: object) -> str | None:
    return f"{value:.3f} min" if number(value) is not None else None


def _plain(value: object) -> str:
    found = number(value)
    return "" if found is None else f"{found:,.3f}" if isinstance(found, float) else f"{found:,}"


def _count(value: object) -> str:
    found = number(value)
    return "" if found is None else f"{found:,}"
