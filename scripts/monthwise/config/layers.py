"""Read the layers of config, merge them, convert texts to numbers and validate against config/schema.yaml.

Layers, later over earlier: config/config.yaml, config/services.yaml, each `--configfile`, `--config KEY=VALUE ...`.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jsonschema
import yaml

from ..base.exits import WrongConfig
from ..base.months import is_month
from ..base.resources import ROOT, resource

FILES = ("config/config.yaml", "config/services.yaml")
# The C loader is ten times as fast, and every call of Snakemake reads config.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(files: Iterable[str | Path] = (), overrides: Mapping | None = None) -> dict:
    """Return the merged and validated config; raises WrongConfig with key, file and closest known key if invalid."""
    layers = [(str(path), _read_yaml(path)) for path in (*map(resource, FILES), *files)]
    layers.append(("--config", dict(overrides or {})))
    merged: dict = {}
    for _, layer in layers:
        merged = merge(merged, layer)
    schema = _read_yaml(resource("config/schema.yaml"))
    merged = _convert(merged, schema, schema)
    _validate(merged, schema, layers)
    return merged


def merge(base: Mapping, layer: Mapping) -> dict:
    """Return `base` updated with `layer`, key by key; a layer that names a recipe drops the earlier parameters."""
    result = dict(base)
    if "recipe" in layer:
        result["parameters"] = {}
    for key, value in layer.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merge(result[key], value) if nested else value
    return result


def closest(name: str, known: Iterable[str]) -> str:
    """Return `, did you mean X?` with the closest known name, or `; known are ...` if no name is close."""
    known = sorted(known)
    matches = difflib.get_close_matches(str(name), known, n=1)
    return f", did you mean {matches[0]!r}?" if matches else f"; known are {', '.join(known)}"


def _read_yaml(path: str | Path) -> dict:
    shown = _shown(path)
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), YAML_LOADER)
    except OSError as error:
        raise WrongConfig(f"config file {shown} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise WrongConfig(f"config file {shown}{line} is no YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(content or {}, dict):
        raise WrongConfig(f"config file {shown} holds no keys: write `key: value` lines")
    return content or {}


def _shown(path: str | Path) -> str:
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _convert(value: object, schema: Mapping, top: Mapping) -> object:
    """Convert texts to numbers where the schema has one: `1e-6` in YAML and nested `--config` numbers are text."""
    if "$ref" in schema:
        schema = top["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, dict):
        known_keys = schema.get("properties", {})
        other_keys = schema.get("additionalProperties")
        other_keys = other_keys if isinstance(other_keys, dict) else {}
        return {key: _convert(item, known_keys.get(key, other_keys), top) for key, item in value.items()}
    if isinstance(value, list):
        return [_convert(item, schema.get("items", {}), top) for item in value]
    return to_number(value, schema.get("type")) if schema.get("type") in ("integer", "number") else value


def to_number(value: object, kind: str) -> object:
    """Return the text `value` as an `integer` or `number`; return any other value unchanged."""
    if isinstance(value, str):
        for number in (int,) if kind == "integer" else (int, float):
            try:
                return number(value)
            except ValueError:
                continue
    return value


def _validate(config: dict, schema: dict, layers: Sequence[tuple[str, Mapping]]) -> None:
    checker = jsonschema.FormatChecker(formats=())
    checker.checks("month")(lambda value: not isinstance(value, str) or is_month(value))
    validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
    error = jsonschema.exceptions.best_match(validator.iter_errors(config), key=lambda e: -len(e.absolute_path))
    if error:
        raise WrongConfig(_explain(error, layers))


def _explain(error: jsonschema.ValidationError, layers: Sequence[tuple[str, Mapping]]) -> str:
    path = [str(part) for part in error.absolute_path]
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = next(key for key in error.instance if key not in known)
        path.append(str(unknown))
        return f"unknown key {'.'.join(path)} in {_origin(path, layers)}{closest(unknown, known)}"
    name = ".".join(path) or "config"
    if error.validator == "format":
        return f"{name} in {_origin(path, layers)}: {error.instance!r} is no month, write YYYY-MM"
    wanted = error.schema.get("description")
    problem = f"{error.instance!r} is not {wanted}" if wanted else error.message
    return f"{name} in {_origin(path, layers)}: {problem}"


def _origin(path: Sequence[str], layers: Sequence[tuple[str, Mapping]]) -> str:
    """Return the name of the last layer that has the key at `path`."""
    for name, layer in reversed(layers):
        value: object = layer
        for part in path:
            if isinstance(value, Mapping) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                break
        else:
            return _shown(name)
    return "config"
