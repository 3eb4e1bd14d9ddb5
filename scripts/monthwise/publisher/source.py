"""What all kinds of publishers say in the same way: where a folder is, which month, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import suggest
from ..base.resources import ROOT

if TYPE_CHECKING:
    from typing import Any


def resolve_folder(source: str) -> Path:
    """Return the folder of `file:FOLDER`; a relative path is relative to the repository."""
    return ROOT / Path(source.removeprefix("file:")).expanduser()


def name(settings: Mapping[str, Any]) -> str:
    """Return service and month, for the start of a message."""
    return f"{settings['service']} {settings['month']}"


def how_to_locate(settings: Mapping[str, Any]) -> str:
    """Return what to do if source.json is outdated, for the end of a message."""
    return f"run `{suggest.command('locate', settings['month'], service=settings['service'])}`, then rerun the command"
