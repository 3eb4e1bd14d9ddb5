"""Months generated from a seed by `demo` of the module of a dataset: a source without network or mirror."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.exits import NotPublished, TryAgain
from .source import how_to_locate

if TYPE_CHECKING:
    from typing import Any

    from ..base.file_types import Source

VERSION = 1  # of the generator: increase it when the same seed gives other bytes


def locate(settings: Mapping[str, Any]) -> Source:
    """Return the facts of a month (source.json). Raises NotPublished if the demo does not have the month yet."""
    dataset, month, demo = settings["dataset"], settings["month"], settings["demo"]
    if "newest" in demo:
        raise NotPublished(
            f"{dataset} {month} is not published: the demo's newest month is {demo['newest']}; "
            "move demo.last in config/config.yaml on, then rerun the command"
        )
    return {
        "kind": "demo",
        "dataset": dataset,
        "month": month,
        "version": VERSION,
        "seed": demo["seed"],
        "rows": demo["rows"],
    }


def fetch(facts: Source, settings: Mapping[str, Any], path: str | Path) -> None:
    """Write the month that `facts` (from `locate`) describe. Raises TryAgain if they are from another version."""
    dataset, month = facts["dataset"], facts["month"]
    if facts["version"] != VERSION:
        raise TryAgain(
            f"{dataset} {month} was located with version {facts['version']} of the demo's generator, which is "
            f"{VERSION} by now; {how_to_locate(settings)}"
        )
    # Imported only here: `locate` needs nothing of it.
    generator = importlib.import_module(f"..prepare.{settings['prepare']}.demo", __package__)
    generator.write_month(path, settings["layout"], month, facts["rows"], facts["seed"], dataset)
