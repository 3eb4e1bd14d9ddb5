"""Whether recipes take the parameters of config: checked before a job starts, which deletes the model that is there."""

import glob
import json
from collections.abc import Iterable

from . import due, recipes, targets
from .exits import WrongConfig
from .settings import Settings


def insist_on_parameters(settings: Settings, run_months: Iterable[tuple[str, str]]) -> None:
    """Raise WrongConfig if a recipe refuses its parameters in one of `run_months` (service and month), which train.

    Imports scikit-learn only if there are parameters with which no model is trained yet.
    """
    wanted: dict[str, str] = {}
    for service, month in sorted(run_months):
        wanted.setdefault(_key(settings.at(service, month)["train"]), f"{service} {month}")
    for key in sorted(wanted.keys() - (_trained() if wanted else set())):
        train = json.loads(key)
        try:
            recipes.validate(train["recipe"], train["parameters"])
        except (ValueError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise WrongConfig(
                f"settings of {wanted[key]}: recipe {train['recipe']} refuses its parameters: {reason.rstrip('.')};"
                " change train.parameters"
            ) from None


def _key(train: dict) -> str:
    return json.dumps({name: train.get(name) for name in ("recipe", "parameters")}, sort_keys=True)


def _trained() -> set[str]:
    """Return the keys of all models in the results folder."""
    return {_key(due.read(path) or {}) for path in glob.glob(targets.run_file("*", "*", "training.json"))}
