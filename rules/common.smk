# Shared by all rules: settings, months, paths. The logic is in scripts/monthwise.

import gc
import json
import os
import sys

sys.path.insert(0, os.path.join(workflow.basedir, "scripts"))
from monthwise.base import environment, exits, lock, months, results, suggest
from monthwise.config.settings import Settings
from monthwise.job import warm
from monthwise.runner import estimators, repeated_options
from monthwise.state import decisions, restated
from monthwise.tracking import uris
from monthwise.workflow import job_settings, stages, targets
from monthwise.workflow.targets import data_file, run_file

# While planning, Snakemake frees almost nothing; garbage collection with default thresholds takes a fifth of the time.
gc.set_threshold(100_000, 50, 50)

environment.for_jobs()


def in_one_line(function):
    """Wrap a function so that an Exit ends Snakemake with its exit code and one line."""

    def ending(*arguments):
        try:
            return function(*arguments)
        except exits.Exit as end:
            print(f"monthwise: {end}", file=sys.stderr)
            sys.exit(end.code)

    return ending


shell.prefix(environment.SHELL_PREFIX)

in_one_line(environment.insist_on_place)(str(workflow.basedir))


IS_CALLED = suggest.CALL in os.environ  # Snakemake was started by a command of ./monthwise
if not IS_CALLED:
    suggest.remember(
        directory=None if os.path.samefile(os.getcwd(), workflow.basedir) else os.getcwd(),
        configfiles=workflow.overwrite_configfiles,
        overrides=suggest.typed(workflow.config_settings.config),
    )


@in_one_line
def prepare_results():
    """Link the program paths of the rules to this clone; exit with one line if the results have another format."""
    results.link_code(workflow.basedir, lock.is_held_by_another)
    if lock.TOKEN not in os.environ:  # the holder of the lock has checked it
        results.insist_on_format()


if workflow.is_main_process:
    in_one_line(repeated_options.insist_on_one_of_each)(sys.argv)
    prepare_results()

SETTINGS = in_one_line(Settings)(workflow.overwrite_configfiles, workflow.config_settings.config)


wildcard_constraints:
    month=months.PATTERN,
    service=r"[A-Za-z0-9_-]+",


# Program paths go through the links in the results folder, because Snakemake compares the literal paths of inputs.


def program(stage):
    return results.code_path(workflow.basedir, f"scripts/{stage}.py")


def modules(stage):
    return [
        results.code_path(workflow.basedir, f"scripts/monthwise/{name}.py") for name in stages.STAGES[stage].modules
    ]


TRAINING = set()  # service and run month of each `train` job that Snakemake considers


def settings(stage):
    """Return the settings of a job as JSON; they depend on the wildcards only. A job reruns when they change."""
    of_job = in_one_line(job_settings.of_job)

    def as_json(wildcards):
        if stage == "train":
            TRAINING.add((wildcards.service, wildcards.month))
        return json.dumps(of_job(SETTINGS, stage, wildcards.service, wildcards.get("month")), sort_keys=True)

    return as_json


def memory(base_mb, per_mb, at_most=8000):
    """Return peak memory of a job: `base_mb` for the program plus `per_mb` per MB of inputs, from 20 million trips.

    The n-th attempt gets n times as much, for clusters that kill jobs that exceed their memory.
    """
    return lambda wildcards, input, attempt: attempt * int(min(base_mb + per_mb * input.size_mb, at_most))


# Closed months (history.closed_before): outputs are kept even if their inputs changed.


def kept_where(is_closed, files):
    if SETTINGS.config["history"]["closed_before"] is None:
        return files

    def of_month(wildcards):
        if callable(files):
            found = files(wildcards)
        else:
            found = expand(files, service=wildcards.service, month=wildcards.month)
        return ancient(found) if found and is_closed(wildcards) else found

    return of_month


def of_data(files):
    """Return the inputs of a rule for a data month."""
    return kept_where(lambda wildcards: SETTINGS.is_closed_data(wildcards.service, wildcards.month), files)


