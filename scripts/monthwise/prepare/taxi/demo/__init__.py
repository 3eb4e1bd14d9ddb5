"""Months of taxi trips generated from a seed, with the publisher's columns and dirt.

A month is drawn in city.py, its trips in trips.py. These modules and pyarrow are imported on demand.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt
    import pyarrow as pa

    from .trips import Column

GROUP = 1 << 18  # rows in a row group

COLUMNS = {
    "green": "VendorID lpep_pickup_datetime lpep_dropoff_datetime store_and_fwd_flag RatecodeID PULocationID"
    " DOLocationID passenger_count trip_distance fare_amount extra mta_tax tip_amount tolls_amount ehail_fee"
    " improvement_surcharge total_amount payment_type trip_type congestion_surcharge",
    "yellow": "VendorID tpep_pickup_datetime tpep_dropoff_datetime passenger_count trip_distance RatecodeID"
    " store_and_fwd_flag PULocationID DOLocationID payment_type fare_amount extra mta_tax tip_amount tolls_amount"
    " improvement_surcharge total_amount congestion_surcharge airport_fee",
    "fhv": "dispatching_base_num pickup_datetime dropOff_datetime PUlocationID DOlocationID SR_Flag"
    " Affiliated_base_number",
    "fhvhv": "hvfhs_license_num dispatching_base_num originating_base_num request_datetime on_scene_datetime"
    " pickup_datetime dropoff_datetime PULocationID DOLocationID trip_miles trip_time base_passenger_fare tolls bcf"
    " sales_tax congestion_surcharge airport_fee tips driver_pay shared_request_flag shared_match_flag"
    " access_a_ride_flag wav_request_flag wav_match_flag",
}


def write_month(
    path: str | Path, layout: str, month: str, rows: int, seed: int, dataset: str | None = None, group: int = GROUP
) -> None:
    """Write a month of about `rows` trips (5 % more or less by season), with the columns of `layout` in that month.

    `dataset` (default: the layout's name) is part of the seed. `group` is the number of rows in a row group. Raises
    ValueError if it is not a positive multiple of trips.BLOCK.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from . import city, trips

    if group <= 0 or group % trips.BLOCK:
        raise ValueError(f"a row group of {group} rows is no multiple of {trips.BLOCK}")
    schema = schema_of(layout, month)
    drawn = city.draw_month(layout, month, rows, seed, dataset or layout)
    starts_by_group = (
        range(first, min(first + group, drawn.rows), trips.BLOCK) for first in range(0, max(drawn.rows, 1), group)
    )
    tables = (
        pa.Table.from_batches([_as_batch(trips.draw_block(drawn, start), schema) for start in starts], schema)
        for starts in starts_by_group
    )
    writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)
    with writer, ThreadPoolExecutor(1) as pool:
        pending_write = pool.submit(writer.write_table, next(tables), group)
        for table in tables:  # drawn while the one before is written
            pending_write.result()
            pending_write = pool.submit(writer.write_table, table, group)
        pending_write.result()


def schema_of(layout: str, month: str) -> pa.Schema:
    """Return the arrow schema of the publisher's files of `layout` in `month`."""
    import pyarrow as pa

    is_recent = month >= "2023-02"
    names = COLUMNS[layout].split()
    if layout == "yellow" and is_recent:
        names[-1] = "Airport_fee"
    if layout != "fhv" and month >= "2025-01":
        names.append("cbd_congestion_fee")
    id_type = pa.int32() if is_recent else pa.int64()
    count_type = pa.int64() if is_recent else pa.float64()
    types = dict.fromkeys(("VendorID", "PULocationID", "DOLocationID"), id_type)
    types |= dict.fromkeys(("PUlocationID", "DOlocationID"), id_type if is_recent else pa.float64())
    types |= dict.fromkeys(("RatecodeID", "passenger_count", "payment_type", "trip_type"), count_type)
    types |= dict.fromkeys(("ehail_fee", "SR_Flag"), pa.float64() if is_recent else pa.null())
    types |= {"trip_time": pa.int64()} | ({"payment_type": pa.int64()} if layout == "yellow" else {})

    def type_of(name: str) -> pa.DataType:
        if name in types:
            return types[name]
        if name.endswith("datetime"):
            return pa.timestamp("us")
        if name.endswith(("_flag", "_num", "_number")):
            return pa.large_string() if is_recent else pa.string()
        return pa.float64()

    return pa.schema([(name, type_of(name)) for name in names])


def _as_batch(columns: Mapping[str, Column], schema: pa.Schema) -> pa.RecordBatch:
    """Return the columns as a record batch of `schema`."""
    import numpy as np
    import pyarrow as pa

    size = len(columns["trip_time"].values)

    def as_array(field: pa.Field) -> pa.Array:
        column = columns.get(field.name.lower())
        if column is None or pa.types.is_null(field.type):
            return pa.nulls(size, field.type)
        values: npt.NDArray[Any] = column.values
        kind = field.type
        if values.dtype.kind == "S":
            kind = pa.binary(values.itemsize)
        elif not pa.types.is_timestamp(kind):
            values = values.astype("f8" if kind == pa.float64() else str(kind), copy=False)
        # From buffers, because pyarrow.array() and to_pandas_dtype() import pandas, which takes 0.2 s.
        is_present = None if column.null is None else pa.py_buffer(np.packbits(~column.null, bitorder="little"))
        return pa.Array.from_buffers(kind, size, [is_present, pa.py_buffer(values)]).cast(field.type)

    return pa.record_batch([as_array(field) for field in schema], schema)
