"""`./monthwise plan`: what `run` would do and why, month by month, and what it will cost; writes logs/plan.json."""

import argparse
import os

from ..base import files, months, results
from ..config.settings import Settings
from ..runner import cost_estimate, publication, reasons
from ..runner.planning import PLAN, Turn
from ..workflow import stages, targets
from . import print_table


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Ask the publisher, plan, print; exit code 64 or 78 where `run` would refuse, 69 where nobody answers."""
    turn = Turn(arguments, settings)
    turn.look(changes=False)
    turn.find()
    # What the publisher changed is not written down yet.
    changed = [targets.data_file(*about, "source.json") for about in turn.in_state("changed")]
    asked = set(turn.files())
    turn.plan([path for path in changed if path in asked])
    if turn.cut(arguments.max_months):
        turn.find()
        turn.plan([path for path in changed if path in set(turn.files())])
    new = set(turn.in_state("new")) | set(turn.in_state("changed"))
    turn.jobs = [job for job in turn.jobs if job.rule != "locate" or (job.service, job.month) not in new]
    _print(turn)
    turn.write()
    if line := publication.failure(turn.asked):
        print(line)
    refusal = turn.refusal()
    if refusal:
        raise refusal
    return max((end.code for state, end in turn.asked.values() if state == "failed"), default=os.EX_OK)


def _print(turn: Turn) -> None:
    rows: dict[tuple[str, str], tuple[list[str], set[reasons.Root]]] = {}
    for job in turn.jobs:
        rules, roots = rows.setdefault((job.month or "", job.service), ([], set()))
        rules.append(job.rule)
        roots |= turn.roots.get(job.number, set())
    order = list(stages.STAGES)
    if rows:
        table = [["service", "month", "jobs", "why"]]
        for (month, service), (rules, roots) in sorted(rows.items(), key=lambda row: row[0]):
            in_order = sorted(dict.fromkeys(rules), key=order.index)
            table.append([service, month, " ".join(in_order), reasons.in_words(roots)])
        print_table(table, left=True)
    for what, by_service in turn.missing().items():
        for service, found in by_service.items():
            print(f"{service}: {what}: {months.in_words(found)}")
    for lines in turn.rejected.values():
        for line in lines.values():
            print(line)
    for line in [*results.gaps(), *turn.held_up(), *pruned(turn)]:
        print(line)
    cost = cost_estimate.cost(turn.settings, turn.jobs, turn.arguments.jobs)
    if not turn.jobs:
        if not turn.in_state("failed"):
            print("nothing to do")
        return
    known = f"{cost['known']:.0%} of the jobs were timed before (benchmarks/)"
    known += "" if cost["known"] == 1 else ", the others are estimated from rows"
    print(
        f"{cost['jobs']} jobs, {bytes_to_fetch(turn) / 1e6:,.1f} MB to fetch, {cost['cpu_s']:,.0f} s of work, about"
        f" {cost['wall_s']:,.0f} s on {turn.arguments.jobs} cores ({known}); {PLAN}"
    )


def bytes_to_fetch(turn: Turn) -> int:
    """Return the bytes of the months that are to be fetched, as far as the publisher says or neighbours tell."""
    found = 0
    for job in turn.jobs:
        if job.rule == "ingest":
            facts = files.read_json_if_whole(targets.data_file(job.service, job.month, "source.json"))
            newest = targets.located_months(job.service)
            facts = facts or (
                files.read_json_if_whole(targets.data_file(job.service, newest[-1], "source.json")) if newest else None
            )
            found += (facts or {}).get("size") or 0
    return found


def pruned(turn: Turn) -> list[str]:
    """Return one line for each month that was pruned and that the jobs need again."""
    lines = []
    for job in turn.jobs:
        if job.rule == "ingest" and turn.settings.is_closed_data(job.service, job.month):
            quality = targets.data_file(job.service, job.month, "quality.json")
            if os.path.exists(quality):
                lines.append(f"{job.about} was pruned and would be fetched again: {turn.why(job)}")
    return lines
