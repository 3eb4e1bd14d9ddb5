"""docs/config.md and config/schema.json say what the sections of config say, and the files in config/ hold to it."""

import json
import os
from collections.abc import Iterator

import jsonschema
import pytest
import yaml
from fixtures.workflow import REPOSITORY
from monthwise.config import documentation, words
from monthwise.config.section import Section
from monthwise.config.sections.config import Config, defaults
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

SCHEMA = json.loads((REPOSITORY / documentation.SCHEMA).read_text())
FILES = [str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("config/*.yaml")]
FILES += [str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("examples/*/*.yaml")]


def fields() -> Iterator[tuple[str, FieldInfo]]:
    """Yield the name and the field of every key of every section."""
    sections: list[type[Section]] = [Config]
    for section in sections:
        for key, field in words.keys(section).items():
            _, inner = documentation.section_in(field)
            sections += [inner] if inner and inner not in sections else []
            yield f"{section.__name__}.{key}", field


FIELDS = dict(fields())


@pytest.mark.parametrize("name", [documentation.PAGE, documentation.SCHEMA])
def test_generated_files_are_current(name):
    assert (REPOSITORY / name).read_text() == documentation.files()[name], "run `make docs`"


@pytest.mark.parametrize("name", FIELDS)
def test_every_key_has_a_description_and_a_valid_example(name):
    field = FIELDS[name]
    assert field.description.endswith(".")
    assert documentation.section_in(field)[1] or field.examples
    for example in field.examples or ():
        TypeAdapter(field.rebuild_annotation()).validate_python(example)


def test_the_page_has_a_row_for_every_key():
    page = documentation.page()
    assert len(FIELDS) > 70
    assert [name for name in FIELDS if f"\n| `{name.split('.')[1]}` | " not in page] == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_config_file_names_the_schema_and_holds_to_it(name):
    text = (REPOSITORY / name).read_text()
    there = os.path.relpath(documentation.SCHEMA, os.path.dirname(name))
    assert text.startswith(f"# yaml-language-server: $schema={there}\n")
    jsonschema.validate(yaml.safe_load(text), SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"trian": {}},
        {"train": {"max_rows": 0}},
        {"alerts": {"live_excess": -1}},
        {"first": "2024-13"},
        {"changes": [{"from": "2024-05"}]},
        {"catalog": {"sales": {"file": "all.parquet"}}},
        {"catalog": {"sales": {"time": ["date"]}}},
        {"catalog": {"sales": {"target": {"column": "sales"}}}},
        {"catalog": {"sales": {"features": {"store": "categry"}}}},
        {"catalog": {"sales": {"features": {"price": {"kind": "number", "scale": 0}}}}},
    ],
)
def test_the_schema_refuses_what_config_refuses(wrong):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


def test_config_yaml_repeats_no_default():
    named = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    assert named.keys() & defaults().keys() <= {"begin"}
    assert named["begin"] != defaults()["begin"]


def test_the_examples_in_config_yaml_are_valid():
    lines = (REPOSITORY / "config/config.yaml").read_text().splitlines()
    start = lines.index("# What is often set, as an example:")
    examples = yaml.safe_load("\n".join(line[2:] for line in lines[start + 1 :] if not line.startswith("# Settings")))
    assert examples.keys() >= {"window", "quality", "changes"}
    jsonschema.validate(examples, SCHEMA)
