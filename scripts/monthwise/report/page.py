"""Pages: from a template, with a policy that allows nothing but their own style and script; written where changed."""

import base64
import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from ..base import files
from . import wording

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; style-src '{style}'; script-src '{script}'; img-src data:; base-uri 'none'; form-action 'none'"
)
TAIL_BYTES = 120
UP = "../../"  # from the page of a month to report/


@functools.cache
def environment() -> jinja2.Environment:
    """Return the templates; whatever is put into them is escaped."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    found = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    found.globals |= {"style": Markup(_asset("style.css")), "script": Markup(_asset("index.js"))}
    found.globals["policy"] = POLICY.format(style=_hash(_asset("style.css")), script=_hash(_asset("index.js")))
    found.globals["table_rows"] = table_rows
    found.filters["time"] = wording.time
    return found


@functools.cache
def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def table_rows(rows: Iterable[Sequence]) -> Markup:
    """Return rows of a table, the first cell of each its head; a cell is a text, or a text and its link (or None)."""
    found = []
    for row in rows:
        cells = [_cell(cell) for cell in row]
        found.append(f"<tr><th>{'<td>'.join(cells)}\n")
    return Markup("".join(found))


def _cell(cell: object) -> str:
    if not isinstance(cell, tuple):
        return escape(cell)
    text, link = cell
    return f'<a href="{escape(link)}">{escape(text)}</a>' if link else escape(text)


@functools.cache
def edition() -> str:
    """Return a hash of what draws the pages: they are drawn again when it changes."""
    parts = sorted([*Path(__file__).parent.glob("*.py"), *TEMPLATES.iterdir()])
    return hashlib.sha256(b"".join(path.read_bytes() for path in parts if path.is_file())).hexdigest()


def digest(inputs: object) -> str:
    """Return the hash of all that a page is drawn from, JSON, and of what draws it."""
    return hashlib.sha256((edition() + json.dumps(inputs, sort_keys=True)).encode()).hexdigest()


def is_drawn(path: Path, inputs: str) -> bool:
    """Whether a page is there, whole, and drawn from `inputs` (a digest)."""
    try:
        with open(path, "rb") as file:
            file.seek(max(path.stat().st_size - TAIL_BYTES, 0))
            return file.read().endswith(_end(inputs))
    except OSError:
        return False


def draw(path: Path, template: str, inputs: str, **content: object) -> None:
    """Write a page from its template; its last line says what it was drawn from."""
    html = environment().get_template(template).render(**content)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace_file(path, html.encode("utf-8", "replace") + _end(inputs))


def _end(inputs: str) -> bytes:
    return f"\n<!-- {inputs} -->\n".encode()