def of_run(files):
    """Return the inputs of a rule for a run month."""
    return kept_where(lambda wildcards: SETTINGS.is_closed_run(wildcards.month), files)


@in_one_line
def training_features(wildcards):
    found = SETTINGS.run_windows(wildcards.service, wildcards.month).training
    return [data_file(wildcards.service, month, "features.parquet") for month in found]


@in_one_line
def validation_features(wildcards):
    month = SETTINGS.run_windows(wildcards.service, wildcards.month).validation
    return data_file(wildcards.service, month, "features.parquet")


@in_one_line
def recipe_file(wildcards):
    recipe = SETTINGS.at(wildcards.service, wildcards.month)["train"]["recipe"]
    return results.code_path(workflow.basedir, f"scripts/monthwise/models/recipes/{recipe}.py")


@in_one_line
def zones_file(wildcards):
    zones = SETTINGS.describe(wildcards.service).get("zones")
    return results.code_path(workflow.basedir, zones) if zones else []


@in_one_line
def reigning(wildcards):
    """Return the run month of the current champion when a month is decided, or None for the first one."""
    return SETTINGS.reigns_before(wildcards.service, wildcards.month)


def of_reign(*names):
    def files(wildcards):
        before = reigning(wildcards)
        return [run_file(wildcards.service, before, name) for name in names] if before else []

    return files


def of_challenger(*names):
    """Return files of the challenger of a run month; none if its validation month is skipped."""

    def files(wildcards):
        trains = SETTINGS.validation_month(wildcards.service, wildcards.month)
        return [run_file(wildcards.service, wildcards.month, name) for name in names] if trains else []

    return files


def comparison(wildcards):
    return of_challenger("comparison.json")(wildcards) if reigning(wildcards) else []


def of_pinned(*names):
    def files(wildcards):
        pin = SETTINGS.at(wildcards.service, wildcards.month)["promotion"]["pin"]
        return [run_file(wildcards.service, pin, name) for name in names] if pin else []

    return files


def window_features(wildcards):
    """Return the features of the training window, even if the month trains no model."""
    found = SETTINGS.training_months(wildcards.service, wildcards.month)
    return [data_file(wildcards.service, month, "features.parquet") for month in found]


@in_one_line
def evidence_files(wildcards):
    return targets.evidence_files(SETTINGS, wildcards.service, wildcards.month)


def registered(name):
    found = in_one_line(targets.registered)
    return lambda wildcards: found(SETTINGS, wildcards.service)[name]


@in_one_line
def default_targets(wildcards):
    return targets.asked(SETTINGS)


in_one_line(uris.insist)(uris.store_uri(SETTINGS.config["tracking"]), SETTINGS.config["tracking"]["artifacts"])

NOTICES = [*results.gaps(), *targets.gaps(SETTINGS)]
if not IS_CALLED and workflow.is_main_process:  # commands check this themselves
    NOTICES += restated.notices(SETTINGS)
for line in NOTICES:
    print(f"monthwise: {line}", file=sys.stderr)


DECISIONS = "history/decisions.jsonl"
DECIDED_BEFORE = os.path.getsize(DECISIONS) if os.path.exists(DECISIONS) else 0


def say_which_champions_changed():
    for line in decisions.changed_since(DECISIONS, DECIDED_BEFORE):
        print(f"monthwise: {line}", file=sys.stderr)


@in_one_line
def prepare_jobs():
    """Lock this directory while jobs run, and validate the parameters of recipes.

    `./monthwise run` has already done both.
    """
    global LOCK
    if lock.TOKEN not in os.environ and workflow.is_main_process:
        estimators.insist_on_parameters(SETTINGS, TRAINING)
        LOCK = lock.take("snakemake")
        results.link_code(workflow.basedir)  # another clone may have changed the links before the lock was taken


onstart:
    prepare_jobs()
    planned = {job.rule.name for job in workflow.dag.needrun_jobs()}
    warm.start(workflow.local_exec and workflow.is_main_process, stages.by_warm_process(planned))


onsuccess:
    say_which_champions_changed()


onerror:
    say_which_champions_changed()
