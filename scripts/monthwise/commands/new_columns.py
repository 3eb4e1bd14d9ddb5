"""Find out what the columns of a new dataset are: the time, kinds of features, what is known only afterwards."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ..base.exits import WrongUsage
from ..models import leaks

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt
    from pandas import DataFrame, Series

    from .new_files import PublishedMonths

TIME_WORDS = ("time", "date", "day", "timestamp", "datetime", "ts", "datum")
IN_MONTH = 0.9  # share of the values of the time column that are in the month of the file
DATES = 0.9  # share of the values of a date
DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y")
FORMATS = (None, *(f"{day}{time}" for day in DAYS for time in ("", " %H:%M", " %H:%M:%S")))  # None: ISO 8601
TRIED = 10_000  # rows
SPARSE = 0.9  # share of missing values, in a month, of a column that is left out
PARTS = {"weekday": "day_of_week", "hour": "hour"}  # of a time, as pandas calls them


class Column(NamedTuple):
    """The kind of a feature of the new dataset, or None if a column cannot be one."""

    kind: str | None
    note: str
    is_left_out: bool = False


class TimeColumn(NamedTuple):
    """The column that dates a row, and the format of its texts; None: ISO 8601, or no text."""

    name: str
    format: str | None

    def moments(self, frame: DataFrame) -> Series[Any]:
        """Return its values as UTC; what is not a time is missing."""
        return _moments(frame[self.name], self.format)

    def as_config(self) -> object:
        """Return the value of `time` in config."""
        return {"columns": [self.name], "format": self.format} if self.format else self.name


def _moments(column: Series[Any], written: str | None) -> Series[Any]:
    return pd.to_datetime(column, errors="coerce", format=written or "ISO8601", utc=True)


def time_column(published: PublishedMonths, name: str | None) -> TimeColumn:
    """Return the column whose values are in the month of their file; raises WrongUsage if there is none.

    `name` is the column that the user names, or None.
    """
    first = next(iter(published.frames.values()))
    names = [str(column) for column in first.columns] if name is None else [name]
    if name is not None and name not in first.columns:
        raise WrongUsage(f"--time {name}: there is no such column; there are {', '.join(map(str, first.columns))}")
    shares = {
        TimeColumn(column, written): min(
            _share_in_month(frame, column, written, month) for month, frame in published.frames.items()
        )
        for column in names
        for written in FORMATS
    }
    fitting = [column for column, share in shares.items() if share >= IN_MONTH]
    if not fitting:
        raise WrongUsage(
            f"{'no column has' if name is None else f'{name} has no'} dates of the month in the name of its file, in"
            " ISO 8601 or as day, month and year with dots or slashes; check the file names, or write the config"
            " yourself, with time.format (docs/your-own-data.md)"
        )
    return max(fitting, key=lambda column: (any(word in column.name.lower() for word in TIME_WORDS), shares[column]))


def _share_in_month(frame: DataFrame, column: str, written: str | None, month: str) -> float:
    if column not in frame.columns or frame[column].dtype.kind in "biuf":
        return 0.0
    return float((_moments(frame[column].head(TRIED), written).dt.strftime("%Y-%m") == month).mean())


def judge(column: Series[Any], published: PublishedMonths) -> Column:
    """Return the kind of a feature, or None, and why the column is left out; `column` has the rows of all months."""
    missing = {
        month: float(frame[column.name].isna().mean()) if column.name in frame else 1.0
        for month, frame in published.frames.items()
    }
    worst = max(missing, key=lambda month: missing[month])
    judged = _kind(column)
    frames = [frame for frame in published.frames.values() if column.name in frame]
    if judged.kind == "category" and all(frame[column.name].nunique() > len(frame) / 2 for frame in frames):
        return Column(None, "left out: nearly every row has a text of its own")
    if judged.kind and missing[worst] > SPARSE:
        return Column(judged.kind, f"left out: {missing[worst]:.0%} of {worst} is missing", is_left_out=True)
    return judged


def _kind(column: Series[Any]) -> Column:
    distinct = column.nunique()
    if distinct <= 1:
        return Column(None, "left out: all values are equal or missing")
    if column.dtype.kind == "b":
        return Column("flag", "")
    if column.dtype.kind in "iuf":
        is_id = bool(re.search(r"(?i:(^|[\W_])(id|nr|no|code|key)($|[\W_]))|[a-z]I[dD]$", str(column.name)))
        return Column("number", "a number; category, if it is an id" if is_id else "")
    if column.dtype.kind == "M" or _is_date(column.dropna().head(1_000)):
        return Column(None, "left out: a date")
    return Column("category", f"{distinct:,} values" if distinct > 50 else "")


def _is_date(column: Series[Any]) -> bool:
    return any(_moments(column, written).notna().mean() > DATES for written in FORMATS)


def repeats(columns: dict[str, Column], published: PublishedMonths) -> float:
    """Return the largest share of rows of a month that are equal in all columns that are used."""
    unused = [name for name, column in columns.items() if column.is_left_out or not column.kind]
    return max(
        float(month.drop(columns=unused, errors="ignore").duplicated().mean()) for month in published.frames.values()
    )


def without_leaks(frame: DataFrame, columns: dict[str, Column], target: str, task: str) -> dict[str, Column]:
    """Return the columns; those that give nearly all of the target away are marked."""
    names = [name for name, column in columns.items() if column.kind and not column.is_left_out]
    table = _with_target(frame, names, target)
    notes = {entry["feature"]: entry["text"] for entry in leaks.leaks(table, names, task, "these months")}
    categories = [name for name in names if columns[name].kind == "category" and name not in notes]
    for pair in itertools.combinations(categories, 2):
        codes = table.groupby(list(pair), dropna=False).ngroup().to_numpy()
        if leaks.explained(codes, table["target"].to_numpy(float)) > leaks.NEARLY_ALL:
            text = f"{' and '.join(pair)} together give the target: use those that are known when a row begins"
            notes |= dict.fromkeys(pair, text)
    return {
        name: Column(column.kind, f"left out: {notes[name]}", is_left_out=True) if name in notes else column
        for name, column in columns.items()
    }


def baseline(frame: DataFrame, columns: dict[str, Column], time: TimeColumn, parts: list[str], target: str) -> str:
    """Return the category, or part of the time, whose means predict the last month best.

    "" if none predicts it better than the mean of all rows. `frame` has the rows of one month after another.
    """
    categories = [name for name, column in columns.items() if column.kind == "category" and not column.is_left_out]
    table = _with_target(frame, categories, target)
    moments = time.moments(frame)[frame[target].notna()].reset_index(drop=True)
    is_last = (moments >= moments.max().normalize().replace(day=1)).to_numpy()
    for part in parts:
        table[part] = getattr(moments.dt, PARTS[part])
    values = table.pop("target").to_numpy(float)
    gains = {str(name): _gain(pd.factorize(table[name], use_na_sentinel=False)[0], values, is_last) for name in table}
    best = max(gains, key=lambda name: gains[name], default="")
    return best if best and gains[best] > 0 else ""


def _gain(codes: npt.NDArray[np.intp], target: npt.NDArray[np.float64], is_last: npt.NDArray[np.bool_]) -> float:
    """Return by how much means of codes predict the last month better than the mean of all: in squared error."""
    rows = np.bincount(codes[~is_last], minlength=codes.max() + 1)
    overall = float(target[~is_last].mean())
    means = np.bincount(codes[~is_last], target[~is_last], minlength=len(rows)) / np.maximum(rows, 1)
    predicted = np.where(rows > 0, means, overall)[codes[is_last]]
    return float(np.mean((target[is_last] - overall) ** 2) - np.mean((target[is_last] - predicted) ** 2))


def _with_target(frame: DataFrame, names: list[str], target: str) -> DataFrame:
    """Return the named columns and the target, as a number, of the rows that have one."""
    is_number = frame[target].dtype.kind in "iuf"
    values = frame[target].astype(float) if is_number else pd.Series(pd.factorize(frame[target])[0], dtype=float)
    numbers = {name: float for name in names if frame[name].dtype.kind in "iuf"}
    table = frame[names].astype(numbers).assign(target=values.set_axis(frame.index))
    return table[frame[target].notna()].reset_index(drop=True)
