"""What machines and mails read: status.json, status.prom for node_exporter's textfile collector, summary.md."""

import datetime
import re
from collections import Counter
from pathlib import Path

from .. import files, standing
from ..turn import now

NEWEST = 6  # run months of a service in summary.md


def write(folder: Path, told: dict) -> None:
    """Write the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    files.replace_file(folder / "status.json", files.to_json(told | {"built": now()}))
    files.replace_file(folder / "status.prom", _metrics(told))
    files.replace_file(folder / "summary.md", summary(told).encode("utf-8", "replace"))


def _metrics(told: dict) -> bytes:
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(name: str, about: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"monthwise_{name}", about, labels, registry=registry)

    stages = gauge("stages", "Stages of all months in a state.", ("service", "state"))
    needs = gauge("needs_person", "What needs a person; without a service: a call of `run`.", ("service",))
    needs.labels("").set(len(told["needs"]))
    errors = {
        "promised_rmse_min": gauge(
            "promised_rmse_minutes", "Error promised for the newest decided month.", ("service",)
        ),
        "live_rmse_min": gauge("real_rmse_minutes", "Error in the newest scored month.", ("service",)),
    }
    champion = gauge("champion", "1 for who serves in the newest decided month.", ("service", "month", "model"))
    for service, of in told["services"].items():
        parts = (*of["data"].values(), *of["runs"].values())
        for state, count in sorted(Counter(stage["state"] for each in parts for stage in each.values()).items()):
            stages.labels(service, state).set(count)
        needs.labels(service).set(len(of["needs"]))
        for name, metric in errors.items():
            known = [numbers[name] for numbers in of["numbers"].values() if name in numbers]
            if known:
                metric.labels(service).set(known[-1])
        if of["champion"]:
            champion.labels(service, of["champion"]["month"], of["champion"]["model"]).set(1)
    last = told["last_run"]
    if last and last["end"] and last["code"] is not None:
        try:
            end = datetime.datetime.fromisoformat(last["end"]).timestamp()
        except ValueError:
            end = 0
        gauge("last_run_end_seconds", "When the last run ended, since 1970.").set(end)
        gauge("last_run_exit_code", "How it ended.").set(last["code"])
    gauge("report_seconds", "When this file was written, since 1970.").set_to_current_time()
    return generate_latest(registry)


def summary(told: dict) -> str:
    """Return how things stand as Markdown."""
    lines = ["# Monthwise", ""]
    for of in told["services"].values():
        lines.append(f"- {_plain(of['line'])}")
    needs = standing.all_needs(told)
    lines += ["", "## Needs a person", ""] if needs else ["", "Nothing needs a person."]
    lines += [f"- {_plain(standing.in_words(service, need))}" for service, need in needs[:50]]
    lines += [f"- and {len(needs) - 50} more" for _ in needs[50:51]]
    for service, of in told["services"].items():
        newest = sorted(of["numbers"], reverse=True)[:NEWEST]
        if newest:
            lines += ["", f"## {service}", "", "| month | served by | promised, min | real, min | off |"]
            lines += ["| --- | --- | ---: | ---: | ---: |"]
        for month in newest:
            known = of["numbers"][month]
            cells = [f"{known[name]:.3f}" if name in known else "" for name in ("promised_rmse_min", "live_rmse_min")]
            cells.append(f"{known['off']:+.1%}" if "off" in known else "")
            lines.append(f"| {month} | {_plain(known.get('champion', ''))} | {' | '.join(cells)} |")
    if told["last_run"]:
        lines += ["", f"Last run {_plain(told['last_run']['start'])}: {_plain(told['last_run']['line'])}"]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*\[\]<>|#])", r"\\\1", " ".join(str(text).split()))
