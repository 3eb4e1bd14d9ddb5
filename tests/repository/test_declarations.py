"""Rules, programs, the stage table and the lock agree with each other."""

import ast
import functools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from fixtures.workflow import REPOSITORY
from monthwise.workflow import stages
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROGRAMS = sorted(path.stem for path in (REPOSITORY / "scripts").glob("*.py"))
RULES = "\n".join(path.read_text() for path in sorted((REPOSITORY / "rules").glob("*.smk")))
PACKAGE = REPOSITORY / "scripts/monthwise"

# A program that loads the module of a dataset imports what this one imports; its own files are inputs of the rule.
LOADER = "prepare/__init__"
DATASET_MODULES = list(PACKAGE.glob("prepare/*/*.py"))

# They end, write and name things, or carry bytes that the publisher made (demo states its own version in source.json).
CHANGE_NO_NUMBERS = ("base/", "job/", "publisher/", "state/decisions", "models/recipes/__init__")
BUT = {"base/rounding", "base/metric_values", "base/tasks"}

HEAVY = {"urllib3", "pyarrow", "numpy", "pandas", "sklearn", "skops", "scipy", "mlflow", "pydantic"}
BUDGET = {
    "locate": {"urllib3"},
    "ingest": {"urllib3", "pyarrow", "numpy"},  # pyarrow.parquet brings numpy
    "clean": {"pyarrow", "numpy"},
    "featurize": {"pyarrow", "numpy"},
    "train": {"pyarrow", "numpy", "pandas", "sklearn", "skops", "scipy"},
    "evaluate": {"pyarrow", "numpy", "pandas", "sklearn", "skops", "scipy"},
    "score": {"pyarrow", "numpy", "pandas", "sklearn", "skops", "scipy"},
    "compare": {"pyarrow", "numpy", "scipy"},
    "drift": {"pyarrow", "numpy", "scipy"},
    "promote": set(),
    "evidence": set(),
}


@functools.cache
def imported_modules(path: Path) -> frozenset[str]:
    """Return the modules of the package that a file imports, and those that these import: `data/tables`."""
    package = path.relative_to(PACKAGE.parent).parent.parts
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = PACKAGE.parent.joinpath(*base, *(node.module or "").split("."))
            named = [module, *(module / alias.name for alias in node.names)]
            files = [
                file for module_path in named for file in (module_path.with_suffix(".py"), module_path / "__init__.py")
            ]
            inside = [file for file in files if file.is_relative_to(PACKAGE) and file.exists()]
            names |= {str(file.relative_to(PACKAGE).with_suffix("")) for file in inside}
    rooms = {name for name in names if name.count("/") == 1 and name.endswith("/__init__")} - {LOADER}
    deeper = (imported_modules(PACKAGE / f"{name}.py") for name in names - rooms if PACKAGE / f"{name}.py" != path)
    return frozenset((names - rooms).union(*deeper))


@pytest.mark.parametrize("stage", stages.STAGES)
def test_a_rule_declares_the_modules_that_can_change_its_numbers(stage):
    imported = imported_modules(REPOSITORY / f"scripts/{stage}.py")
    if LOADER in imported:
        by_modules = frozenset().union(*map(imported_modules, DATASET_MODULES))
        imported |= {name for name in by_modules if not name.startswith("prepare/")}
    needed = {name for name in imported if not name.startswith(CHANGE_NO_NUMBERS) or name in BUT} - {"__init__"}
    assert sorted(needed) == sorted(stages.STAGES[stage].modules)


def test_every_program_has_its_rule_log_benchmark_and_test():
    for name in PROGRAMS:
        assert f"rule {name}:" in RULES
        wildcards = "{dataset}" if name == "register" else "{dataset}/{month}"
        assert f'"logs/{name}/{wildcards}.log"' in RULES
        assert f'"benchmarks/{name}/{wildcards}.tsv"' in RULES
        assert (REPOSITORY / f"tests/test_{name}.py").exists(), name
    assert sorted(re.findall(r"^rule (\w+):", RULES, re.M)) == PROGRAMS


