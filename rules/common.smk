# Shared by all rules: functions of the wildcards. The logic is in scripts/monthwise.

import gc
import json
import os
import sys

sys.path.insert(0, os.path.join(workflow.basedir, "scripts"))
from monthwise.base import environment, months, results
from monthwise.runner.snakefile import Snakefile, ends_in_one_line
from monthwise.workflow import job_settings, stages, targets
from monthwise.workflow.targets import data_file, run_file

# While planning, Snakemake frees almost nothing; garbage collection with default thresholds takes a fifth of the time.
gc.set_threshold(100_000, 50, 50)

environment.for_jobs()
shell.prefix(environment.SHELL_PREFIX)

snakefile = Snakefile(workflow)


wildcard_constraints:
    month=months.PATTERN,
    dataset=r"[A-Za-z0-9_-]+",


def calendar(wildcards):
    """Return the calendar of the dataset: which months a month reads."""
    return snakefile.calendars[wildcards.dataset]


def settings_of(wildcards):
    """Return the dated settings of a run month."""
    return snakefile.calendars.settings.at(wildcards.dataset, wildcards.month)


# Program paths go through the links in the results folder, because Snakemake compares the literal paths of inputs.


def program(stage):
    return results.code_path(workflow.basedir, f"scripts/{stage}.py")


def modules(stage):
    return [
        results.code_path(workflow.basedir, f"scripts/monthwise/{name}.py") for name in stages.STAGES[stage].modules
    ]


def settings(stage):
    """Return the settings of a job as JSON; they depend on the wildcards only. A job reruns when they change."""

    @ends_in_one_line
    def as_json(wildcards):
        of_job = job_settings.of_job(calendar(wildcards), stage, wildcards.get("month"))
        return json.dumps(of_job, sort_keys=True)

    return as_json


def memory(base_mb, per_mb, at_most=8000):
    """Return peak memory of a job: `base_mb` for the program plus `per_mb` per MB of inputs, from 20 million rows.

    The n-th attempt gets n times as much, for clusters that kill jobs that exceed their memory.
    """
    return lambda wildcards, input, attempt: attempt * int(min(base_mb + per_mb * input.size_mb, at_most))


# Closed months (history.closed_before): outputs are kept even if their inputs changed.


def kept_where(is_closed, files):
    if snakefile.calendars.settings.config.history.closed_before is None:
        return files

    def of_month(wildcards):
        if callable(files):
            paths = files(wildcards)
        else:
            paths = expand(files, dataset=wildcards.dataset, month=wildcards.month)
        return ancient(paths) if paths and is_closed(wildcards) else paths

    return of_month


def of_data(files):
    """Return the inputs of a rule for a data month."""
    return kept_where(lambda wildcards: calendar(wildcards).is_closed_data(wildcards.month), files)


def of_run(files):
    """Return the inputs of a rule for a run month."""
    return kept_where(lambda wildcards: calendar(wildcards).is_closed_run(wildcards.month), files)


@ends_in_one_line
def training_features(wildcards):
    training_months = calendar(wildcards).windows(wildcards.month).training
    return [data_file(wildcards.dataset, month, "features.parquet") for month in training_months]


@ends_in_one_line
def validation_features(wildcards):
    validation_month = calendar(wildcards).windows(wildcards.month).validation
    return data_file(wildcards.dataset, validation_month, "features.parquet")


def window_features(wildcards):
    """Return the features of the training window, even if the month trains no model."""
    training_months = calendar(wildcards).training_months(wildcards.month)
    return [data_file(wildcards.dataset, month, "features.parquet") for month in training_months]


def recipe_file(wildcards):
    recipe = settings_of(wildcards).train.recipe
    return results.code_path(workflow.basedir, f"scripts/monthwise/models/recipes/{recipe}.py")


def described(wildcards):
    """Return the description of a dataset (config/datasets.yaml)."""
    return snakefile.calendars.settings.describe(wildcards.dataset)


def in_clone(paths):
    return [results.code_path(workflow.basedir, path) for path in paths]


def prepare_module(wildcards):
    """Return the Python files of the module of a dataset; none if it has no module."""
    return in_clone(described(wildcards).module_paths())


def prepare_files(wildcards):
    """Return the files that the module of a dataset reads."""
    return in_clone(described(wildcards).files.values())


def prepare_sources(wildcards):
    return in_clone(described(wildcards).sources())


@ends_in_one_line
def champion_before(wildcards):
    """Return the run month of the current champion when a month is decided, or None for the first one."""
    return calendar(wildcards).champion_before(wildcards.month)


def of_champion(*names):
    """Return files of the current champion when a month is decided; none for the first decided month."""

    def files(wildcards):
        month = champion_before(wildcards)
        return [run_file(wildcards.dataset, month, name) for name in names] if month else []

    return files


def of_challenger(*names):
    """Return files of the challenger of a run month; none if its validation month is skipped."""

    def files(wildcards):
        trains = calendar(wildcards).validation_month(wildcards.month)
        return [run_file(wildcards.dataset, wildcards.month, name) for name in names] if trains else []

    return files


def comparison(wildcards):
    return of_challenger("comparison.json")(wildcards) if champion_before(wildcards) else []


def of_pinned(*names):
    def files(wildcards):
        pin = settings_of(wildcards).promotion.pin
        return [run_file(wildcards.dataset, pin, name) for name in names] if pin else []

    return files


@ends_in_one_line
def evidence_files(wildcards):
    return targets.evidence_files(calendar(wildcards), wildcards.month)


def registered(name):
    @ends_in_one_line
    def files(wildcards):
        return targets.registered(calendar(wildcards), snakefile.requested)[name]

    return files


@ends_in_one_line
def default_targets(wildcards):
    return targets.default_targets(snakefile.calendars) if snakefile.requested is None else snakefile.requested


snakefile.print_notices()


onstart:
    snakefile.prepare_jobs()


onsuccess:
    snakefile.print_changed_champions()


onerror:
    snakefile.print_changed_champions()
