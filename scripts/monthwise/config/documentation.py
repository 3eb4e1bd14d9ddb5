"""Write docs/config.md, and config/schema.json for editors, from the sections of config: `make docs`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from ..base.resources import resource
from . import words
from .section import Section
from .sections.changes import Change
from .sections.config import Config, defaults

PAGE, SCHEMA = "docs/config.md", "config/schema.json"
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}  # pydantic's names, if a number may be null
HEAD = """# Config

<!-- `make docs` writes this page and config/schema.json from scripts/monthwise/config/sections/; edit those. -->

`config/config.yaml` says what to do, `config/datasets.yaml` what the files of each dataset look like. Layers are merged
key by key, later ones over earlier ones: the defaults below, these two files, each `--configfile FILE`, and
`--config KEY=VALUE ...`, such as `--config 'train={recipe: linear}'`. Wrong config ends a call before a job starts,
with exit code 78 and one line that names the key, the file and what was expected.

The first line of the files in `config/` names their schema, config/schema.json: editors with a YAML language server
complete and check keys by it. What holds from a run month on is an entry of `changes`.
"""


class Part(NamedTuple):
    """A section, its place in config, and the defaults of its keys."""

    path: str
    section: type[Section]
    defaults: Mapping[str, Any]


def page() -> str:
    """Return docs/config.md."""
    paths: dict[type[Section], str] = {}
    parts = list(_parts(Part("", Config, defaults()), paths))
    texts = [_table(part, paths) if part.path == "" else _of_part(part, paths) for part in parts]
    return "\n".join([HEAD, *texts])


def _parts(part: Part, paths: dict[type[Section], str]) -> Iterator[Part]:
    """Yield a section and the sections in it, each once; record their places in `paths`."""
    paths[part.section] = part.path
    yield part
    for key, field in words.keys(part.section).items():
        suffix, section = section_in(field)
        if section and section not in paths:
            inner = part.defaults.get(key)
            path = f"{part.path}.{key}{suffix}".removeprefix(".")
            yield from _parts(Part(path, section, inner if isinstance(inner, Mapping) and not suffix else {}), paths)


def section_in(field: FieldInfo) -> tuple[str, type[Section] | None]:
    """Return what follows a key in the place of its section, such as `.DATASET`, and the section, if it holds one."""
    kind = words.Kind.of(field.rebuild_annotation())
    if get_origin(kind.type) in (dict, tuple):
        section = words.Kind.of(get_args(kind.type)[1 if get_origin(kind.type) is dict else 0]).section
        return f".{section.__name__.upper()}" if section and get_origin(kind.type) is dict else "", section
    return "", None if kind.stated else kind.section


def _of_part(part: Part, paths: Mapping[type[Section], str]) -> str:
    description = " ".join((part.section.__doc__ or "").split())
    return f"## {part.path}\n\n{description}\n\n{_table(part, paths)}"


def _table(part: Part, paths: Mapping[type[Section], str]) -> str:
    rows = ["| key | value | default | what it is | example |", "| --- | --- | --- | --- | --- |"]
    rows += [_row(part, key, field, paths) for key, field in words.keys(part.section).items()]
    return "\n".join(rows) + "\n"


def _row(part: Part, key: str, field: FieldInfo, paths: Mapping[type[Section], str]) -> str:
    annotation = field.rebuild_annotation()
    _, section = section_in(field)
    default = "required" if field.is_required() else "" if section else _flow(part.defaults.get(key, field.default))
    value = words.expected(annotation)
    if section:
        link = f"[`{paths[section]}`](#{paths[section].replace('.', '').lower()})"
        value = f"{link}, or null" if words.Kind.of(annotation).is_nullable else link
    example = _flow(field.examples[0]) if field.examples else ""
    return f"| `{key}` | {value} | {default} | {field.description} | {example} |"


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000).removesuffix("...\n").strip()
    return f"`{text}`"


def schema() -> dict[str, Any]:
    """Return the JSON schema of one layer, which may lack any key but those of an entry of `changes`."""
    content: dict[str, Any] = _tidy(Config.model_json_schema())
    for name, definition in (("Config", content), *content["$defs"].items()):
        if name != Change.__name__:
            definition.pop("required", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Config of Monthwise"} | content


def _tidy(content: Any) -> Any:
    """Drop titles, and defaults of sections and null: those of their keys count, and may come from a section above."""
    if isinstance(content, dict):
        dropped = {"title"} | ({"default"} if "$ref" in content or content.get("default", "") is None else set())
        return {BOUNDS.get(key, key): _tidy(value) for key, value in content.items() if key not in dropped}
    return [_tidy(item) for item in content] if isinstance(content, list) else content


def files() -> dict[str, str]:
    """Return the text of each generated file, by its path in the clone."""
    return {PAGE: page(), SCHEMA: json.dumps(schema(), indent=1) + "\n"}


if __name__ == "__main__":
    for name, text in files().items():
        resource(name).write_text(text, encoding="utf-8")
        print(name)
