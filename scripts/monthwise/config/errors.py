"""Say in one line what is wrong with config: the key, its file, what was expected, the closest known name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..base import redact
from ..base.resources import ROOT
from . import words
from .section import Section

LONGEST = 60  # characters of a value that are shown
UNKNOWN = ("extra_forbidden", "invalid_key")


class Layer(NamedTuple):
    """Config of one file or of the command line."""

    name: str
    content: Mapping[str, Any]


class _Problem(NamedTuple):
    """An error of pydantic, with the path of keys to it and the annotation there."""

    path: list[str]
    annotation: Any
    details: Any

    def rank(self) -> tuple[bool, int, bool]:
        kind = self.details["type"]
        # A list whose only item is wrong is also too short.
        return kind == "too_short", len(self.path) - (kind == "missing"), kind not in UNKNOWN


def explain(error: ValidationError, section: type[Section], layers: Sequence[Layer] = ()) -> str:
    """Return one line about the error that is nearest to the top; of several there, about an unknown key."""
    problems = [_Problem(*words.find(section, details["loc"]), details) for details in error.errors(include_url=False)]
    path, annotation, problem = min(problems, key=_Problem.rank)
    name, value = ".".join(path) or "config", problem["input"]
    if problem["type"] in UNKNOWN:
        unknown, known = str(problem["loc"][-1]), words.keys(words.Kind.of(annotation).type)
        path = [*path, unknown]
        return f"unknown key {'.'.join(path)} in {origin(path, layers)}{words.closest(unknown, known)}"
    if problem["type"] == "missing":
        return f"{name} is missing in {origin(path[:-1], layers)}: {words.expected(annotation)}"
    if problem["type"] == "value_error":
        return f"{name} in {origin(path, layers)}: {problem['ctx']['error']}"
    wanted = words.expected(annotation) + words.did_you_mean(value, words.choices(annotation))
    return f"{name} in {origin(path, layers)}: {_shown(value)} is not {wanted}"


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = redact.hide(repr(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def origin(path: Sequence[str], layers: Sequence[Layer]) -> str:
    """Return the name of the last layer that has the key at `path`, or one above it.

    Keys of the top level are of config.yaml. A text in place of a mapping has the keys that it is short for.
    """
    if not path:
        return "config/config.yaml" if layers else "config"
    for name, content in reversed(layers):
        value: object = content
        for part in path:
            if isinstance(value, Mapping) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                break
        else:
            return shown_path(name)
    return origin(path[:-1], layers)


def shown_path(name: str | Path) -> str:
    """Return a path relative to the clone, if it is in it."""
    path = Path(name)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
