"""Write pages from templates if their inputs changed; their policy allows only their own style and script."""

import base64
import functools
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from ..base import files
from . import wording
from .parts import Cell, Row

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; style-src '{style}'; script-src '{script}'; img-src data:; base-uri 'none'; form-action 'none'"
)
TAIL_BYTES = 120
UP = "../../"  # from the page of a month to report/


@functools.cache
def environment() -> jinja2.Environment:
    """Return the environment of the templates; all values are escaped."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    env = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    env.globals |= {"style": Markup(_asset("style.css")), "script": Markup(_asset("index.js"))}
    env.globals["policy"] = POLICY.format(style=_hash(_asset("style.css")), script=_hash(_asset("index.js")))
    env.globals["table_rows"] = table_rows
    env.filters["time"] = wording.time
    return env


@functools.cache
def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def table_rows(rows: Iterable[Row]) -> Markup:
    """Return table rows whose first cell is the row header; a cell is a text, or a text and its link (or None)."""
    html_rows = []
    for row in rows:
        cells = [_cell(cell) for cell in row]
        html_rows.append(f"<tr><th>{'<td>'.join(cells)}\n")
    return Markup("".join(html_rows))


def _cell(cell: Cell) -> str:
    if not isinstance(cell, tuple):
        return escape(cell)
    text, link = cell
    return f'<a href="{escape(link)}">{escape(text)}</a>' if link else escape(text)


@functools.cache
def edition() -> str:
    """Return a hash of the code and templates that draw the pages: all pages are redrawn when it changes."""
    parts = sorted([*Path(__file__).parent.glob("*.py"), *TEMPLATES.iterdir()])
    return hashlib.sha256(b"".join(path.read_bytes() for path in parts if path.is_file())).hexdigest()


def digest(inputs: object) -> str:
    """Return a hash of the inputs of a page (JSON-compatible) and of the code that draws it."""
    return hashlib.sha256((edition() + json.dumps(inputs, sort_keys=True)).encode()).hexdigest()


def is_drawn(path: Path, inputs: str) -> bool:
    """Return whether a page exists, is complete, and was drawn from `inputs` (a digest)."""
    try:
        with open(path, "rb") as file:
            file.seek(max(path.stat().st_size - TAIL_BYTES, 0))
            return file.read().endswith(_end(inputs))
    except OSError:
        return False


def draw(path: Path, template: str, inputs: str, **content: object) -> None:
    """Write a page from its template; its last line is the digest of its inputs."""
    html = environment().get_template(template).render(**content)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace_file(path, html.encode("utf-8", "replace") + _end(inputs))


def _end(inputs: str) -> bytes:
    return f"\n<!-- {inputs} -->\n".encode()
