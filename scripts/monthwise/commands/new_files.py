"""Read months of a new dataset, and find out how their files are written."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from ..base import months
from ..base.exits import BadData, NotPublished, WrongUsage
from ..publisher import folder

if TYPE_CHECKING:
    from typing import Any

    from pandas import DataFrame

MOST_MONTHS = 12  # are read, the first and the last among them
ROWS = 50_000  # of each month
HEAD_BYTES = 1 << 24  # of a CSV file
SEPARATORS = ("-", "_", "", ".", " ")  # between year and month in the name of a file
DELIMITERS = ",;\t|"
MISSING = ["", "NA", "NaN", "null"]


class PublishedMonths(NamedTuple):
    """The months of a dataset, and how their files are written."""

    months: list[str]  # all of them
    frames: dict[str, DataFrame]  # rows of those that were read
    file_format: str
    csv: dict[str, Any]  # options that differ from the defaults


def read_months(where: Path, pattern: str) -> PublishedMonths:
    """Read up to twelve months; raises NotPublished if there are fewer than two."""
    if "{month}" not in pattern and not ("{year}" in pattern and "{mm}" in pattern):
        raise WrongUsage(f"--file {pattern}: write {{month}}, or {{year}} and {{mm}}, where the month is in the name")
    known = folder.months(where, pattern)
    if len(known) < 2:
        raise NotPublished(
            f"{where} has {len(known)} files like {pattern}, where {{month}} is 2024-03;"
            f" {_other_pattern(where, pattern)}"
        )
    number = min(len(known), MOST_MONTHS)
    chosen = [known[position * (len(known) - 1) // (number - 1)] for position in range(number)]
    paths = {month: where / months.in_name(pattern, month) for month in chosen}
    ending = next((ending for ending in (".csv.gz", ".csv", ".txt") if pattern.endswith(ending)), "")
    if not ending:
        return PublishedMonths(known, {month: _parquet(path) for month, path in paths.items()}, "parquet", {})
    options: dict[str, Any] = {}
    frames = {}
    for month, path in paths.items():
        frames[month], differing = _csv(path, is_compressed=ending == ".csv.gz")
        options |= differing
    return PublishedMonths(known, frames, "csv.gz" if ending == ".csv.gz" else "csv", options)


def _other_pattern(where: Path, pattern: str) -> str:
    """Return what to do where a folder has no files of a pattern: another one, if there are files of that."""
    for separator in SEPARATORS:
        for month in (f"{{year}}{separator}{{mm}}", f"{{mm}}{separator}{{year}}"):
            other = pattern.replace("{month}", month)
            if other != pattern and len(known := folder.months(where, other)) > 1:
                return f"it has {len(known)} files like {other}: write that"
    return "put two months there at least"


def _parquet(path: Path) -> DataFrame:
    try:
        frame: DataFrame = next(pq.ParquetFile(path).iter_batches(ROWS)).to_pandas()
        return frame
    except (pa.ArrowException, OSError, StopIteration) as error:
        raise BadData(f"{path} cannot be read as parquet ({' '.join(str(error).split())})") from None


def _csv(path: Path, is_compressed: bool) -> tuple[DataFrame, dict[str, Any]]:
    try:
        with gzip.open(path) if is_compressed else open(path, "rb") as file:
            content = file.read(HEAD_BYTES)
    except (OSError, EOFError) as error:
        raise BadData(f"{path} cannot be read ({error}); download it again") from None
    if len(content) == HEAD_BYTES:
        content = content[: content.rfind(b"\n") + 1]
    try:
        encoding, text = "utf-8", content.decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding, text = "latin-1", content.decode("latin-1")
    header = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    is_comma = delimiter == ";" and bool(re.search(r";-?\d+,\d+(;|\r?\n)", text[:100_000]))
    options: dict[str, Any] = {} if encoding == "utf-8" else {"encoding": encoding}
    options |= {} if delimiter == "," else {"delimiter": delimiter}
    options |= {"decimal": ","} if is_comma else {}
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            decimal="," if is_comma else ".",
            na_values=MISSING,
            keep_default_na=False,
            nrows=ROWS,
            quoting=csv.QUOTE_MINIMAL,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise BadData(f"{path} cannot be read as CSV ({' '.join(str(error).split())})") from None
    if content.startswith(codecs.BOM_UTF8):
        frame.columns = [str(name).lstrip("\ufeff") for name in frame.columns]
    return frame, options
