"""Whether recipes take the parameters of config: checked before a job starts, which deletes the model that is there."""

import glob
import json
import os
import subprocess
import sys
from collections.abc import Iterable

from ..base import files
from ..base.exits import WrongConfig
from ..base.resources import resource
from ..config.settings import Settings
from ..workflow import targets


def insist_on_parameters(settings: Settings, run_months: Iterable[tuple[str, str]]) -> None:
    """Raise WrongConfig if a recipe refuses its parameters in one of `run_months` (service and month), which train.

    Imports scikit-learn only if there are parameters with which no model is trained yet.
    """
    wanted: dict[str, str] = {}
    for service, month in sorted(run_months):
        wanted.setdefault(_key(settings.at(service, month)["train"]), f"{service} {month}")
    for key in sorted(wanted.keys() - (_trained() if wanted else set())):
        train = json.loads(key)
        if reason := _refusal(train["recipe"], train["parameters"]):
            raise WrongConfig(
                f"settings of {wanted[key]}: recipe {train['recipe']} refuses its parameters: {reason.rstrip('.')};"
                " change train.parameters"
            )


# In a process of its own: a recipe may crash, and then fails its own months alone.
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


def _refusal(recipe: str, parameters: dict) -> str:
    """Return why a recipe refuses its parameters; empty if it takes them."""
    scripts = str(resource("scripts"))
    command = [sys.executable, "-I", "-X", "utf8", "-c", VALIDATE, scripts, json.dumps([recipe, parameters])]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    return (ended.stdout.splitlines() or [""])[-1] if ended.returncode == os.EX_CONFIG else ""


def _key(train: dict) -> str:
    return json.dumps({name: train.get(name) for name in ("recipe", "parameters")}, sort_keys=True)


def _trained() -> set[str]:
    """Return the keys of all models in the results folder."""
    return {
        _key(files.read_json_if_whole(path) or {}) for path in glob.glob(targets.run_file("*", "*", "training.json"))
    }
