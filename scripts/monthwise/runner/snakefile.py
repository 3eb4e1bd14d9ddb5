"""What the Snakefile does besides declaring rules: checks, notices, and the lock while jobs run."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ..base import environment, exits, lock, results, suggest
from ..config.settings import Settings
from ..job import warm
from ..state import decisions, restated
from ..tracking import uris
from ..workflow import stages, targets
from ..workflow.calendar import Calendars
from . import estimators, repeated_options

if TYPE_CHECKING:
    from snakemake.workflow import Workflow

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def ends_in_one_line(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Wrap a function so that an Exit ends Snakemake with its exit code and one line."""

    @functools.wraps(function)
    def ending(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        try:
            return function(*arguments, **options)
        except exits.Exit as end:
            print(f"monthwise: {end}", file=sys.stderr)
            sys.exit(end.code)

    return ending


class Snakefile:
    """One process that parses the Snakefile: its `calendars`, and the `requested` targets (None: all of them).

    Exits with one line if the config, the clone or the results folder cannot be used.
    """

    @ends_in_one_line
    def __init__(self, workflow: Workflow) -> None:
        self.workflow, self.clone = workflow, str(workflow.basedir)
        environment.insist_on_place(self.clone)
        self.is_called = suggest.CALL in os.environ  # Snakemake was started by a command of ./monthwise
        if not self.is_called:
            is_here = os.path.samefile(os.getcwd(), self.clone)
            overrides = suggest.typed(workflow.config_settings.config)
            suggest.remember(None if is_here else os.getcwd(), None, workflow.overwrite_configfiles, overrides)
        if workflow.is_main_process:
            repeated_options.insist_on_one_of_each(sys.argv)
            results.link_code(self.clone, lock.is_held_by_another)
            if lock.TOKEN not in os.environ:  # the holder of the lock has checked it
                results.insist_on_format()
        settings = Settings(workflow.overwrite_configfiles, workflow.config_settings.config)
        tracking = settings.config.tracking
        uris.insist_on_uris(uris.store_uri(tracking.model_dump()), tracking.artifacts)
        self.calendars, self.requested = Calendars(settings), targets.requested()
        self._decided_before = os.path.getsize(decisions.PATH) if os.path.exists(decisions.PATH) else 0

    @ends_in_one_line
    def print_notices(self) -> None:
        """Print what the user should know before jobs run: gaps, and months that changed in the folder of `source`."""
        notices = [*results.gaps(), *targets.gaps(self.calendars)]
        if self.workflow.is_main_process and not self.is_called:  # commands check this themselves
            notices += restated.notices(self.calendars)
        for line in notices:
            print(f"monthwise: {line}", file=sys.stderr)

    @ends_in_one_line
    def prepare_jobs(self) -> None:
        """Before the first job: check the parameters of recipes, lock the results folder, start the warm processes.

        `./monthwise run` has already done the first two.
        """
        planned = list(self.workflow.dag.needrun_jobs())
        if lock.TOKEN not in os.environ and self.workflow.is_main_process:
            trained = {(job.wildcards.dataset, job.wildcards.month) for job in planned if job.rule.name == "train"}
            estimators.insist_on_parameters(self.calendars.settings, trained)
            self._lock = lock.take("snakemake")
            results.link_code(self.clone)  # another clone may have changed the links before the lock was taken
        is_local = self.workflow.local_exec and self.workflow.is_main_process
        warm.start(is_local, stages.by_warm_process({job.rule.name for job in planned}))

    def print_changed_champions(self) -> None:
        """Print the months whose champion changed since the Snakefile was parsed."""
        for line in decisions.changed_since(decisions.PATH, self._decided_before):
            print(f"monthwise: {line}", file=sys.stderr)
