"""Write docs/files.md from the types of the JSON files: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from .. import file_types
from ..resources import resource
from .doc import Doc

PAGE = "docs/files.md"
FOLDERS = ("data", "runs", "registry", "history", "report", "logs")
PATH = re.compile(r": ([\w{}./]+\.jsonl?)\b")  # the first line of a type's docstring names the file
HEAD = """# Files

<!-- `make docs` writes this page from scripts/monthwise/base/file_types/; edit those. -->

The JSON files that Monthwise writes, key by key. Months are `YYYY-MM`, times are UTC, numbers are finite. A key marked
"may be missing" is absent where it has no value. Keys are sorted, so that equal content gives equal bytes. The number
in `registry/format.json` is the version of all of them: it changes when an older version could misread a file. A file
`.jsonl` has one object per line. Each file, and each line of a `.jsonl`, has this number as `format`.
`logs/alerts.json` maps each condition whose alert was sent to its line.
"""
PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", NoneType: "null", Any: "any value"}


def types_of_files() -> dict[str, type]:
    """Return the type of each file, by its path; a path that ends with `.jsonl` has one such object per line."""
    types = {name: getattr(file_types, name) for name in file_types.__all__}
    paths = {
        match[1]: kind
        for kind in types.values()
        if is_typeddict(kind) and (match := PATH.search((kind.__doc__ or "").partition("\n")[0]))
    }
    return {path: paths[path] for path in sorted(paths, key=lambda path: (FOLDERS.index(path.split("/")[0]), path))}


def keys(kind: type) -> dict[str, tuple[Any, Doc, bool]]:
    """Return type, documentation and whether it may be missing, of each key of a type."""
    result = {}
    optional: frozenset[str] = getattr(kind, "__optional_keys__", frozenset())
    for key, hint in get_type_hints(kind, include_extras=True).items():
        is_optional = key in optional
        if get_origin(hint) is NotRequired:
            is_optional, hint = True, get_args(hint)[0]
        doc = Doc("")
        if get_origin(hint) is Annotated:
            hint, doc = get_args(hint)[:2]
        if not doc.meaning and is_typeddict(hint):
            doc = Doc(_description(hint).partition(".")[0])
        result[key] = (hint, doc, is_optional)
    return result


def page() -> str:
    """Return docs/files.md."""
    paths = types_of_files()
    index = [f"| [`{path}`](#{kind.__name__.lower()}) | {_description(kind)} |" for path, kind in paths.items()]
    parts = [f"`{path}`: {_description(kind)}" for path, kind in paths.items()]
    kinds = [*paths.values(), *_inner(list(paths.values()))]
    parts += [_description(kind) for kind in kinds[len(paths) :]]
    sections = [f"## {kind.__name__}\n\n{part}\n\n{_table(kind)}" for kind, part in zip(kinds, parts, strict=True)]
    return "\n".join([HEAD, "| file | content |", "| --- | --- |", *index, "", *sections])


def _inner(kinds: list[type]) -> Iterator[type]:
    """Yield the types that keys of `kinds` have, directly or in others, each once."""
    seen = list(kinds)
    for kind in seen:
        for hint, _, _ in keys(kind).values():
            for inner in _typeddicts(hint):
                if inner not in seen:
                    seen.append(inner)
                    yield inner


def _typeddicts(hint: Any) -> list[type]:
    if is_typeddict(hint):
        return [hint]
    return [inner for part in get_args(hint) for inner in _typeddicts(part)]


def _description(kind: type) -> str:
    return " ".join(PATH.sub("", kind.__doc__ or "", count=1).split())


def _table(kind: type) -> str:
    rows = ["| key | type | unit | meaning |", "| --- | --- | --- | --- |"]
    for key, (hint, doc, is_optional) in keys(kind).items():
        meaning = "; ".join(filter(None, (doc.meaning, "may be missing" if is_optional else "")))
        rows.append(f"| `{key}` | {in_words(hint)} | {doc.unit} | {meaning} |")
    return "\n".join(rows) + "\n"


def in_words(hint: Any) -> str:
    """Return a type in words."""
    if get_origin(hint) is Annotated:
        return in_words(get_args(hint)[0])
    if is_typeddict(hint):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(in_words(part) for part in get_args(hint))
    if get_origin(hint) is list:
        return f"list of {in_words(get_args(hint)[0])}"
    if get_origin(hint) is dict:
        return f"mapping to {in_words(get_args(hint)[1])}"
    return PLAIN[hint]


if __name__ == "__main__":
    resource(PAGE).write_text(page(), encoding="utf-8")
    print(PAGE)
