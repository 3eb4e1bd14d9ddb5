"""Small raw months for tests: sensible trips in the publisher's columns, with some columns overridden."""

import copy
import datetime

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 120  # more than `reject.rows_below`
SETTINGS = {
    "service": "green",
    "month": "2021-01",
    "columns": {
        "pickup_time": ["lpep_pickup_datetime"],
        "dropoff_time": ["lpep_dropoff_datetime"],
        "pickup_zone": ["PULocationID", "PUlocationID"],
        "dropoff_zone": ["DOLocationID"],
        "distance": ["trip_distance"],
        "vendor": ["VendorID"],
        "passengers": ["passenger_count"],
        "trip_type": ["trip_type"],
        "rate_code": ["RatecodeID"],
    },
    "distance_unit": "mi",
    "duration": {"min": 1, "max": 60},
    "quality": {
        "pickup_in_month": True,
        "distance_mi": {"above": 0, "max": 100},
        "passengers": {"min": 1, "max": 9},
        "rate_code": {"min": 1, "max": 6},
        "trip_type": {"min": 1, "max": 2},
        "reject": {"rows_below": 100, "kept_share_below": 0.5},
        "warn": {"kept_share_below": 0.9, "duplicates_share_above": 0.01, "missing_distance_share_above": 0.5},
    },
    "waiver": None,
}
OFF = {  # every rule of `quality` switched off, as config/reference.yaml does
    "pickup_in_month": False,
    **dict.fromkeys(("distance_mi", "passengers", "rate_code", "trip_type", "reject", "warn")),
}


def settings(quality: dict | None = None, without: tuple[str, ...] = (), **others) -> dict:
    """Return the settings of clean: some rules of `quality` replaced, some roles left out, others replaced whole."""
    made = copy.deepcopy(SETTINGS) | others
    made["quality"] |= quality or {}
    made["columns"] = {role: names for role, names in made["columns"].items() if role not in without}
    return made


def raw_month(rows: int = ROWS, month: str = "2021-01", without: tuple[str, ...] = (), **columns) -> pa.Table:
    """Return trips of 10 minutes, all different; `columns` replaces some: a value for all rows, or a list or array."""
    begin = datetime.datetime.fromisoformat(f"{month}-01")
    pickups = [begin + datetime.timedelta(minutes=7 * row) for row in range(rows)]
    made = {
        "VendorID": pa.array([1 + row % 2 for row in range(rows)], pa.int64()),
        "lpep_pickup_datetime": pa.array(pickups, pa.timestamp("us")),
        "lpep_dropoff_datetime": pa.array([at + datetime.timedelta(minutes=10) for at in pickups], pa.timestamp("us")),
        "RatecodeID": pa.array([1.0] * rows, pa.float64()),
        "PULocationID": pa.array([1 + row % 265 for row in range(rows)], pa.int64()),
        "DOLocationID": pa.array([265 - row % 265 for row in range(rows)], pa.int64()),
        "passenger_count": pa.array([1.0 + row % 3 for row in range(rows)], pa.float64()),
        "trip_distance": pa.array([1.0 + row % 50 / 10 for row in range(rows)], pa.float64()),
        "fare_amount": pa.array([9.5] * rows, pa.float64()),
        "trip_type": pa.array([1.0] * rows, pa.float64()),
    }
    for name, given in columns.items():
        if not isinstance(given, pa.Array):
            given = pa.array(given if isinstance(given, list) else [given] * rows)
        made[name] = given
    return pa.table({name: column for name, column in made.items() if name not in without})


def minutes(*durations: float | None, month: str = "2021-01") -> dict[str, pa.Array]:
    """Return the time columns of trips that take these minutes (None: no drop-off time)."""
    begin = datetime.datetime.fromisoformat(f"{month}-01")
    pickups = [begin + datetime.timedelta(hours=row) for row in range(len(durations))]
    dropoffs = [
        None if took is None else at + datetime.timedelta(minutes=took)
        for at, took in zip(pickups, durations, strict=True)
    ]
    names = ("lpep_pickup_datetime", "lpep_dropoff_datetime")
    return {name: pa.array(times, pa.timestamp("us")) for name, times in zip(names, (pickups, dropoffs), strict=True)}


def write_raw(path, table: pa.Table | None = None, **options):
    """Write a raw month and return its path."""
    pq.write_table(raw_month() if table is None else table, path, **options)
    return path
