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
    """Return dataset and month, for the start of a message."""
    return f"{settings['dataset']} {settings['month']}"


def how_to_locate(settings: Mapping[str, Any]) -> str:
    """Return what to do if source.json is outdated, for the end of a message."""
    return f"run `{suggest.command('locate', settings['month'], dataset=settings['dataset'])}`, then rerun the command"
