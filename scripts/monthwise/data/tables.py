"""Read and write Parquet in batches: bounded memory, and equal rows give equal bytes.

Also converts between Arrow and numpy. It uses buffers, because `pa.array`, `pa.scalar` and `Array.to_numpy` import
pandas if it is installed: with pyarrow 25 and a million rows, `clean` and `featurize` then take 0.8 s of CPU each
instead of 0.6 s. DLPack does not import it, but takes no column with nulls, booleans or timestamps.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..base.exits import BadData

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

BATCH_ROWS = 1 << 16  # a column of a batch fits into the processor cache, so that a chain of numpy steps is fast
GROUP_ROWS = 1 << 17  # rows of a row group; the writer keeps one in memory
READ_BUFFER = 1 << 18  # bytes per column; without it, the reader loads a whole row group at once
DAMAGE = (OSError, pa.ArrowException, ValueError)  # raised by pyarrow; ValueError: a name that is not UTF-8
RISING = ("row", "time")  # columns that mostly rise: delta encoding is faster and half as large as a dictionary


def open_parquet(path: str | Path, about: str, dictionaries: Collection[str] = ()) -> pq.ParquetFile:
    """Open a parquet file; raises BadData, a line that begins with `about` (dataset and month), if it is damaged.

    The columns in `dictionaries` are read with a dictionary if they are texts.
    """
    os.stat(path)  # raises FileNotFoundError with a file name, which pyarrow's lacks
    try:  # `pre_buffer` (on by default) would keep all columns read so far in memory until the file is closed
        file = pq.ParquetFile(
            path,
            read_dictionary=list(dictionaries),
            buffer_size=READ_BUFFER,
            pre_buffer=False,
            coerce_int96_timestamp_unit="us",
        )
        _decoded = file.schema_arrow.names
    except DAMAGE as error:
        raise _damaged(path, about, error) from error
    return file


def batches(
    file: pq.ParquetFile, path: str | Path, about: str, columns: Sequence[str] | None = None, rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in order, at most `rows` at a time; raises BadData if its pages are damaged."""
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
    """Write batches of `schema` to one file and return its number of rows.

    The bytes do not depend on where the batches are cut. One row group is written while the next one is computed: both
    release the GIL.
    """
    options = writer_options(schema.names, [name for name in RISING if name in schema.names])
    rows = 0
    with pq.ParquetWriter(path, schema, **options) as writer, ThreadPoolExecutor(1) as executor:
        pending_write = None
        for group in _groups(schema, source):
            if pending_write is not None:
                pending_write.result()
            pending_write = executor.submit(writer.write_table, group, GROUP_ROWS)
            rows += group.num_rows
        if pending_write is not None:
            pending_write.result()
    return rows


def writer_options(names: Sequence[str], rising: Sequence[str]) -> dict[str, Any]:
    """Return options of pyarrow's writer for columns `names`; those in `rising` mostly rise.

    On 20 million yellow rows, zstd at level 1 is as fast as lz4 and snappy, and its files are smaller.
    """
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": [name for name in names if name not in rising],
        "column_encoding": dict.fromkeys(rising, "DELTA_BINARY_PACKED") or None,
    }


def _groups(schema: pa.Schema, source: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield tables of GROUP_ROWS rows with one chunk per column, because pages end where chunks end."""
    pending, rows = [], 0
    for batch in source:
        pending.append(batch)
        rows += batch.num_rows
        while rows >= GROUP_ROWS:
            table = pa.Table.from_batches(pending, schema)
            yield table.slice(0, GROUP_ROWS).combine_chunks()
            remainder = table.slice(GROUP_ROWS)
            pending, rows = remainder.to_batches(), remainder.num_rows
    if rows:
        yield pa.Table.from_batches(pending, schema).combine_chunks()


def _damaged(path: str | Path, label: str, error: Exception) -> BadData:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return BadData(f"{label}: {path} cannot be read as parquet ({reason}); delete it and rerun the command")


def values(column: pa.Array, dtype: str) -> npt.NDArray[Any]:
    """Return the values of a column as a numpy view, without a copy; values at nulls are arbitrary."""
    if len(column) == 0:
        return np.empty(0, dtype)
    return np.frombuffer(column.buffers()[1], dtype, len(column), column.offset * np.dtype(dtype).itemsize)


def present(column: pa.Array) -> npt.NDArray[np.bool_] | None:
    """Return a mask of the values that are not null, or None if no value is null."""
    return None if column.null_count == 0 else values(column.is_valid().cast(pa.uint8()), "bool")


def floats(column: pa.Array) -> npt.NDArray[np.float64]:
    """Return a numeric column as float64; nulls become NaN."""
    if pa.types.is_decimal(column.type):  # convert through text: Arrow's own cast turns 1.4 into 1.4000000000000001
        column = column.cast(pa.string())
    column = column.cast(pa.float64(), safe=False)
    is_present = present(column)
    if is_present is None:
        return values(column, "float64")
    return np.where(is_present, values(column, "float64"), np.nan)


def array(numbers: npt.NDArray[Any], kind: pa.DataType, there: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Return numbers of the width of `kind` as a column; those not in the mask `there` are null (None: no nulls)."""
    valid = None if there is None or there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.Array.from_buffers(kind, len(numbers), [valid, pa.py_buffer(np.ascontiguousarray(numbers))])


def strings(texts: Sequence[str | None]) -> pa.Array:
    """Return texts as a column; None is null."""
    encoded = [b"" if text is None else text.encode() for text in texts]
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    is_text = np.array([text is not None for text in texts], bool)
    valid = pa.py_buffer(np.packbits(is_text, bitorder="little"))
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)
