"""Check that recipes accept the parameters of config, before a job starts and deletes the existing model."""

import glob
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from ..base import files
from ..base.exits import WrongConfig
from ..base.resources import resource
from ..config.settings import Settings
from ..workflow import targets


def insist_on_parameters(settings: Settings, run_months: Iterable[tuple[str, str]]) -> None:
    """Raise WrongConfig if a recipe rejects its parameters in one of `run_months` (dataset and month), which train.

    Import scikit-learn only if there are parameters without a trained model.
    """
    run_month_by_key: dict[str, str] = {}
    for dataset, month in sorted(run_months):
        fit = settings.at(dataset, month).train.model_dump() | {"task": settings.describe(dataset).task}
        run_month_by_key.setdefault(_key(fit), f"{dataset} {month}")
    for key in sorted(run_month_by_key.keys() - (_trained() if run_month_by_key else set())):
        fit = json.loads(key)
        if reason := _refusal(fit["recipe"], fit["parameters"], fit["task"]):
            raise WrongConfig(
                f"settings of {run_month_by_key[key]}: recipe {fit['recipe']} refuses its parameters:"
                f" {reason.rstrip('.')}; change train.parameters"
            )


# Runs in its own process: a recipe that crashes fails only its own months.
VALIDATE = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from monthwise.models import recipes
try:
    recipes.validate(*json.loads(sys.argv[2]))
except (ValueError, TypeError) as error:
    print(" ".join(str(error).split()) or type(error).__name__)
    sys.exit(os.EX_CONFIG)
"""


def _refusal(recipe: str, parameters: dict[str, Any], task: str) -> str:
    """Return why a recipe rejects its parameters for a task; empty if it accepts them."""
    scripts = str(resource("scripts"))
    command = [sys.executable, "-I", "-X", "utf8", "-c", VALIDATE, scripts, json.dumps([recipe, parameters, task])]
    process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    return (process.stdout.splitlines() or [""])[-1] if process.returncode == os.EX_CONFIG else ""


def _key(fit: Mapping[str, Any]) -> str:
    return json.dumps({name: fit.get(name) for name in ("recipe", "parameters", "task")}, sort_keys=True)


def _trained() -> set[str]:
    """Return the keys of all models in the results folder."""
    return {
        _key(files.read_json_if_whole(path) or {}) for path in glob.glob(targets.run_file("*", "*", "training.json"))
    }
