"""Turn clean trips into the features of a model, and the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ..base import files, suggest
from ..base.exits import BadData
from . import id_codes, quality_rules, tables, zones
from .zones import Zones

if TYPE_CHECKING:
    import argparse
    from typing import Any

    import numpy.typing as npt

    from ..base.file_types import Quality

FEATURES = pa.schema(
    [
        ("trip", pa.int64()),
        ("day", pa.int32()),  # of the pick-up, since 1970-01-01; not a feature of any model
        ("pickup_zone", pa.int64()),  # missing is -1
        ("dropoff_zone", pa.int64()),
        ("pair", pa.int64()),  # one number per pair of zones, including missing zones; exact as a float
        ("distance_mi", pa.float64()),  # missing is null, here and below
        ("hour", pa.int8()),
        ("weekday", pa.int8()),  # Monday is 0
        ("minute_of_day", pa.int16()),
        ("vendor", pa.float64()),
        ("passengers", pa.float64()),
        ("trip_type", pa.float64()),
        ("pickup_x_mi", pa.float32()),  # centres of the zones; missing if the service has no map
        ("pickup_y_mi", pa.float32()),
        ("dropoff_x_mi", pa.float32()),
        ("dropoff_y_mi", pa.float32()),
        ("straight_mi", pa.float32()),  # between the two
        ("duration_min", pa.float64()),  # the target
    ]
)
MAP = ("pickup_x_mi", "pickup_y_mi", "dropoff_x_mi", "dropoff_y_mi", "straight_mi")
MINUTE = 60_000_000  # microseconds


def features(trips: pa.RecordBatch, zones: Zones | None) -> pa.RecordBatch:
    """Return the features of trips in the schema of trips.parquet; without a target if the trips have none.

    All of them are known when a trip begins, except distance, which the published models also use.
    """
    pickup_zone = tables.values(trips.column("pickup_zone"), "int64")
    dropoff_zone = tables.values(trips.column("dropoff_zone"), "int64")
    minute = tables.values(trips.column("pickup_time"), "int64") // MINUTE  # since 1970-01-01, a Thursday
    derived = _on_the_map(pickup_zone, dropoff_zone, zones) | {
        "pair": (pickup_zone + 1) * (id_codes.IDS + 1) + dropoff_zone + 1,
        "day": (minute // 1440).astype(np.int32),
        "minute_of_day": (minute % 1440).astype(np.int16),
        "hour": (minute % 1440 // 60).astype(np.int8),
        "weekday": ((minute // 1440 + 3) % 7).astype(np.int8),
    }
    fields = [field for field in FEATURES if field.name in derived or field.name in trips.schema.names]
    columns = [
        _column(derived[field.name], field.type) if field.name in derived else trips.column(field.name).cast(field.type)
        for field in fields
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _on_the_map(
    pickup_zone: npt.NDArray[np.int64], dropoff_zone: npt.NDArray[np.int64], zones: Zones | None
) -> dict[str, npt.NDArray[Any]]:
    if zones is None:
        return {name: np.full(len(pickup_zone), np.nan, np.float32) for name in MAP}
    (x, y), (to_x, to_y) = zones.places(pickup_zone), zones.places(dropoff_zone)
    places = (x, y, to_x, to_y, np.hypot(to_x - x, to_y - y))
    return {name: place.astype(np.float32) for name, place in zip(MAP, places, strict=True)}


def _column(numbers: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    return tables.array(numbers, kind, ~np.isnan(numbers) if numbers.dtype.kind == "f" else None)


def admit(quality: Quality) -> None:
    """Raise BadData if a month is rejected, unless it is waived and has trips."""
    service, month, rule = quality["service"], quality["month"], quality["rule"]
    if quality["verdict"] != "reject" or (quality["waiver"] and quality["rows_out"]):
        return
    broken = f" by {quality_rules.in_words(rule)}" if rule else ""
    waive = f', or write `quality: {{waive: {{{service}: {{{month}: "reason"}}}}}}` in config/config.yaml'
    plan = suggest.command("plan", service=service)
    raise BadData(
        f"{service} {month} is rejected{broken}; wait for a"
        f" better file{waive if quality['rows_out'] else ''}, or run `{plan}`, which names the settings that go on"
        " without it"
    )


def main(job: argparse.Namespace) -> str:
    """Write features.parquet of one month."""
    quality: Quality = files.read_json(job.quality)
    admit(quality)
    label = f"{quality['service']} {quality['month']}"
    file = tables.open_parquet(job.trips, label)
    names = [name for name in file.schema_arrow.names if name in FEATURES.names or name == "pickup_time"]
    trips = tables.batches(file, job.trips, label, names)
    places = zones.read(job.zones[0] if job.zones else None)
    rows = tables.write(job.features, FEATURES, (features(batch, places) for batch in trips))
    return f"{label}: features of {rows} trips"
