"""Files, headings and commands that pages, config and messages refer to exist."""

import re
import subprocess
from pathlib import Path

import pytest
from fixtures.workflow import REPOSITORY
from monthwise.commands import COMMANDS

FOLDERS = "bench|config|deploy|docs|examples|profiles|rules|scripts|tests"
SUFFIXES = "csv|geojson|json|md|py|smk|svg|toml|txt|yaml"
# A path from the repository on, with its suffix, or of a folder whose files have none.
PATH = re.compile(
    rf"(?<![\w./~{{}}-])((?:(?:{FOLDERS})/[\w./-]+\.(?:{SUFFIXES})|(?:deploy|profiles)/[\w./-]*\w))(#[\w-]+)?"
)
# Files of a user, which examples name.
OF_USERS = {"config/sales.py"}
PAGE = re.compile(r"(?<![\w./*{}-])([A-Z]{4,}\.md)\b")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[\w-]+)?\)")
COMMAND = re.compile(r"\./monthwise ([a-z][a-z-]*)")
HEADING = re.compile(r"^#+ (.+)$", re.M)


def texts() -> list[str]:
    """Return the text files of the repository, but for tests."""
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.splitlines() if not name.startswith(("tests/", "config/zones/"))]
    return [name for name in names if Path(name).suffix not in (".csv", ".json", ".svg") and name != "requirements.txt"]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(page.read_text()))
    return {"#" + heading.replace(" ", "-") for heading in plain}


def dead(name: str, text: str) -> list[str]:
    """Return the references in a file's text whose target is missing."""
    missing = []
    links = [(REPOSITORY / Path(name).parent / path, *rest) for path, *rest in LINK.findall(text)]
    links += [(REPOSITORY / path, anchor) for path, anchor in PATH.findall(text) if path not in OF_USERS]
    links += [(REPOSITORY / path if name == "README.md" else next_to(name, path), "") for path in PAGE.findall(text)]
    for target, anchor in links:
        page = REPOSITORY / name if target == REPOSITORY / Path(name).parent else target
        if not page.exists() or (anchor and anchor not in anchors(page)):
            missing.append(f"{target.relative_to(REPOSITORY)}{anchor}")
    return missing + [f"./monthwise {word}" for word in COMMAND.findall(text) if word not in COMMANDS]


def next_to(name: str, page: str) -> Path:
    beside = REPOSITORY / Path(name).parent / page
    return beside if beside.exists() else REPOSITORY / page


@pytest.mark.parametrize("name", texts())
def test_what_a_file_points_to_is_there(name):
    assert dead(name, (REPOSITORY / name).read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "URLs: docs/alerts.md",
        "[here](nowhere.md)",
        "[here](months.md#no-such-heading)",
        "docs/months.md#no-such-heading",
        "as DESIGN.md has it",
        "`deploy/no-such-unit`",
        "run ./monthwise tidy",
    ],
)
def test_a_dead_one_is_found(text):
    assert len(dead("docs/report.md", text)) == 1


def test_every_command_about_the_demo_has_its_config():
    lines = (REPOSITORY / "Makefile").read_text().splitlines()
    about_demo = [line for line in lines if "./monthwise" in line and "--directory demo" in line]
    assert len(about_demo) == 3
    assert all("--configfile config/demo.yaml" in line for line in about_demo)
