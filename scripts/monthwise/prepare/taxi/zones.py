"""Read the zones of a dataset from a file with the columns `id`, `name`, `borough`; with a map also `x_mi`, `y_mi`.

x_mi and y_mi are the centre of the zone on a plane, in miles from any origin. Those of New York are the centroids of
the TLC's taxi_zones.shp (EPSG:2263, feet / 5280).
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from ...base.exits import WrongConfig
from ...data import id_codes, tables

if TYPE_CHECKING:
    import numpy.typing as npt

DENSE_IDS = 1 << 16  # smaller ids are looked up in a table, which is four times as fast as a search


class Zones(NamedTuple):
    """Zones in the order of their ids; x_mi and y_mi are float64, NaN if a zone has no place."""

    ids: npt.NDArray[np.int64]
    boroughs: list[str]
    x_mi: npt.NDArray[np.float64]
    y_mi: npt.NDArray[np.float64]
    are_numbers: bool  # whether every id is a number, so that a text id in a month is read as a number

    def rows(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the row of each zone id in these zones; len(zones.ids) for an unknown id."""
        unknown_row = len(self.ids)
        if self.ids[-1] < DENSE_IDS:
            row_by_id = np.full(self.ids[-1] + 2, unknown_row)
            row_by_id[self.ids] = np.arange(unknown_row)
            is_in_range = (ids >= 0) & (ids <= self.ids[-1])
            return row_by_id[np.where(is_in_range, ids, self.ids[-1] + 1)]
        row = np.minimum(np.searchsorted(self.ids, ids), unknown_row - 1)
        return np.where(self.ids[row] == ids, row, unknown_row)

    def places(self, ids: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return x_mi and y_mi of zone ids; NaN for a zone that is unknown or has no place."""
        rows = self.rows(ids)
        return np.append(self.x_mi, np.nan)[rows], np.append(self.y_mi, np.nan)[rows]


@functools.cache
def read(path: str | Path) -> Zones:
    """Return the zones in a file. Raises WrongConfig if the file is not valid."""
    try:
        return _zones(pyarrow.csv.read_csv(path).combine_chunks())
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        reason = str(error.args[0] if isinstance(error, KeyError) else error).splitlines()[0]
        raise WrongConfig(
            f"{path} cannot be read as zones ({reason}); repair the file, or name another one in its config"
        ) from None


def _zones(table: pa.Table) -> Zones:
    ids = id_codes.codes(_column(table, "id"))
    if len(ids) == 0 or len(np.unique(ids)) < len(ids) or ids.min() == id_codes.MISSING:
        raise ValueError("it has no zone, or one without an id, or two with the same one")
    order = np.argsort(ids)
    names = _column(table, "borough").cast(pa.string()).to_pylist()
    boroughs = ["Unknown" if name is None else name for name in names]  # `fill_null` would import pandas
    x_mi, y_mi = (
        tables.floats(_column(table, name)) if name in table.column_names else np.full(len(ids), np.nan)
        for name in ("x_mi", "y_mi")
    )
    are_numbers = not id_codes.is_text(table.column("id").type)
    return Zones(ids[order], [boroughs[row] for row in order], x_mi[order], y_mi[order], are_numbers)


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)
