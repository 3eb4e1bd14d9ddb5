"""What pages consist of: parts, and figures, each with the table of its numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

Cell = str | tuple[str, str | None]  # a text, or a text and its link
Row = Sequence[Cell]
Shown = Mapping[str, Any]  # content of the files of a month by name, not checked; None if the file is missing


@dataclass(frozen=True)
class Figure:
    """A picture with its caption and its table."""

    title: str
    caption: str
    svg: Markup
    head: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Chart(Figure):
    """A figure over all months; `keys` maps classes to names for the legend."""

    keys: Mapping[str, str]


@dataclass(kw_only=True)
class Part:
    """A part of the page of a month. month.html shows what is set, in this order."""

    name: str = ""
    title: str = ""
    broken: bool = False  # the content of its files is not what it should be
    lines: Sequence[str] = ()
    facts: Mapping[str, object] | None = None
    caption: str = ""
    keys: Mapping[str, str] | None = None  # for the legend of `figures`: names by class
    svg: Markup | None = None
    map: Markup | None = None
    errors_at: Sequence[str] = ()  # bounds between the colours of the map
    rows_at: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    head: Sequence[str] = ()
    rows: Sequence[Row] = ()
    is_open: bool = False  # whether the table is shown without a click
