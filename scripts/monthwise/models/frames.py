"""Features as pandas frames: categories with a dictionary, so that a text is in memory once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

BATCH_ROWS = 1 << 20  # rows in memory at once, besides the predictions


def frame(table: pa.Table | pa.RecordBatch, *, is_last_use: bool = False) -> pd.DataFrame:
    """Return features as a frame; texts become categories. `is_last_use` frees the memory of a table meanwhile."""
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    options = {"self_destruct": True} if is_last_use else {}
    features: pd.DataFrame = table.to_pandas(categories=texts, **options)
    return features


def batches(path: str | Path, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
    """Yield the features in a file in batches."""
    return (frame(batch) for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS, columns=columns))