@pytest.mark.parametrize("stage", stages.STAGES.values(), ids=lambda stage: stage.name)
def test_a_rule_is_what_the_stage_table_says(stage):
    """Options and files of the rule, its modules and its settings, in both directions."""
    rule = re.search(rf"^rule {stage.name}:\n(.*?)(?=^rule |\Z)", RULES, re.M | re.S)[1]
    sections = dict(re.findall(r"^    (\w+):\n((?:        .*\n|\n)+)", rule, re.M))
    options = dict(re.findall(r"^        (\w+)=(.*(?:\n            .*|\n        \),)*)", sections["input"], re.M))
    assert options.keys() - {"program", "modules", "recipe"} == stage.inputs.keys()
    outputs = dict(re.findall(r"^        (\w+)=((?:.|\n(?!        \w+=))*)", sections["output"], re.M))
    assert list(outputs) == list(stage.outputs)
    folder = {"data": "data/{dataset}/{month}/", "run": "runs/{dataset}/{month}/", "registry": ""}[stage.kind]
    assert {option: re.search(r'"([^"]*\.[a-z]+)"', text)[1] for option, text in outputs.items()} == {
        option: folder + name for option, name in stage.outputs.items()
    }
    for option, given in stage.inputs.items():
        files = re.findall(r'"(?:(data|runs)/\{dataset\}/\{month\}/)?([\w.]+)"', options[option])
        if files and given.place == "month":
            assert [name for _, name in files] == list(given.names), (stage.name, option)
        assert f"--{option.replace('_', '-')} {{input.{option}:q}}" in " ".join(sections["shell"].split('"'))
    assert f'program("{stage.name}")' in options["program"]
    assert f'settings("{stage.name}")' in sections["params"]
    assert ("modules" in options) == (stage.name != "locate")


def test_every_module_that_a_rule_names_exists():
    for stage in stages.STAGES.values():
        assert [name for name in stage.modules if not (PACKAGE / f"{name}.py").exists()] == []


@pytest.mark.parametrize("name", sorted(BUDGET))
def test_a_program_imports_no_more_than_its_budget(name):
    code = f"import sys; sys.path.insert(0, 'scripts'); import {name}; print(*{{m.split('.')[0] for m in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert HEAVY & set(loaded.stdout.split()) <= BUDGET[name]


def test_parsing_the_snakefile_imports_nothing_heavy():
    code = (
        "import sys; sys.path.insert(0, 'scripts'); import monthwise.config.settings, monthwise.workflow.targets;"
        "print(*{m.split('.')[0] for m in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert HEAVY & set(loaded.stdout.split()) == {"pydantic"}  # Snakemake imports it, too


def locked() -> dict[str, list[Requirement]]:
    locks: dict[str, list[Requirement]] = {}
    for line in (REPOSITORY / "requirements.txt").read_text().splitlines():
        if line and not line[0].isspace() and line[0] != "#":
            lock = Requirement(line.rstrip(" \\"))
            locks.setdefault(canonicalize_name(lock.name), []).append(lock)
    return locks


def test_the_lock_holds_what_the_project_asks_for():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    for text in (*project["dependencies"], *project["optional-dependencies"]["test"]):
        requirement = Requirement(text)
        versions = [str(lock.specifier).removeprefix("==") for lock in locked()[canonicalize_name(requirement.name)]]
        assert versions, text
        assert all(requirement.specifier.contains(version) for version in versions), (text, versions)


def test_the_lock_has_hashes_and_names_no_registry():
    text = (REPOSITORY / "requirements.txt").read_text()
    assert text.count("--hash=sha256:") > len(locked())
    assert not re.search(r"https?://|^--(index|find|extra)", text, re.M)


def test_conda_installs_the_same_lock_and_python():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert {"pip": ["-r requirements.txt"]} in environment["dependencies"]
    assert f"python{project['requires-python']}" in environment["dependencies"]


def test_every_direct_dependency_has_a_reason():
    text = (REPOSITORY / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.M | re.S)[1]
    assert [line for line in block.splitlines() if "#" not in line] == []


def test_every_rule_has_its_environment():
    assert RULES.count('"../environment.yml"') == len(PROGRAMS)


def test_every_rule_says_what_a_scheduler_asks_for():
    rules = re.split(r"^rule ", RULES, flags=re.M)[1:]
    resources = re.compile(r"^    threads: \d+\n    resources:\n        mem_mb=.*\n        runtime=\d+,$", re.M)
    assert [rule.split(":")[0] for rule in rules if not resources.search(rule)] == []
    assert len(rules) == len(PROGRAMS)
