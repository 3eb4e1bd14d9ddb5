"""The zones of a service: a file with the columns `id`, `name`, `borough`, and where there is a map `x_mi` and `y_mi`.

x_mi and y_mi are the zone's centre on a plane, in miles from any origin. Those of New York are the centroids of the
TLC's taxi_zones.shp (EPSG:2263, feet / 5280).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from . import codes, tables


class Zones(NamedTuple):
    """Zones in the order of their ids; x_mi and y_mi are float64, NaN where a zone has no place."""

    ids: np.ndarray
    boroughs: list[str | None]
    x_mi: np.ndarray
    y_mi: np.ndarray

    def positions(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x_mi and y_mi of zone ids, NaN for a zone that is not known or has no place."""
        position = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        known = self.ids[position] == ids
        return np.where(known, self.x_mi[position], np.nan), np.where(known, self.y_mi[position], np.nan)


def read(path: str | Path | None) -> Zones | None:
    """Return the zones in a file; None without one."""
    if not path:
        return None
    table = pyarrow.csv.read_csv(path).combine_chunks()
    ids = codes.codes(_column(table, "id"))
    order = np.argsort(ids)
    boroughs = table.column("borough").to_pylist()
    x_mi, y_mi = (
        tables.floats(_column(table, name)) if name in table.column_names else np.full(len(ids), np.nan)
        for name in ("x_mi", "y_mi")
    )
    return Zones(ids[order], [boroughs[row] for row in order], x_mi[order], y_mi[order])


def _column(table: pa.Table, name: str) -> pa.Array:
    return table.column(name).chunk(0)
