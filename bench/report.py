"""What was measured: kept in results.json, shown as RESULTS.md and two plots. Nothing in these is written by hand."""

import argparse
import datetime
import importlib.metadata
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from measure import ROOT
from monthwise.base import files
from monthwise.job import provenance

PACKAGES = ("snakemake", "mlflow", "scikit-learn", "pandas", "pyarrow")

# backfill.py: the ways to build, and what they meet.
PLAIN, SKIPPING = "plain", "plain, skipping"
WARM, OFF = "monthwise, warm", "monthwise, MONTHWISE_WARM=0"
COLD, AGAIN, RESTATED = "cold", "again", "one month restated"
RECIPE, MONTH = "recipe changed", "one more month"
SCENARIOS = (COLD, AGAIN, RESTATED, RECIPE, MONTH)

# growth.py: what is measured of a number of run months.
EMPTY, PARSE, PLAN, RUN = "empty Snakefile", "parse", "plan", "run"
NOTHING, TOUCHED = "nothing to do", "nothing to do, all touched"


def conditions() -> dict:
    """Return date, command, commit, machine and versions of this measurement."""
    versions = {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    commit, clean = provenance.code_commit(ROOT)
    return {
        "date": datetime.date.today().isoformat(),
        "command": shlex.join(["bench/" + Path(sys.argv[0]).name, *sys.argv[1:]]),
        "commit": commit[:10] + ("" if clean == "true" else ", edited"),
        "machine": f"{len(os.sched_getaffinity(0))} cores, {memory_gb:.0f} GB, {platform.machine()}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--render", action="store_true", help="measure nothing, write the tables and plots again")
    parser.add_argument("--results", type=Path, default=ROOT / "bench", metavar="DIR", help="default: bench")


def save(folder: Path, part: str, measured: dict) -> None:
    """Write measurements into results.json, in place of those with the same names."""
    results = _read(folder)
    results.setdefault(part, {}).update(measured)
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(folder / "results.json", results)


def _read(folder: Path) -> dict:
    path = folder / "results.json"
    return files.read_json(path) if path.exists() else {}


def seconds(costs: dict, *names: str) -> list[float]:
    """Return the seconds of each round at `costs[name][name]...`; none where it was not measured."""
    for name in names:
        costs = costs.get(name, {})
    return [cost[0] for cost in costs]


def render(folder: Path) -> None:
    """Write RESULTS.md and the plots from results.json."""
    results = _read(folder)
    backfill = results.get("backfill", {})
    growth = dict(sorted(results.get("growth", {}).items(), key=lambda item: (item[1]["datasets"], item[1]["months"])))
    lines = ["# What `make bench` measured", "", "Written by bench/report.py from results.json.", "", *_aims(results)]
    lines += ["## Backfill", "", *BACKFILL_TEXT.splitlines(), "", "![cost of a backfill](cost.svg)", ""]
    for size in sorted(backfill.values(), key=lambda size: (size["rows"], size["run_months"])):
        lines += _size(size)
    lines += _about(backfill)
    lines += ["## Growth", "", *GROWTH_TEXT.splitlines(), "", "![cost by run months](growth.svg)", ""]
    lines += _growth(growth)
    (folder / "RESULTS.md").write_text("\n".join(lines))
    _plot_cost(backfill, folder / "cost.svg")
    _plot_growth(growth, folder / "growth.svg")


BACKFILL_TEXT = f"""\
Seconds: median (least to most) of the rounds, then the ratio to `{PLAIN}`. That does everything whatever has changed;
where it was not measured, `{AGAIN}` or `{COLD}` stands for it, as the same call. `{SKIPPING}` does what is missing or
older than what it was made from. `{RESTATED}` includes `./monthwise locate`. Memory is the peak of the sum over all
processes, pages that several of them share counted once (PSS) or as often (RSS)."""

GROWTH_TEXT = f"""\
Tiny months and a linear recipe: what is left is the cost of the workflow. Seconds, medians. `{PARSE}` is
`--list-rules`, `{PLAN}` a dry run of everything, `{RUN}` the whole build, warm."""


def _about(measured: dict[str, dict]) -> list[str]:
    """Return a line on date, commit, machine and versions for each group of measurements that share them."""
    names = {}
    for name, measurement in measured.items():
        facts = measurement["about"]
        parts = [facts["date"], f"commit {facts['commit']}", facts["machine"], facts["versions"]]
        parts.append(f"`{facts['command']}`")
        names.setdefault("; ".join(parts), []).append(name)
    return [f"{', '.join(those)}: {facts}.\n" for facts, those in names.items()]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


def _size(size: dict) -> list[str]:
    dataset, run_months = size["dataset"], size["run_months"]
    costs = {scenario: size["costs"][scenario] for scenario in SCENARIOS if scenario in size["costs"]}
    rounds = len(costs[COLD][WARM])
    title = f"{dataset}, {size['rows']:,} rows a month, {run_months} run months, rounds: {rounds}"
    title += "" if size.get("until_track", True) else "; with champions, scores and evidence"
    rows = []
    for way in (PLAIN, SKIPPING, WARM, OFF):
        if any(way in ways for ways in costs.values()):
            cold = costs[COLD].get(way)
            cpu = f"{statistics.median(cost[1] for cost in cold):.1f}" if cold else "-"
            peak = " / ".join(f"{max(cost[place] for cost in cold):,.0f}" for place in (2, 3)) if cold else "-"
            rows.append([way, *(_cell(costs, scenario, way) for scenario in costs), cpu, peak])
    head = ["", *(f"{scenario}, s" for scenario in costs), "CPU, cold, s", "peak MB, cold, PSS / RSS"]
    return [f"### {title}", "", *_table(head, rows), f"Months {size['files']}.", ""]


def _cell(costs: dict, scenario: str, way: str) -> str:
    # A changed recipe gives other runs in MLflow, as a cold start does; else most are found there, as again.
    plain = [(name, seconds(costs, name, PLAIN)) for name in (scenario, *([] if scenario == RECIPE else [AGAIN]), COLD)]
    stands_for, whole = next((name, taken) for name, taken in plain if taken)
    taken = seconds(costs, scenario, way)
    if not taken:
        if way == PLAIN:
            return f"as {stands_for}"
        return f"as {PLAIN}" if way == SKIPPING and scenario == COLD else "-"
    middle = statistics.median(taken)
    spread = f" ({min(taken):.2f} to {max(taken):.2f})" if len(taken) > 1 else ""
    return f"{middle:.2f}{spread}, {middle / statistics.median(whole):.2f}"


def _growth(growth: dict) -> list[str]:
    steps = (EMPTY, PARSE, PLAN, RUN, NOTHING, TOUCHED)
    rows = []
    for measured in growth.values():
        costs, jobs = measured["costs"], measured["jobs"]
        middle = {step: statistics.median(taken) for step in steps if (taken := seconds(costs, step))}
        a_job = [f"{1000 * middle[step] / jobs:.1f}" if step in middle else "-" for step in (PLAN, RUN)]
        peak = f"{max(cost[2] for cost in costs[RUN]):,.0f}" if RUN in costs else "-"
        times = [f"{middle[step]:.2f}" if step in middle else "-" for step in steps]
        rows.append([f"{measured['months']} x {measured['datasets']}", f"{jobs:,}", *times, *a_job, peak])
    head = ["run months x datasets", "jobs", *steps, f"ms a job, {PLAN}", f"ms a job, {RUN}", f"peak MB, {RUN}"]
    return [*_table(head, rows), *_about(growth)]


def _aims(results: dict) -> list[str]:
    rows = []
    for measure, limit, unit, value in _measured_aims(results):
        reached = "-" if value is None else "yes" if value <= limit else "**no**"
        rows.append(
            [measure, f"at most {limit:g} {unit}", "not measured" if value is None else f"{value:.2f}", reached]
        )
    head = ["measure, monthwise warm", "aim", "measured", "reached"]
    return ["## Aims", "", *_table(head, rows), "Clean and featurize on 20M rows: bench/clean_yellow.py.", ""]


def _measured_aims(results: dict) -> Iterator[tuple[str, float, str, float | None]]:
    """Yield measure, limit, unit and value, None where it was not measured."""

    def middle(*names: str) -> float | None:
        taken = seconds(results, *names)
        return statistics.median(taken) if taken else None

    def quotient(value: float | None, other: float | None, combine) -> float | None:
        return None if value is None or other is None else combine(value, other)

    for name, limit in (("green-12", 1.2), ("yellow-12", 0.7)):
        cold = [middle("backfill", name, "costs", COLD, way) for way in (WARM, PLAIN)]
        yield f"{name}, cold", limit, "of plain", quotient(*cold, lambda warm, plain: warm / plain)
    for months in ("12", "200"):
        both = [middle("growth", months, "costs", step) for step in (NOTHING, EMPTY)]
        yield (
            f"again, {months} months",
            1,
            "s above an empty Snakefile",
            quotient(*both, lambda again, empty: again - empty),
        )
    for scenario in (RESTATED, MONTH):
        yield f"green-12, {scenario}", 4, "s", middle("backfill", "green-12", "costs", scenario, WARM)
    four = results.get("growth", {}).get("200 x 4", {})
    plan = middle("growth", "200 x 4", "costs", PLAN)
    yield "200 months x 4 datasets, dry run", 2, "ms a job on top of 2 s", plan and 1000 * (plan - 2) / four["jobs"]
    peaks = [cost[2] for cost in _found(results, "backfill", "green-12", "costs", COLD, WARM)]
    yield "green-12, peak memory (PSS)", 1000, "MB", max(peaks, default=None)


def _found(results: dict, *names: str) -> list:
    for name in names:
        results = results.get(name, {})
    return list(results)


def _plot_cost(backfill: dict, path: Path) -> None:
    small = sorted(
        (size for size in backfill.values() if size["dataset"] == "green" and size.get("until_track", True)),
        key=lambda s: s["run_months"],
    )
    lines = {}
    for way in (PLAIN, WARM, OFF):
        taken = [(size["run_months"], seconds(size["costs"], COLD, way)) for size in small]
        lines[way] = [(run_months, statistics.median(rounds)) for run_months, rounds in taken if rounds]
    _plot(lines, path, "A cold backfill, 75,000 rows a month", log=False)


def _plot_growth(growth: dict, path: Path) -> None:
    single = [measured for measured in growth.values() if measured["datasets"] == 1]
    lines = {}
    for step in (EMPTY, PARSE, PLAN, RUN, NOTHING):
        taken = [(measured["months"], seconds(measured["costs"], step)) for measured in single]
        lines[step] = [(months, statistics.median(rounds)) for months, rounds in taken if rounds]
    _plot(lines, path, "One dataset, tiny months", log=True)


def _plot(lines: dict[str, list[tuple[int, float]]], path: Path, title: str, log: bool) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "monthwise"  # the same numbers give the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for name, points in lines.items():
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
    if log:
        axes.set(xscale="log", yscale="log")
    else:
        axes.set(xlim=(0, None), ylim=(0, None))
    ticks = sorted({months for points in lines.values() for months, _ in points})
    axes.set_xticks(ticks, map(str, ticks), minor=False)
    axes.set(xlabel="run months", ylabel="seconds", title=title)
    axes.grid(alpha=0.3)
    if ticks:
        axes.legend()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
