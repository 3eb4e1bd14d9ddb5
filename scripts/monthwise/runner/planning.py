"""Plan a run: which months are published, which files can be requested, which jobs that takes and why."""

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
from ..workflow.calendar import Calendar, Calendars
from ..workflow.listing import located_months
from . import advice, alerts, cost_estimate, estimators, publication, reasons
from .events import UPDATED, Job
from .snakemake import Snakemake

LONG_AGO = 12_000  # months


class Plan:
    """Everything that is missing or outdated, or only at the run months of the range in `arguments`."""

    def __init__(self, arguments: argparse.Namespace, settings: Settings):
        self.arguments, self.calendars_before = arguments, Calendars(settings)
        self.datasets = settings.choose(arguments.dataset)
        self.checked_at = clock.now()
        self.is_redo = bool(arguments.range and arguments.redo)  # false once the range is rebuilt
        self.answers: dict[tuple[str, str], publication.Answer] = {}
        self.available: dict[str, availability.Available] = {}
        self.jobs: list[Job] = []
        self.roots: dict[str, set[reasons.Root]] = {}
        self.rejected: dict[str, dict[str, str]] = {}
        self.blocked: dict[str, set[str]] = {}  # data months that cannot be read
        # Data months on which a job failed. They are left for the next call.
        self.failed_months: set[tuple[str, str]] = set()

    # What the publisher says

    def check_publisher(self, changes: bool) -> None:
        """Check the months that matter at the publisher; write source.json if `changes` is true."""
        recheck = self.arguments.recheck
        requested = []
        for dataset in self.datasets:
            if self.arguments.range:
                calendar = self.calendars_before[dataset]
                known, needed = calendar.known.located, calendar.data_months(*self.arguments.range)
                if recheck is None and calendar.config.source == "https":
                    months_to_recheck = []
                else:
                    months_to_recheck = publication.rechecked(
                        calendar.settings, [month for month in needed if month in known], recheck
                    )
                requested += [(dataset, month) for month in needed if month not in known or month in months_to_recheck]
            else:
                due_months = publication.due_months(self.calendars_before[dataset], recheck)
                requested += [(dataset, month) for month in due_months]
        self.answers = publication.check_months(self.calendars_before, requested, changes)
        self._fix_published_months(changes)

    def with_answer(self, state: publication.AnswerState) -> list[tuple[str, str]]:
        """Return dataset and month of the answers that are `new`, `changed`, `not published` or `failed`."""
        return [dataset_month for dataset_month, answer in self.answers.items() if answer.state == state]

    def _is_unknown(self, dataset: str, month: str) -> bool:
        """Return whether the publisher could not be asked about a month."""
        answer = self.answers.get((dataset, month))
        return answer is not None and answer.state == "failed"

    def _fix_published_months(self, changes: bool) -> None:
        """Fix which months are published.

        The publisher was checked, so no month counts as published because of the calendar.
        """
        changed: dict[str, object] = {}
        if self.calendars_before.settings.config.source == "https":
            new = [] if changes else [month for _, month in self.with_answer("new")]
            known = [month for dataset in self.datasets for month in located_months(dataset)]
            lag = LONG_AGO
            if new and max(new) > max(known, default=""):
                lag = len(months.span(max(new), months.today())) - 1
            changed["publisher"] = {"lag": max(lag, 0)}
        if self.arguments.range:
            changed |= {"first": self.arguments.range[0], "last": self.arguments.range[-1]}
        calendars = Calendars(self.calendars_before.settings.changed(changed))
        self.datasets = [dataset for dataset in self.datasets if calendars[dataset].open_run_months]
        changed |= {"datasets": self.datasets} if self.datasets else {}
        self.settings = self.calendars_before.settings.changed(changed)
        self.calendars = Calendars(self.settings)
        environment = alerts.without_secrets(dict(os.environ))
        overrides = suggest.typed(merge(self.arguments.config, changed))
        self.snakemake = Snakemake(overrides, self.arguments.configfile, self.arguments.jobs, environment)

    def _calendar_of_call(self, dataset: str) -> Calendar:
        """Return the calendar by the settings of the call, as the user would change them, for what is located now."""
        return Calendar.read(self.calendars_before.settings, dataset)

    # What can be requested

    def find_available(self) -> None:
        """Find the files that can be requested, without those of months that are rejected by now."""
        not_published = set(self.with_answer("not published"))
        for dataset in self.datasets:
            calendar = self.calendars[dataset]
            run_months = self.available[dataset].months if dataset in self.available else calendar.open_run_months
            needed = calendar.data_months(*run_months)
            quality_by_month = availability.rejected(dataset, needed)
            unavailable = {
                month
                for month in needed
                if (dataset, month) in not_published or self._is_unknown(dataset, month)
                if not os.path.exists(targets.data_file(dataset, month, "source.json"))
            }
            unavailable |= {month for month in needed if (dataset, month) in self.failed_months}
            self.blocked[dataset] = unavailable | quality_by_month.keys()
            self.rejected[dataset] = {
                month: advice.on_rejected(self._calendar_of_call(dataset), quality, self.blocked[dataset])
                for month, quality in quality_by_month.items()
            }
            reason_by_month = dict.fromkeys(unavailable, availability.NOT_PUBLISHED) | self.rejected[dataset]
            self.available[dataset] = availability.find(calendar, run_months, reason_by_month)

    def data_files(self) -> list[str]:
        """Return the files up to quality.json."""
        return [path for available in self.available.values() for path in available.data]

    def all_files(self) -> list[str]:
        """Return all files that can be requested."""
        return [path for available in self.available.values() for path in available.files]

    def plan_jobs(self, forced: Sequence[str] = ()) -> None:
        """Find the jobs that all files need, and why they run.

        `forced`: source.json of the months that the publisher changed.
        """
        requested, forced = self.all_files(), [*forced, *self.forced_files()]
        self.jobs = self.snakemake.plan(requested, forced) if requested else []
        # Snakemake compares the content of inputs that are newer than their outputs. A placeholder has no content here.
        while placeholder_files := placeholders.among(
            {path for job in self.jobs for path in job.reasons().get(UPDATED, ())}
        ):
            placeholders.bring(placeholder_files)
            self.jobs = self.snakemake.plan(requested, forced)
        changed = self.with_answer("changed")
        restated = {
            targets.data_file(*dataset_month, "source.json"): self.answers[dataset_month].how
            for dataset_month in changed
        }
        self.roots = reasons.roots(self.calendars, self.jobs, restated)

    def forced_files(self) -> list[str]:
        """Return the files to rebuild although nothing changed: those of a range with --redo."""
        if not self.is_redo:
            return []
        names = ("model.skops", "champion.json", "drift.json")
        requested = set(self.all_files())
        paths = (
            targets.run_file(dataset, month, name)
            for dataset in self.datasets
            for month in self.arguments.range
            for name in names
        )
        return [path for path in paths if path in requested]

    def limit_months(self, max_months: int | None) -> bool:
        """Keep only the oldest run months that have jobs; return whether any were left out."""
        if max_months is None:
            return False
        is_cut = False
        for dataset, available in self.available.items():
            months_with_jobs = {job.month for job in self.jobs if job.dataset == dataset and job.rule in stages.RUN}
            months_due = [month for month in available.months if month in months_with_jobs]
            if len(months_due) > max_months:
                last = months_due[max_months - 1]
                available.months = [month for month in available.months if month <= last]
                is_cut = True
        return is_cut

    # What runs only on request

    def refusal(self) -> exits.Exit | None:
        """Return why the jobs must not run; None if they may run.

        They must not rebuild closed months, or more finished months than `run.max_rebuild`.

        Raises WrongConfig if a recipe rejects its parameters.
        """
        trained = [(job.dataset, job.month) for job in self.jobs if job.rule == "train"]
        estimators.insist_on_parameters(self.settings, trained)
        causes_by_run_month: dict[tuple[str, str], set[reasons.Root]] = {}
        for job in self.jobs:
            if job.rule not in stages.RUN or not all(map(os.path.exists, job.outputs)):
                continue
            causes = {root for root in self.roots[job.number] if root.kind in reasons.ON_REQUEST}
            if causes:
                causes_by_run_month.setdefault((job.dataset, job.month), set()).update(causes)
        if not causes_by_run_month:
            return None
        why = first_few(sorted(map(str, set().union(*causes_by_run_month.values()))), 3)
        closed = [key for key in causes_by_run_month if self.calendars[key[0]].is_closed_run(key[1])]
        if closed:
            month = self.settings.config.history.closed_before
            return exits.WrongConfig(
                f"{len(closed)} closed run months ({_span(closed)}) would be rebuilt ({why}); revert it, and add"
                f" an entry to `changes` in config/config.yaml: {{from: {month}, reason: ..., ...}}"
            )
        bound = self.settings.config.run.max_rebuild
        if len(causes_by_run_month) <= bound or self.arguments.redo:
            return None
        newest = months.shift(max(month for _, month in causes_by_run_month), 1)
        return exits.WrongUsage(
            f"{len(causes_by_run_month)} finished run months ({_span(causes_by_run_month)}) would be rebuilt ({why}),"
            f" more than run.max_rebuild ({bound}); add --redo to rebuild them, or keep them as they are:"
            f" `{suggest.command('accept')}` checks and records them once, `history: {{closed_before: {newest}}}` in"
            f" config/config.yaml closes them for good; to change a setting from a given month on, add an entry to"
            f" `changes`"
        )

    # In words

    def why(self, job: Job) -> str:
        """Return in words why a job runs."""
        return reasons.in_words(self.roots.get(job.number, ()))

    def stopped_chains(self) -> list[str]:
        """Return one line for each dataset whose chain of champions stops, with config lines that let it continue."""
        lines = []
        for dataset, available in self.available.items():
            if not available.chain_stop:
                continue
            data_month = available.waiting_for[available.chain_stop]
            is_rejected = data_month in self.rejected[dataset]
            newest = max(self._published(dataset), default="")
            is_unknown = self._is_unknown(dataset, data_month)
            if is_rejected or (data_month < newest and not is_unknown):
                advised = advice.on_missing(self._calendar_of_call(dataset), data_month, self.blocked[dataset])
                lines.append(
                    f"{dataset}: no champion is decided from {available.chain_stop} on, {data_month} is"
                    f" {'rejected' if is_rejected else 'not published'}: wait for it{advised}"
                )
        return lines

    def unpublished(self) -> dict[str, list[str]]:
        """Return for each dataset the data months that are needed, or come next, and are not yet published."""
        months_by_dataset: dict[str, list[str]] = {}
        for dataset, month in self.with_answer("not published"):
            # A month with source.json was published, and removed since.
            if not os.path.exists(targets.data_file(dataset, month, "source.json")):
                months_by_dataset.setdefault(dataset, []).append(month)
        return months_by_dataset

    def missing(self) -> dict[str, dict[str, list[str]]]:
        """Return the months of `waiting` by status, in words (holes, or not published yet), and by dataset."""
        months_by_status: dict[str, dict[str, list[str]]] = {}
        for dataset, unpublished in self.unpublished().items():
            for status, listed in months.not_published(unpublished, self._published(dataset)).items():
                months_by_status.setdefault(status, {})[dataset] = listed
        return months_by_status

    def _published(self, dataset: str) -> list[str]:
        """Return the data months that are known to be published, also those that `plan` does not record."""
        return [
            *located_months(dataset),
            *(month for new_dataset, month in self.with_answer("new") if new_dataset == dataset),
        ]

    def write(self) -> None:
        """Write logs/plan.json: the jobs that are left as of this look."""
        plan = {
            "looked": self.checked_at,
            "jobs": [
                {"rule": job.rule, "dataset": job.dataset}
                | ({"month": job.month} if job.month else {})
                | {"reason": self.why(job), "missing": not all(map(os.path.exists, job.outputs))}
                for job in self.jobs
            ],
            "not_published": self.unpublished(),
            "rejected": {dataset: lines for dataset, lines in self.rejected.items() if lines},
            "cost": cost_estimate.cost(self.calendars, self.jobs, self.arguments.jobs),
        }
        os.makedirs("logs", exist_ok=True)
        files.replace_file(PLAN, files.to_json(plan))


def _span(run_months: Iterable[tuple[str, str]]) -> str:
    ordered = sorted(map(" ".join, run_months))
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
