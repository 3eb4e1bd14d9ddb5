"""`./monthwise datasets --new`: write the config of a new dataset, from two of its months.

What this command infers is written down: a run never infers a type. Whoever owns the data then edits the file.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import yaml

from ..base.exits import WrongUsage
from ..base.resources import resource
from ..config.sections.datasets import RESERVED
from ..models import leaks
from .new_files import PublishedMonths, read_two

if TYPE_CHECKING:
    from typing import Any

    from pandas import DataFrame, Series

MOST_CLASSES = 20
MOST_SEGMENTS = 50
TIME_WORDS = ("time", "date", "day", "timestamp", "datetime", "ts")
IN_MONTH = 0.9  # share of the values of the time column that are in the month of the file
POSITIVE = ("1", "yes", "true", "y", "t")


class Column(NamedTuple):
    """A feature of the new dataset, or why a column is none."""

    kind: str | None
    note: str


def write(arguments: argparse.Namespace) -> int:
    """Write NAME.yaml, a config file for `--configfile`, into the working directory of the user."""
    name, pattern = arguments.new, Path(arguments.file)
    if not re.fullmatch("[A-Za-z0-9_-]+", name):
        raise WrongUsage(f"--new {name}: a name has letters, digits, - and _")
    path = Path(arguments.called_from) / f"{name}.yaml"
    if path.exists():
        raise WrongUsage(f"{path} is there; move it away, or choose another name")
    published = read_two(Path(arguments.called_from) / pattern.parent, pattern.name)
    text = config(name, (Path(arguments.called_from) / pattern.parent).resolve(), pattern.name, published, arguments)
    path.write_text(text, encoding="utf-8")
    print(f"{path}: from {', '.join(published.frames)} of {len(published.months)} months; read it, edit it, then run")
    print(f"  ./monthwise run --directory {name} --configfile {path.name}")
    return os.EX_OK


def config(name: str, where: Path, pattern: str, published: PublishedMonths, arguments: argparse.Namespace) -> str:
    """Return the text of the config file."""
    frame = pd.concat(list(published.frames.values()), ignore_index=True)
    if arguments.target not in frame.columns:
        known = ", ".join(map(str, frame.columns))
        raise WrongUsage(f"--target {arguments.target}: there is no such column; there are {known}")
    time = arguments.time or _time_column(published)
    task, target, target_note = _target(frame[arguments.target], arguments.target, arguments.positive)
    columns = {
        str(column): _column(frame[column]) for column in frame.columns if column not in (time, arguments.target)
    }
    leaking = _leaks(frame, columns, arguments.target, task)
    head = [
        f"# yaml-language-server: $schema={resource('config/schema.json')}",
        f"# {name}: written by `./monthwise datasets --new` from {' and '.join(published.frames)}.",
        "# Read it before you trust it.",
        "",
        f"source: {_one_line(f'file:{where}')}",
        f"datasets: [{name}]",
        f"tracking: {{name: {name}}}",
        "",
        "catalog:",
        f"  {name}:",
        '    description: ""',
        f"    file: {_one_line(pattern)}",
        f"    format: {published.file_format}",
        *([f"    csv: {_one_line(published.csv)}"] if published.csv else []),
        f"    time: {_one_line(time)}   # dates a row; rows of another month are dropped",
        f"    target: {_one_line(target)}{target_note}",
        *([f"    task: {task}"] if task != "regression" else []),
        "    features:               # what is known when a row begins; delete what is not",
    ]
    lines = [*_feature_lines(columns, leaking), *_time_lines(frame[time], len(published.frames))]
    kinds = {column: kind for column, (kind, _) in columns.items() if column not in leaking}
    few = [column for column, kind in kinds.items() if kind == "category" and frame[column].nunique() <= MOST_SEGMENTS]
    if few:
        segments = dict.fromkeys(map(_feature_name, few[:3]))
        lines.append(f"    segments: {_one_line(segments)}   # errors are shown by these")
    return "\n".join([*head, *lines]) + "\n"


def _feature_lines(columns: dict[str, Column], leaking: dict[str, float]) -> Iterator[str]:
    """Yield a line for each column; those that are no feature are comments."""
    for column, (kind, note) in columns.items():
        feature = _feature_name(column)
        spelled = kind if feature == column else {"kind": kind, "columns": [column]}
        if column in leaking:
            note = f"left out: by itself it explains {leaking[column]:.1%} of the target; known only afterwards?"
        is_left_out = kind is None or column in leaking
        comment = f"   # {note}" if note else ""
        yield f"      {'# ' if is_left_out else ''}{feature}: {_one_line(spelled)}{comment}"


def _time_lines(column: Series[Any], months_read: int) -> list[str]:
    """Return the calendar features, or the bounds of a table that dates all rows of a month on one day."""
    moments = pd.to_datetime(column, errors="coerce", format="ISO8601")
    if moments.dt.normalize().nunique() <= months_read:
        bounds = "{reject: {days_share_below: null}, warn: {days_share_below: null}}"
        return [f"    quality: {bounds}   # all rows of a month have one day"]
    return ["      weekday: calendar", *(["      hour: calendar"] if moments.dt.hour.nunique() > 1 else [])]


def _one_line(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _feature_name(column: str) -> str:
    """Return the column as the name of a feature: letters, digits and underscores."""
    name = re.sub(r"\W+", "_", column.strip(), flags=re.ASCII).strip("_").lower() or "column"
    name = name if not name[0].isdigit() else f"_{name}"
    return column if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", column) and column not in RESERVED else _free(name)


def _free(name: str) -> str:
    return f"{name}_" if name in RESERVED else name


def _time_column(published: PublishedMonths) -> str:
    """Return the column whose values are in the month of their file; raises WrongUsage if there is none."""
    shares: dict[str, float] = {}
    first = next(iter(published.frames.values()))
    for column in first.columns:
        shares[str(column)] = min(_share_in_month(frame, column, month) for month, frame in published.frames.items())
    best = [column for column, share in shares.items() if share >= IN_MONTH]
    if not best:
        raise WrongUsage(
            "no column has dates of the month in the name of its file; name the one that dates a row with --time, and"
            " its format in the file that is written"
        )
    return max(best, key=lambda column: (any(word in column.lower() for word in TIME_WORDS), shares[column]))


def _share_in_month(frame: DataFrame, column: str, month: str) -> float:
    if column not in frame.columns or frame[column].dtype.kind in "biuf":
        return 0.0
    moments = pd.to_datetime(frame[column].head(10_000), errors="coerce", format="ISO8601", utc=True)
    return float((moments.dt.strftime("%Y-%m") == month).mean())


def _target(column: Series[Any], name: str, positive: str | None) -> tuple[str, object, str]:
    """Return the task, the target as in config, and a comment."""
    values = column.dropna()
    texts = values.map(_text)
    distinct = sorted(texts.unique())
    if positive is not None:
        return "binary", {"columns": [name], "positive": positive}, ""
    if len(distinct) == 2:
        likely = [value for value in distinct if value.lower() in POSITIVE]
        rarer = likely[0] if likely else str(texts.value_counts().index[-1])
        return "binary", {"columns": [name], "positive": rarer}, "   # the value to look for"
    if column.dtype.kind in "iuf":
        return "regression", name, "   # give min, max and unit: {columns: [...], min: 0, unit: EUR}"
    if 2 < len(distinct) <= MOST_CLASSES:
        return "multiclass", {"columns": [name], "classes": distinct}, ""
    raise WrongUsage(
        f"--target {name} has {len(distinct):,} different texts; it should be a number, or one of at most"
        f" {MOST_CLASSES} classes"
    )


def _text(value: object) -> str:
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value).strip()


def _column(column: Series[Any]) -> Column:
    """Return the kind of a feature, or None and why the column is left out."""
    distinct = column.nunique()
    if distinct <= 1:
        return Column(None, "left out: all values are equal or missing")
    if column.dtype.kind == "b":
        return Column("flag", "")
    if column.dtype.kind in "iuf":
        return Column(
            "number", "a number; category, if it is an id" if column.dtype.kind in "iu" and distinct <= 50 else ""
        )
    if (
        column.dtype.kind == "M"
        or pd.to_datetime(column.head(1_000), errors="coerce", format="ISO8601", utc=True).notna().mean() > 0.9
    ):
        return Column(None, "left out: a date")
    if distinct > len(column) / 2:
        return Column(None, "left out: nearly every row has a text of its own")
    return Column("category", f"{distinct:,} values" if distinct > 50 else "")


def _leaks(frame: DataFrame, columns: dict[str, Column], target: str, task: str) -> dict[str, float]:
    """Return the columns that explain nearly all of the target by themselves, and how much."""
    codes = pd.factorize(frame[target])[0].astype(float)
    values = frame[target].astype(float) if frame[target].dtype.kind in "iuf" else pd.Series(codes)
    known = values.notna()
    table = pd.DataFrame({"target": values[known]})
    for name, (kind, _) in columns.items():
        if kind:
            table[name] = frame.loc[known, name]
    entries = leaks.leaks(
        table.reset_index(drop=True), [str(name) for name in table if name != "target"], task, "these months"
    )
    return {entry["feature"]: entry["number"] for entry in entries}
