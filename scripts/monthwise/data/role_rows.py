"""Read published rows with columns named by role, after the module of the dataset has prepared them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from ..base.exits import BadData
from . import columns, published, tables

if TYPE_CHECKING:
    from typing import Any


def read(
    file: published.Parquet | published.Csv,
    chosen: Mapping[str, str],
    settings: Mapping[str, Any],
    prepare: Callable[[pa.RecordBatch], pa.RecordBatch] | None,
    batch_rows: int = tables.BATCH_ROWS,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file, batch by batch; `chosen` has the column of each role (columns.choose).

    Raises BadData if `prepare` loses a column that the rows have, or the file is damaged.
    """
    kind_by_role = columns.kinds(settings)
    types = published.in_csv([(name, kind_by_role[role]) for role, name in chosen.items()])
    categories = [name for role, name in chosen.items() if kind_by_role[role] == "category"]
    # A module gets texts as they are.
    for batch in file.batches(types, batch_rows, [] if prepare else categories):
        rows = pa.RecordBatch.from_arrays([batch.column(name) for name in chosen.values()], list(chosen))
        yield _checked(prepare(rows), chosen, settings, file.label) if prepare else rows


def _checked(
    rows: pa.RecordBatch, chosen: Mapping[str, str], settings: Mapping[str, Any], label: str
) -> pa.RecordBatch:
    required = [name for name in chosen if name in ("time", "target", "group", *settings["features"])]
    if lacking := [name for name in required if name not in rows.schema.names]:
        raise BadData(
            f"{label}: prepare of {settings['prepare']} returned no column {', '.join(lacking)}; return"
            " those of config too"
        )
    return rows


@contextlib.contextmanager
def conversion_errors(file: published.Parquet | published.Csv, first: int) -> Iterator[None]:
    """Raise BadData for a value that no type can hold, such as a time beyond microseconds or in another format.

    `first` is the row number of the first row of the batch.
    """
    label, path = file.label, file.path
    try:
        yield
    except columns.NoTime as error:
        place = file.place(first + error.position)
        raise BadData(
            f"{label}: {path}, {place}: {error}; give time.format of the dataset, such as"
            " '%d.%m.%Y', or correct the file"
        ) from None
    except pa.ArrowIndexError as error:  # of a dictionary, which pyarrow does not check when it reads
        raise BadData(f"{label}: {path} is damaged ({error}); download it again") from error
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadData(f"{label}: {path} cannot be converted: {str(error).splitlines()[0]}") from error
