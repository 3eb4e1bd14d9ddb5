"""Read two months of a new dataset, and find out how their files are written."""

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

ROWS = 200_000  # of each month
DELIMITERS = ",;\t|"
MISSING = ["", "NA", "NaN", "null"]


class PublishedMonths(NamedTuple):
    """The months of a dataset, and how their files are written."""

    months: list[str]  # all of them
    frames: dict[str, DataFrame]  # rows of the first and the last one
    file_format: str
    csv: dict[str, Any]  # options that differ from the defaults


def read_two(where: Path, pattern: str) -> PublishedMonths:
    """Read the first and the last month; raises NotPublished if there are fewer than two."""
    if "{month}" not in pattern and not ("{year}" in pattern and "{mm}" in pattern):
        raise WrongUsage(f"--file {pattern}: write {{month}}, or {{year}} and {{mm}}, where the month is in the name")
    known = folder.months(where, pattern)
    if len(known) < 2:
        raise NotPublished(f"{where} has {len(known)} files like {pattern}; put two months there at least")
    paths = {month: where / months.in_name(pattern, month) for month in (known[0], known[-1])}
    file_format = (
        "csv.gz" if pattern.endswith(".csv.gz") else "csv" if pattern.endswith((".csv", ".txt")) else "parquet"
    )
    if file_format == "parquet":
        return PublishedMonths(known, {month: _parquet(path) for month, path in paths.items()}, file_format, {})
    options: dict[str, Any] = {}
    frames = {}
    for month, path in paths.items():
        frames[month], options = _csv(path, file_format)
    return PublishedMonths(known, frames, file_format, options)


def _parquet(path: Path) -> DataFrame:
    try:
        frame: DataFrame = next(pq.ParquetFile(path).iter_batches(ROWS)).to_pandas()
        return frame
    except (pa.ArrowException, OSError, StopIteration) as error:
        raise BadData(f"{path} cannot be read as parquet ({' '.join(str(error).split())})") from None


def _csv(path: Path, file_format: str) -> tuple[DataFrame, dict[str, Any]]:
    content = path.read_bytes()
    content = gzip.decompress(content) if file_format == "csv.gz" else content
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
