"""Parquet in batches: read within bounded memory, written so that equal rows give equal bytes.

Also the way from Arrow to numpy and back. It goes through buffers, because `pa.array`, `pa.scalar` and `Array.to_numpy`
import pandas wherever it is installed, which costs more than cleaning a month does.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..base.exits import BadData

BATCH_ROWS = 1 << 16  # a column of a batch fits the processor's cache, so that a chain of numpy steps stays fast
GROUP_ROWS = 1 << 17  # rows of a row group; what a writer holds in memory
READ_BUFFER = 1 << 18  # bytes of a column; without it the reader takes in all of a row group at once
DAMAGE = (OSError, pa.ArrowException, ValueError)  # what pyarrow raises; ValueError: a name that is no UTF-8
RISING = ("trip", "pickup_time")  # columns that mostly rise: differences are half as large as a dictionary, and faster


def open_parquet(path: str | Path, about: str) -> pq.ParquetFile:
    """Open a parquet file; `about` (service and month) begins the line of BadData where it is none."""
    os.stat(path)  # FileNotFoundError with a name, which pyarrow's has not
    try:  # `pre_buffer` (on by default) keeps all columns read so far in memory until the file is closed
        file = pq.ParquetFile(path, buffer_size=READ_BUFFER, pre_buffer=False, coerce_int96_timestamp_unit="us")
        _decoded = file.schema_arrow.names
    except DAMAGE as error:
        raise _damaged(path, about, error) from error
    return file


def batches(
    file: pq.ParquetFile, path: str | Path, about: str, columns: Sequence[str] | None = None, rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in order, at most `rows` at a time; BadData where its pages are damaged."""
    stream = file.iter_batches(batch_size=rows, columns=columns)
    while True:
        try:
            batch = next(stream, None)
        except DAMAGE as error:
            raise _damaged(path, about, error) from error
        if batch is None:
            return
        yield batch


def write(path: str | Path, schema: pa.Schema, source: Iterable[pa.RecordBatch]) -> int:
    """Write batches of `schema` as one file and return its rows; where the batches are cut does not show in its bytes.

    One row group is written while the next one is made: both sides leave Python to itself.
    """
    options = writer_options(schema.names, [name for name in RISING if name in schema.names])
    rows = 0
    with pq.ParquetWriter(path, schema, **options) as writer, ThreadPoolExecutor(1) as beside:
        written = None
        for group in _groups(schema, source):
            if written is not None:
                written.result()
            written = beside.submit(writer.write_table, group, GROUP_ROWS)
            rows += group.num_rows
        if written is not None:
            written.result()
    return rows


def writer_options(names: Sequence[str], rising: Sequence[str]) -> dict:
    """Return the options of pyarrow's writer for columns of these names, of which some mostly rise.

    Measured on 20 million yellow rows: zstd at level 1 is as fast as lz4 and snappy here, and its files are smaller.
    """
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": [name for name in names if name not in rising],
        "column_encoding": dict.fromkeys(rising, "DELTA_BINARY_PACKED") or None,
    }


def _groups(schema: pa.Schema, source: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield tables of GROUP_ROWS rows, each column in one piece (pages end where pieces end)."""
    held, rows = [], 0
    for batch in source:
        held.append(batch)
        rows += batch.num_rows
        while rows >= GROUP_ROWS:
            table = pa.Table.from_batches(held, schema)
            yield table.slice(0, GROUP_ROWS).combine_chunks()
            rest = table.slice(GROUP_ROWS)
            held, rows = rest.to_batches(), rest.num_rows
    if rows:
        yield pa.Table.from_batches(held, schema).combine_chunks()


def _damaged(path: str | Path, about: str, error: Exception) -> BadData:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return BadData(f"{about}: {path} cannot be read as parquet ({reason}); delete it and rerun the command")


def values(column: pa.Array, dtype: str) -> np.ndarray:
    """Return a column's values as numpy sees them, without a copy; what stands where it is null is arbitrary."""
    if len(column) == 0:
        return np.empty(0, dtype)
    return np.frombuffer(column.buffers()[1], dtype, len(column), column.offset * np.dtype(dtype).itemsize)


def present(column: pa.Array) -> np.ndarray | None:
    """Return where a column is not null; None where it nowhere is."""
    return None if column.null_count == 0 else values(column.is_valid().cast(pa.uint8()), "bool")


def floats(column: pa.Array) -> np.ndarray:
    """Return a numeric column as float64, NaN where it is null."""
    if pa.types.is_decimal(column.type):  # by way of text: Arrow's own cast makes 1.4 a 1.4000000000000001
        column = column.cast(pa.string())
    column = column.cast(pa.float64(), safe=False)
    there = present(column)
    if there is None:
        return values(column, "float64")
    return np.where(there, values(column, "float64"), np.nan)


def array(numbers: np.ndarray, kind: pa.DataType, there: np.ndarray | None = None) -> pa.Array:
    """Return numbers of the width of `kind` as a column, null where they are not `there` (None: all are)."""
    valid = None if there is None or there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.Array.from_buffers(kind, len(numbers), [valid, pa.py_buffer(np.ascontiguousarray(numbers))])
