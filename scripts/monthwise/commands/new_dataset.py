"""`./monthwise datasets --new`: write the config of a new dataset, from up to twelve of its months.

What this command infers is written down: a run never infers a type. Whoever owns the data then edits the file.
"""

from __future__ import annotations

import argparse
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import yaml

from ..base.exits import WrongUsage
from ..base.resources import resource
from ..config.sections.datasets import RESERVED
from . import new_columns
from .new_columns import Column
from .new_files import PublishedMonths, read_months

if TYPE_CHECKING:
    from typing import Any

    from pandas import Series

MOST_CLASSES = 20
MOST_SEGMENTS = 50
MOST_REPEATED = 0.005  # share of rows; half of quality.warn.duplicates_share_above
POSITIVE = ("1", "yes", "true", "y", "t")


def write(arguments: argparse.Namespace) -> int:
    """Write NAME.yaml, a config file for `--configfile`, into the working directory of the user."""
    name, pattern = arguments.new, Path(arguments.file)
    if not re.fullmatch("[A-Za-z0-9_-]+", name):
        raise WrongUsage(f"--new {name}: a name has letters, digits, - and _")
    path = Path(arguments.called_from) / f"{name}.yaml"
    if path.exists():
        raise WrongUsage(f"{path} is there; move it away, or choose another name")
    published = read_months(Path(arguments.called_from) / pattern.parent, pattern.name)
    text = config(name, (Path(arguments.called_from) / pattern.parent).resolve(), pattern.name, published, arguments)
    path.write_text(text, encoding="utf-8")
    print(f"{path}: from {len(published.frames)} of {len(published.months)} months; read it, edit it, then run")
    print(f"  ./monthwise run --directory {name} --configfile {path.name}")
    return os.EX_OK


def config(name: str, where: Path, pattern: str, published: PublishedMonths, arguments: argparse.Namespace) -> str:
    """Return the text of the config file."""
    frame = pd.concat(list(published.frames.values()), ignore_index=True)
    if arguments.target not in frame.columns:
        known = ", ".join(map(str, frame.columns))
        raise WrongUsage(f"--target {arguments.target}: there is no such column; there are {known}")
    time = new_columns.time_column(published, arguments.time)
    task, target, target_note = _target(frame[arguments.target], arguments.target, arguments.positive)
    columns = {
        str(name): new_columns.judge(frame[name], published)
        for name in frame.columns
        if name not in (time.name, arguments.target)
    }
    columns = new_columns.without_leaks(frame, columns, arguments.target, task)
    parts = _parts(time.moments(frame), len(published.frames))
    task_line = [f"    task: {task}"] if task != "regression" else []
    head = [
        *_head(name, where, pattern, published),
        f"    time: {_one_line(time.as_config())}   # dates a row; rows of another month are dropped",
        f"    target: {_one_line(target)}{target_note}",
        *task_line,
        "    features:               # what is known when a row begins; delete what is not",
    ]
    lines = [*_feature_lines(columns), *(f"      {part}: calendar" for part in parts)]
    by = new_columns.baseline(frame, columns, time, parts, arguments.target)
    lines.append(
        f"    baseline: [{_feature_name(by) if by else ''}]   # models are compared with the mean target by this"
    )
    if few := [
        name
        for name, column in columns.items()
        if column.kind == "category" and not column.is_left_out and frame[name].nunique() <= MOST_SEGMENTS
    ]:
        segments = dict.fromkeys(map(_feature_name, few[:3]))
        lines.append(f"    segments: {_one_line(segments)}   # errors are shown by these")
    lines += _quality_lines(bool(parts), new_columns.repeats(columns, published))
    return "\n".join([*head, *lines]) + "\n"


def _head(name: str, where: Path, pattern: str, published: PublishedMonths) -> list[str]:
    """Return the lines up to how the files are written."""
    months = list(published.frames)
    return [
        f"# yaml-language-server: $schema={resource('config/schema.json')}",
        f"# {name}: written by `./monthwise datasets --new`, from months of {months[0]} to {months[-1]}.",
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
    ]


def _feature_lines(columns: dict[str, Column]) -> Iterator[str]:
    """Yield a line for each column; those that are no feature are comments."""
    for name, (kind, note, is_left_out) in columns.items():
        feature = _feature_name(name)
        spelled = kind if feature == name else {"kind": kind, "columns": [name]}
        line = f"{feature}: {_one_line(spelled)}" if kind else _one_line(name)
        yield f"      {'# ' if is_left_out or not kind else ''}{line}{f'   # {note}' if note else ''}"


def _parts(moments: Series[Any], months_read: int) -> list[str]:
    """Return the calendar features; none if a table dates all rows of a month on one day."""
    if moments.dt.normalize().nunique() <= months_read:
        return []
    return ["weekday", *(["hour"] if moments.dt.hour.nunique() > 1 else [])]


def _quality_lines(has_days: bool, repeated: float) -> Iterator[str]:
    """Yield the bounds that the months would break every time."""
    if has_days and repeated <= MOST_REPEATED:
        return
    yield "    quality:"
    if not has_days:
        yield "      reject: {days_share_below: null}   # all rows of a month have one day"
    warn = {"days_share_below": None} if not has_days else {}
    warn |= {"duplicates_share_above": None} if repeated > MOST_REPEATED else {}
    comment = (
        f"   # up to {repeated:.1%} of the rows are equal in the columns above" if repeated > MOST_REPEATED else ""
    )
    yield f"      warn: {_one_line(warn)}{comment}"


def _one_line(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _feature_name(column: str) -> str:
    """Return the column as the name of a feature: letters, digits and underscores."""
    letters = unicodedata.normalize("NFKD", column.strip().casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"\W+", "_", letters).strip("_") or "column"
    name = name if not name[0].isdigit() else f"_{name}"
    return column if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", column) and column not in RESERVED else _free(name)


def _free(name: str) -> str:
    return f"{name}_" if name in RESERVED else name


def _target(column: Series[Any], name: str, positive: str | None) -> tuple[str, object, str]:
    """Return the task, the target as in config, and a comment."""
    values = column.dropna()
    texts = values.map(_text)
    distinct = sorted(texts.unique())
    if len(distinct) < 2:
        raise WrongUsage(f"--target {name}: all its values are equal or missing; name another column")
    if positive is not None:
        return "binary", {"columns": [name], "positive": positive}, ""
    if len(distinct) == 2:
        likely = [value for value in distinct if value.lower() in POSITIVE]
        rarer = likely[0] if likely else str(texts.value_counts().index[-1])
        return "binary", {"columns": [name], "positive": rarer}, "   # the value to look for"
    if column.dtype.kind in "iuf":
        return (
            "regression",
            name,
            f"   # or {{columns: [{name}], min: 0, unit: EUR}}: rows with a smaller target are dropped",
        )
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
