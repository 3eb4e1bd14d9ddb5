"""The rooms of the package: imports go down, and never from the package to a program."""

import ast
from pathlib import Path

from workflow import REPOSITORY

PACKAGE = REPOSITORY / "scripts/monthwise"
PROGRAMS = {path.stem for path in PACKAGE.parent.glob("*.py")}
# From the top down: a room imports what stands below it.
ROOMS = ("commands", "runner", "verify", "report", "tracking", "state", "workflow", "config", "publisher", "models")
ROOMS += ("data", "job", "base")
# Model files name their class by this module.
FLAT = {"__init__", "baseline"}


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever it does: dotted, those of this package from its top on."""
    package = path.relative_to(PACKAGE.parent).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            found |= {f"{module}.{alias.name}" for alias in node.names} if module == "monthwise" else {module}
    return found


def upward(room: str, imported: str) -> bool:
    parts = imported.split(".")
    if parts[0] in PROGRAMS:
        return True
    if parts[0] != "monthwise":
        return False
    return parts[1] not in ROOMS or ROOMS.index(parts[1]) < ROOMS.index(room)


def test_every_room_is_in_the_order():
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"} == set(ROOMS)
    assert {path.stem for path in PACKAGE.glob("*.py")} == FLAT


def test_imports_go_down():
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        wrong += [
            f"{path.relative_to(PACKAGE)}: {name}" for name in imports(path) if room in ROOMS and upward(room, name)
        ]
    assert wrong == []


def test_an_import_that_goes_up_is_found():
    assert upward("base", "monthwise.job.command_line")
    assert upward("verify", "train")
    assert not upward("runner", "monthwise.base.exits")
