"""The types of JSON files say what is written, and docs/files.md says what the types say."""

import fnmatch
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from fixtures.file_shapes import differences
from fixtures.workflow import REPOSITORY
from monthwise.base import file_types, files
from monthwise.base.file_types import documentation

TYPES = documentation.types_of_files()
# Not ours, or without a type of its own.
OTHER = ("logs/alerts.json", ".snakemake/*", ".monthwise/*", "docs/*", "config/*", "mlruns/*", "*/.raw.partial*")
OTHER += ("bench/*", "tests/*")


def type_of(name: str) -> type | None:
    """Return the type of a file by its path."""
    for path, kind in TYPES.items():
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", r"[^/]+", re.escape(path)), name):
            return kind
    return None


def objects(path: Path) -> list[object]:
    """Return the content of a JSON file, or of each line of a log."""
    text = path.read_text()
    contents = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]
    if path.name != "format.json":
        assert [content.pop("format", None) for content in contents] == [files.FORMAT] * len(contents), path
    return contents


def test_the_page_is_current():
    assert (REPOSITORY / documentation.PAGE).read_text() == documentation.page(), "run `make docs`"


def test_every_key_has_a_meaning():
    kinds = [getattr(file_types, name) for name in file_types.__all__ if isinstance(getattr(file_types, name), type)]
    unnamed = [
        f"{kind.__name__}.{key}"
        for kind in kinds
        for key, (_, doc, _) in documentation.keys(kind).items()
        if not doc.meaning
    ]
    assert unnamed == []


def test_what_a_build_writes_is_what_the_types_say(clone):
    ended = clone.monthwise("run")
    assert ended.returncode == 0, ended.stdout
    seen: Counter[str] = Counter()
    problems = []
    for path in [*clone.folder.rglob("*.json"), *clone.folder.rglob("*.jsonl")]:
        name = str(path.relative_to(clone.folder))
        if any(fnmatch.fnmatch(name, pattern) for pattern in OTHER) or ".venv" in path.parts:
            continue
        kind = type_of(name)
        problems += [f"{name} has no type"] if kind is None else []
        for content in objects(path) if kind else ():
            problems += [f"{name}{problem}" for problem in differences(content, kind)]
            seen[kind.__name__] += 1
    assert problems == []
    assert set(TYPES.values()) == {kind for kind in TYPES.values() if seen[kind.__name__]}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"format": "2"}, ".format: '2' is not <class 'int'>"),
        ({"formats": 2}, ".formats is not in Format"),
        ({}, ".format is missing"),
        ({"format": True}, ".format: True is not <class 'int'>"),
    ],
)
def test_a_file_of_another_shape_is_noticed(changed, problem):
    assert problem in list(differences(changed, file_types.Format))
