"""Features of taxi trips: the pair of zones, their centres on a map, and the borough of the pick-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ...data import id_codes, tables
from . import zones

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

MAP = ("pickup_x_mi", "pickup_y_mi", "dropoff_x_mi", "dropoff_y_mi", "straight_mi")
UNKNOWN = "Unknown"


def derive(rows: pa.RecordBatch, files: Mapping[str, str]) -> dict[str, Any]:
    """Return the derived features of trips: `pair`, and with a file `zones` those of MAP and `borough`.

    `pair` is one number for each pair of zones, including missing ones; it is exact as a float. Centres are in miles,
    as is the straight distance between them; missing if a zone has no place.
    """
    pickup_zone = tables.values(rows.column("pickup_zone"), "int64")
    dropoff_zone = tables.values(rows.column("dropoff_zone"), "int64")
    derived: dict[str, Any] = {"pair": (pickup_zone + 1) * (id_codes.IDS + 1) + dropoff_zone + 1}
    if "zones" in files:
        known = zones.read(files["zones"])
        derived |= _on_the_map(pickup_zone, dropoff_zone, known)
        derived["borough"] = _boroughs(pickup_zone, known)
    return derived


def _on_the_map(
    pickup_zone: npt.NDArray[np.int64], dropoff_zone: npt.NDArray[np.int64], known: zones.Zones
) -> dict[str, npt.NDArray[Any]]:
    (x, y), (to_x, to_y) = known.places(pickup_zone), known.places(dropoff_zone)
    places = (x, y, to_x, to_y, np.hypot(to_x - x, to_y - y))
    return {name: place.astype(np.float32) for name, place in zip(MAP, places, strict=True)}


def _boroughs(pickup_zone: npt.NDArray[np.int64], known: zones.Zones) -> pa.Array:
    return tables.strings([*known.boroughs, UNKNOWN]).take(tables.array(known.rows(pickup_zone), pa.int64()))
