"""Recipes: one file per recipe, with a function `pipeline` that returns an unfitted scikit-learn pipeline.

Its first arguments are the task (regression, binary or multiclass) and the names of the features that are numbers and
of those that are categories; its other arguments are parameters with defaults.

Names, parameters and trusted types are parsed from the source files, so that config can be checked without importing
scikit-learn while Snakemake parses the Snakefile.
"""

from __future__ import annotations

import ast
import functools
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FOLDER = Path(__file__).parent
GIVEN = ("task", "numbers", "categories")  # arguments of `pipeline` that no config sets


def names() -> list[str]:
    """Return the names of all recipes."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def parameters(recipe: str) -> dict[str, str]:
    """Return the parameters of a recipe and their type names, from the annotations of its `pipeline` function."""
    function = next(
        node for node in _tree(recipe).body if isinstance(node, ast.FunctionDef) and node.name == "pipeline"
    )
    arguments = [*function.args.args, *function.args.kwonlyargs]
    own = (arg for arg in arguments if arg.arg not in GIVEN)
    return {arg.arg: ast.unparse(arg.annotation) if arg.annotation else "object" for arg in own}


def trusted_types(recipe: str) -> list[str]:
    """Return `TRUSTED`: the types that a model file of this recipe may contain, besides those that skops trusts."""
    for node in _tree(recipe).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TRUSTED":
            return list(ast.literal_eval(node.value))
    return []


def build(
    recipe: str, parameters: Mapping[str, object], task: str, numbers: Sequence[str], categories: Sequence[str]
) -> Pipeline:
    """Return the unfitted pipeline of a recipe for a task and the names of its features."""
    return importlib.import_module(f".{recipe}", __package__).pipeline(task, numbers, categories, **parameters)


def validate(recipe: str, parameters: Mapping[str, object], task: str) -> None:
    """Build the pipeline of a recipe for a task and validate the parameters of each estimator in it, as `fit` would.

    Raises ValueError or TypeError if a parameter is invalid. Imports scikit-learn.
    """
    pipeline = build(recipe, parameters, task, ["number"], ["category"])
    for part in (pipeline, *pipeline.get_params().values()):
        if hasattr(part, "_validate_params") and not isinstance(part, type):
            part._validate_params()


@functools.cache
def _tree(recipe: str) -> ast.Module:
    return ast.parse((FOLDER / f"{recipe}.py").read_text(encoding="utf-8"))
