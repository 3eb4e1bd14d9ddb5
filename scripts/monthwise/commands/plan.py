"""`./monthwise plan`: print what `run` would do and why, month by month, and its cost; write logs/plan.json."""

import argparse
import os

from ..base import files, months, results
from ..config.settings import Settings
from ..runner import cost_estimate, publication, reasons
from ..runner.planning import Plan
from ..state.stage_states import PLAN
from ..workflow import stages, targets
from ..workflow.listing import located_months
from . import print_table


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Check the publisher, plan and print.

    Raises the error of `run` (exit code 64 or 78) if `run` would refuse. Returns 69 if the publisher does not answer.
    """
    plan = Plan(arguments, settings)
    plan.check_publisher(changes=False)
    plan.find_available()
    # The changes of the publisher are not recorded yet.
    changed = [targets.data_file(*dataset_month, "source.json") for dataset_month in plan.with_answer("changed")]
    requested = set(plan.all_files())
    plan.plan_jobs([path for path in changed if path in requested])
    if plan.limit_months(arguments.max_months):
        plan.find_available()
        plan.plan_jobs([path for path in changed if path in set(plan.all_files())])
    new = set(plan.with_answer("new")) | set(plan.with_answer("changed"))
    plan.jobs = [job for job in plan.jobs if job.rule != "locate" or (job.dataset, job.month) not in new]
    _print(plan)
    plan.write()
    if line := publication.failure(plan.answers):
        print(line)
    refusal = plan.refusal()
    if refusal:
        raise refusal
    return max(publication.exit_codes(plan.answers), default=os.EX_OK)


def _print(plan: Plan) -> None:
    rows: dict[tuple[str, str], tuple[list[str], set[reasons.Root]]] = {}
    for job in plan.jobs:
        rules, roots = rows.setdefault((job.month or "", job.dataset), ([], set()))
        rules.append(job.rule)
        roots |= plan.roots.get(job.number, set())
    order = list(stages.STAGES)
    if rows:
        table = [["dataset", "month", "jobs", "why"]]
        for (month, dataset), (rules, roots) in sorted(rows.items(), key=lambda row: row[0]):
            in_order = sorted(dict.fromkeys(rules), key=order.index)
            table.append([dataset, month, " ".join(in_order), reasons.in_words(roots)])
        print_table(table, left=True)
    for status, months_by_dataset in plan.missing().items():
        for dataset, missing in months_by_dataset.items():
            print(f"{dataset}: {status}: {months.in_words(missing)}")
    for lines in plan.rejected.values():
        for line in lines.values():
            print(line)
    for line in [*results.gaps(), *plan.stopped_chains(), *pruned(plan)]:
        print(line)
    cost = cost_estimate.cost(plan.calendars, plan.jobs, plan.arguments.jobs)
    if not plan.jobs:
        if not plan.with_answer("failed"):
            print("nothing to do")
        return
    known = f"{cost['known']:.0%} of the jobs were timed before (benchmarks/)"
    known += "" if cost["known"] == 1 else ", the others are estimated from rows"
    print(
        f"{cost['jobs']} jobs, {bytes_to_fetch(plan) / 1e6:,.1f} MB to fetch, {cost['cpu_s']:,.0f} s of work, about"
        f" {cost['wall_s']:,.0f} s on {plan.arguments.jobs} cores ({known}); {PLAN}"
    )


def bytes_to_fetch(plan: Plan) -> int:
    """Return the bytes of the months to fetch: as the publisher says, else those of the newest known month."""
    total = 0
    for job in plan.jobs:
        if job.rule == "ingest":
            facts = files.read_json_if_whole(targets.data_file(job.dataset, job.month, "source.json"))
            newest = located_months(job.dataset)
            facts = facts or (
                files.read_json_if_whole(targets.data_file(job.dataset, newest[-1], "source.json")) if newest else None
            )
            total += (facts or {}).get("size") or 0
    return total


def pruned(plan: Plan) -> list[str]:
    """Return one line for each pruned month that the jobs need again."""
    lines = []
    for job in plan.jobs:
        if job.rule == "ingest" and plan.calendars[job.dataset].is_closed_data(job.month):
            quality = targets.data_file(job.dataset, job.month, "quality.json")
            if os.path.exists(quality):
                lines.append(f"{job.subject} was pruned and would be fetched again: {plan.why(job)}")
    return lines
