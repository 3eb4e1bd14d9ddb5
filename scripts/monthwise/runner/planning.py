"""What is due now: what the publisher says, which files can be asked for, which jobs that takes and why."""

import argparse
import os
from collections.abc import Iterable, Sequence

from ..base import clock, exits, files, months, suggest
from ..base.text import first_few
from ..config.layers import merge
from ..config.settings import Settings
from ..job import placeholders
from ..state.stage_states import PLAN
from ..workflow import availability, stages, targets
from . import advice, alerts, cost_estimate, estimators, publication, reasons
from .events import UPDATED, Job
from .snakemake import Snakemake

LONG_AGO = 12_000  # months


class Turn:
    """One look at everything that is due; with a range in `arguments`, at its run months."""

    def __init__(self, arguments: argparse.Namespace, settings: Settings):
        self.arguments, self.given = arguments, settings
        self.services = settings.choose(arguments.service)
        self.looked = clock.now()
        self.is_redo = bool(arguments.range and arguments.redo)  # until that is done
        self.asked: dict[tuple[str, str], publication.Answer] = {}
        self.due: dict[str, availability.Due] = {}
        self.jobs: list[Job] = []
        self.roots: dict[str, set[reasons.Root]] = {}
        self.rejected: dict[str, dict[str, str]] = {}
        self.blocked: dict[str, set[str]] = {}  # data months that cannot be read
        # Data months that a job failed on, and that are left for the next call.
        self.faulty: set[tuple[str, str]] = set()

    # What the publisher says

    def look(self, changes: bool) -> None:
        """Ask the publisher about the months that matter; write source.json where `changes` allows it."""
        recheck = self.arguments.recheck
        asked = []
        for service in self.services:
            if self.arguments.range:
                known = set(targets.located_months(service))
                needed = availability.data_months(self.given, service, self.arguments.range)
                if recheck is None and self.given.config["source"] == "https":
                    again = []
                else:
                    again = publication.rechecked(self.given, [month for month in needed if month in known], recheck)
                asked += [(service, month) for month in needed if month not in known or month in again]
            else:
                asked += [(service, month) for month in publication.due_months(self.given, service, recheck)]
        self.asked = publication.ask(self.given, asked, changes)
        self._settle(changes)

    def in_state(self, state: str) -> list[tuple[str, str]]:
        """Return service and month of what was asked and is `new`, `changed`, `not published` or `failed`."""
        return [about for about, (found, _) in self.asked.items() if found == state]

    def _settle(self, changes: bool) -> None:
        """Fix what is out: no month counts as published because of the calendar, now that the publisher was asked."""
        changed: dict[str, object] = {}
        if self.given.config["source"] == "https":
            new = [] if changes else [month for _, month in self.in_state("new")]
            known = [month for service in self.services for month in targets.located_months(service)]
            lag = LONG_AGO
            if new and max(new) > max(known, default=""):
                lag = len(months.span(max(new), months.today())) - 1
            changed["publisher"] = {"lag": max(lag, 0)}
        if self.arguments.range:
            changed |= {"first": self.arguments.range[0], "last": self.arguments.range[-1]}
        config = merge(self.arguments.config, changed)
        settings = Settings(self.arguments.configfile, config)
        self.services = [service for service in self.services if availability.run_months(settings, service)]
        if self.services:
            config |= {"services": self.services}
            settings = Settings(self.arguments.configfile, config)
        self.settings = settings
        environment = alerts.without_secrets(dict(os.environ))
        self.snakemake = Snakemake(suggest.typed(config), self.arguments.configfile, self.arguments.jobs, environment)

    # What can be asked for

    def find(self) -> None:
        """Find what can be asked for, with what is rejected by now left out."""
        not_published = set(self.in_state("not published"))
        for service in self.services:
            run_months = (
                self.due[service].months if service in self.due else availability.run_months(self.settings, service)
            )
            needed = availability.data_months(self.settings, service, run_months)
            found = availability.rejected(service, needed)
            unknown = {
                month
                for month in needed
                if (service, month) in not_published or self.asked.get((service, month), ("",))[0] == "failed"
                if not os.path.exists(targets.data_file(service, month, "source.json"))
            }
            unknown |= {month for month in needed if (service, month) in self.faulty}
            self.blocked[service] = unknown | found.keys()
            self.rejected[service] = {
                month: advice.on_rejected(self.given, quality, self.blocked[service])
                for month, quality in found.items()
            }
            held = dict.fromkeys(unknown, availability.NOT_PUBLISHED) | self.rejected[service]
            self.due[service] = availability.find(self.settings, service, run_months, held)

    def data(self) -> list[str]:
        """Return the files up to quality.json."""
        return [path for found in self.due.values() for path in found.data]

    def files(self) -> list[str]:
        """Return all files that can be asked for."""
        return [path for found in self.due.values() for path in found.files]

    def plan(self, forced: Sequence[str] = ()) -> None:
        """Find the jobs that all files take, and why; `forced`: source.json of months that the publisher changed."""
        asked, forced = self.files(), [*forced, *self.forced()]
        self.jobs = self.snakemake.plan(asked, forced) if asked else []
        # Snakemake compares the content of what is newer than what was made from it: that of a stub is not known here.
        while unknown := placeholders.among({path for job in self.jobs for path in job.reasons().get(UPDATED, ())}):
            placeholders.bring(unknown)
            self.jobs = self.snakemake.plan(asked, forced)
        changed = self.in_state("changed")
        restated = {targets.data_file(*about, "source.json"): self.asked[about][1] or "" for about in changed}
        self.roots = reasons.roots(self.settings, self.jobs, restated)

    def forced(self) -> list[str]:
        """Return what is built again although nothing changed: the months of a range with --redo."""
        if not self.is_redo:
            return []
        names = ("model.skops", "champion.json", "drift.json")
        asked = set(self.files())
        paths = (
            targets.run_file(service, month, name)
            for service in self.services
            for month in self.arguments.range
            for name in names
        )
        return [path for path in paths if path in asked]

    def cut(self, max_months: int | None) -> bool:
        """Leave only the oldest run months that have something to do; return whether any was left out."""
        if max_months is None:
            return False
        is_cut = False
        for service, found in self.due.items():
            busy = {job.month for job in self.jobs if job.service == service and job.rule in stages.RUN}
            months_due = [month for month in found.months if month in busy]
            if len(months_due) > max_months:
                last = months_due[max_months - 1]
                found.months = [month for month in found.months if month <= last]
                is_cut = True
        return is_cut

    # What must not be done unasked

    def refusal(self) -> exits.Exit | None:
        """Return why the jobs must not run: closed months, or more done months than `run.max_rebuild`, built again.

        Raises WrongConfig if a recipe refuses its parameters.
        """
        trained = [(job.service, job.month) for job in self.jobs if job.rule == "train"]
        estimators.insist_on_parameters(self.settings, trained)
        again: dict[str, set[reasons.Root]] = {}
        for job in self.jobs:
            if job.month is None or job.rule not in stages.RUN or not all(map(os.path.exists, job.outputs)):
                continue
            causes = {root for root in self.roots[job.number] if root.kind in reasons.ASKED_FOR}
            if causes:
                again.setdefault(job.about, set()).update(causes)
        if not again:
            return None
        why = first_few(sorted(map(str, set().union(*again.values()))), 3)
        closed = [about for about in again if self.settings.is_closed_run(about.split()[1])]
        if closed:
            month = self.settings.config["history"]["closed_before"]
            return exits.WrongConfig(
                f"{len(closed)} closed run months ({_span(closed)}) would be rebuilt ({why}); revert it, and add"
                f" an entry to `changes` in config/config.yaml: {{from: {month}, reason: ..., ...}}"
            )
        bound = self.settings.config["run"]["max_rebuild"]
        if len(again) <= bound or self.arguments.redo:
            return None
        newest = months.shift(max(about.split()[1] for about in again), 1)
        return exits.WrongUsage(
            f"{len(again)} finished run months ({_span(again)}) would be rebuilt ({why}), more than run.max_rebuild"
            f" ({bound}); add --redo to rebuild them, or keep them as they are:"
            f" `{suggest.command('accept')}` checks and records them once, `history: {{closed_before: {newest}}}` in"
            f" config/config.yaml closes them for good; to change a setting from a given month on, add an entry to"
            f" `changes`"
        )

    # In words

    def why(self, job: Job) -> str:
        """Return in words why a job runs."""
        return reasons.in_words(self.roots.get(job.number, ()))

    def held_up(self) -> list[str]:
        """Return one line for each service whose chain of champions stops, with the config line that goes on."""
        lines = []
        for service, found in self.due.items():
            if not found.stops:
                continue
            data_month = found.held[found.stops]
            is_rejected = data_month in self.rejected[service]
            newest = max(self._published(service), default="")
            is_unknown = self.asked.get((service, data_month), ("",))[0] == "failed"
            if is_rejected or (data_month < newest and not is_unknown):
                ways = advice.on_missing(self.given, service, data_month, self.blocked[service])
                lines.append(
                    f"{service}: no champion is decided from {found.stops} on, {data_month} is"
                    f" {'rejected' if is_rejected else 'not published'}: wait for it{ways}"
                )
        return lines

    def waiting(self) -> dict[str, list[str]]:
        """Return for each service the data months that are needed, or come next, and are not published."""
        found: dict[str, list[str]] = {}
        for service, month in self.in_state("not published"):
            if not os.path.exists(targets.data_file(service, month, "source.json")):  # it was, and was taken away since
                found.setdefault(service, []).append(month)
        return found

    def missing(self) -> dict[str, dict[str, list[str]]]:
        """Return what `waiting` does by what the months are: holes, or not published yet, in words; then by service."""
        found: dict[str, dict[str, list[str]]] = {}
        for service, waiting in self.waiting().items():
            for what, listed in months.not_published(waiting, self._published(service)).items():
                found.setdefault(what, {})[service] = listed
        return found

    def _published(self, service: str) -> list[str]:
        """Return the data months that are known to be published, also those that `plan` writes nothing about."""
        return [*targets.located_months(service), *(month for each, month in self.in_state("new") if each == service)]

    def write(self) -> None:
        """Write logs/plan.json: what is left to do as of this look."""
        told = {
            "looked": self.looked,
            "jobs": [
                {"rule": job.rule, "service": job.service}
                | ({"month": job.month} if job.month else {})
                | {"reason": self.why(job), "missing": not all(map(os.path.exists, job.outputs))}
                for job in self.jobs
            ],
            "not_published": self.waiting(),
            "rejected": {service: lines for service, lines in self.rejected.items() if lines},
            "cost": cost_estimate.cost(self.settings, self.jobs, self.arguments.jobs) if self.services else {},
        }
        os.makedirs("logs", exist_ok=True)
        files.replace_file(PLAN, files.to_json(told))


def _span(abouts: Iterable[str]) -> str:
    found = sorted(abouts)
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"
