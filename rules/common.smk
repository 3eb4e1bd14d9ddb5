# What all rules share: settings, months, paths. What they mean is in scripts/monthwise.

import json
import os
import sys

sys.path.insert(0, os.path.join(workflow.basedir, "scripts"))
from monthwise import exits, months, targets, warm
from monthwise.settings import Settings
from monthwise.targets import data_file

# Jobs find this Python without an activated environment.
os.environ.update(PATH=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]))


def in_one_line(function):
    """Let what config gets wrong end Snakemake with its code and one line."""

    def ending(*arguments):
        try:
            return function(*arguments)
        except exits.Exit as end:
            print(f"monthwise: {end}", file=sys.stderr)
            sys.exit(end.code)

    return ending


SETTINGS = in_one_line(Settings)(workflow.overwrite_configfiles, workflow.config_settings.config)

# Relative and without a leading `./`: Snakemake compares inputs by the path as it is written.
REPOSITORY = os.path.relpath(workflow.basedir)

# The modules of scripts/monthwise that can change what a program writes; a test compares them with its imports.
MODULES = {
    "ingest": [],
    "clean": ["codes", "columns", "tables"],
    "featurize": ["codes", "tables", "zones"],
    "train": ["baseline", "models"],
    "evaluate": ["baseline", "codes", "errors", "models", "tables", "zones"],
    "track": ["models", "tracking"],
}


wildcard_constraints:
    month=months.PATTERN,
    service=r"[A-Za-z0-9_-]+",


def in_repository(path):
    return os.path.normpath(os.path.join(REPOSITORY, path))


def program(stage):
    return in_repository(f"scripts/{stage}.py")


def modules(stage):
    return [in_repository(f"scripts/monthwise/{name}.py") for name in MODULES[stage]]


def settings(stage):
    """The settings of a job as one JSON text, from the wildcards alone: a job runs again when it changes."""
    of_job = in_one_line(SETTINGS.of_job)
    return lambda wildcards: json.dumps(of_job(stage, wildcards.service, wildcards.month), sort_keys=True)


def memory(base_mb, per_mb, at_most=8000):
    """Peak memory of a job: `base_mb` for the program, `per_mb` for each MB of its inputs, measured on 20 million trips."""
    return lambda wildcards, input: int(min(base_mb + per_mb * input.size_mb, at_most))


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
    return in_repository(f"scripts/monthwise/recipes/{recipe}.py")


@in_one_line
def zones_file(wildcards):
    zones = SETTINGS.describe(wildcards.service).get("zones")
    return in_repository(zones) if zones else []


@in_one_line
def default_targets(wildcards):
    return targets.default_targets(SETTINGS)


for line in targets.gaps(SETTINGS):
    print(f"monthwise: {line}", file=sys.stderr)


onstart:
    warm.start(workflow.local_exec and workflow.is_main_process)
