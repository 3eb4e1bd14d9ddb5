"""Read the layers of config, merge them, and validate the result.

Layers, later over earlier: the defaults of the sections, config/config.yaml, config/datasets.yaml, each `--configfile`,
`--config KEY=VALUE ...`.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ..base.exits import WrongConfig
from ..base.resources import resource
from .errors import Layer, explain, shown_path
from .sections.config import Config, defaults

FILES = ("config/config.yaml", "config/datasets.yaml")
# The C loader is ten times as fast, and every call of Snakemake reads config.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(files: Iterable[str | Path] = (), overrides: Mapping[str, Any] | None = None) -> Config:
    """Return the merged and validated config; raises WrongConfig with key, file and closest known key if invalid."""
    layers = [Layer(str(path), _read_yaml(path)) for path in (*map(resource, FILES), *files)]
    layers.append(Layer("--config", dict(overrides or {})))
    merged = defaults()
    for layer in layers:
        merged = merge(merged, layer.content)
    return validate(merged, layers)


def validate(merged: Mapping[str, Any], layers: Sequence[Layer] = ()) -> Config:
    """Return merged layers as config; raises WrongConfig if they are invalid."""
    try:
        return Config.model_validate(merged).read_from(layers)
    except ValidationError as error:
        raise WrongConfig(explain(error, Config, layers)) from None


def merge(base: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` updated with `layer`, key by key; a layer that names a recipe drops the earlier parameters."""
    result = dict(base)
    if "recipe" in layer:
        result["parameters"] = {}
    for key, value in layer.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merge(result[key], value) if nested else value
    return result


def _read_yaml(path: str | Path) -> dict[str, Any]:
    shown = shown_path(path)
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), YAML_LOADER)
    except OSError as error:
        raise WrongConfig(f"config file {shown} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WrongConfig(f"config file {shown} is not UTF-8, at byte {error.start}: save it as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise WrongConfig(f"config file {shown}{line} is no YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(content or {}, dict):
        raise WrongConfig(f"config file {shown} holds no keys: write `key: value` lines")
    return content or {}
