"""The rooms of the package: imports go down, and never from the package to a program."""

import ast
import graphlib
from pathlib import Path

from fixtures.workflow import REPOSITORY

PACKAGE = REPOSITORY / "scripts/monthwise"
PROGRAMS = {path.stem for path in PACKAGE.parent.glob("*.py")}
# From the top down: a room imports those below it.
ROOMS = ("commands", "runner", "verify", "report", "tracking", "state", "workflow", "config", "publisher", "models")
ROOMS += ("prepare", "data", "job", "base")
# Model files name their class by this module.
FLAT = {"__init__", "baseline"}


def name_of(path: Path) -> str:
    """Return the dotted name of a module's file: `monthwise.data.tables`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


def imports(path: Path) -> set[str]:
    """Return the modules of the package, and the programs, that a file imports anywhere in it."""
    package = path.relative_to(PACKAGE.parent).parent.parts
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            submodules = {f"{module}.{alias.name}" for alias in node.names} & MODULES.keys()
            names |= submodules if len(submodules) == len(node.names) else {module, *submodules}
    return {name for name in names if name in MODULES or name in PROGRAMS}


def upward(room: str, imported: str) -> bool:
    parts = imported.split(".")
    if parts[0] in PROGRAMS:
        return True
    if parts[0] != "monthwise":
        return False
    return parts[1] not in ROOMS or ROOMS.index(parts[1]) < ROOMS.index(room)


def test_every_room_is_in_the_order():
    assert {path.parent.name for path in PACKAGE.glob("*/*.py")} == set(ROOMS)
    assert {path.stem for path in PACKAGE.glob("*.py")} == FLAT


def test_imports_go_down():
    upward_imports = []
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        upward_imports += [
            f"{path.relative_to(PACKAGE)}: {name}" for name in imports(path) if room in ROOMS and upward(room, name)
        ]
    assert upward_imports == []


def test_imports_make_no_circle():
    graphlib.TopologicalSorter({name: imports(path) - {name} for name, path in MODULES.items()}).prepare()


def test_an_import_that_goes_up_is_found():
    assert upward("base", "monthwise.job.command_line")
    assert upward("verify", "train")
    assert not upward("runner", "monthwise.base.exits")
