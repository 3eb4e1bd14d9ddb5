"""A history with known events, and the decisions that a person would make in it, written down before `promote` was."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from monthwise.base import months
from monthwise.publisher import demo

FIRST, LAST = "2022-03", "2023-04"  # run months; data months begin two months before

SLOWER = "2022-04"  # every trip takes 20 % longer
TWICE = "2022-07"  # every row is there twice
CLOSED = "2022-09"  # the busiest zone has no trips
BETTER = "2022-11"  # run month from which a better recipe holds, the ninth
REJECTED = "2022-12"  # most rows are unusable: rejected, then skipped

# Run month: decision, run month whose model serves.
DECISIONS = {
    "2022-03": ("first", "2022-03"),
    "2022-04": ("kept", "2022-03"),
    "2022-05": ("kept", "2022-03"),  # measured on the slower month, which neither model knew
    "2022-06": ("kept", "2022-03"),  # trained on the slower month
    "2022-07": ("kept", "2022-03"),
    "2022-08": ("kept", "2022-03"),
    "2022-09": ("kept", "2022-03"),
    "2022-10": ("kept", "2022-03"),
    "2022-11": ("promoted", "2022-11"),
    "2022-12": ("kept", "2022-11"),
    "2023-01": ("no challenger", "2022-11"),  # its validation month is skipped
    "2023-02": ("kept", "2022-11"),  # trained on the month before the skipped one
    "2023-03": ("kept", "2022-11"),
    "2023-04": ("kept", "2022-11"),
}


def publish(folder: Path, rows: int = 12_000, seed: int = 1) -> None:
    """Write the data months of the history into a folder."""
    folder.mkdir(exist_ok=True)
    for month in months.span(months.shift(FIRST, -2), LAST):
        path = folder / f"green_tripdata_{month}.parquet"
        demo.write_month(path, "green", month, rows, seed)
        if change := EVENTS.get(month):
            pq.write_table(change(pq.read_table(path)), path)


def _slower(trips: pa.Table) -> pa.Table:
    begin, end = (trips.column(name).cast("int64").to_numpy() for name in TIMES)
    longer = pa.array((begin + (end - begin) * 1.2).astype("int64")).cast(pa.timestamp("us"))
    return trips.set_column(trips.schema.get_field_index(TIMES[1]), TIMES[1], longer)


def _twice(trips: pa.Table) -> pa.Table:
    return pa.concat_tables([trips, trips])


def _closed(trips: pa.Table) -> pa.Table:
    zones = trips.column("PULocationID")
    busiest = pc.mode(zones)[0]["mode"]
    return trips.filter(pc.not_equal(zones, busiest))


def _unusable(trips: pa.Table) -> pa.Table:
    """Give most trips the drop-off time of their pick-up."""
    begin, end = (trips.column(name) for name in TIMES)
    is_broken = pa.array([row % 10 != 0 for row in range(trips.num_rows)])
    return trips.set_column(trips.schema.get_field_index(TIMES[1]), TIMES[1], pc.if_else(is_broken, begin, end))


TIMES = ("lpep_pickup_datetime", "lpep_dropoff_datetime")
EVENTS = {SLOWER: _slower, TWICE: _twice, CLOSED: _closed, REJECTED: _unusable}
CONFIG = {
    "source": "file:published",
    "services": ["green"],
    "begin": {"green": FIRST},
    "last": LAST,
    "skip": {"green": [REJECTED]},
    "train": {"recipe": "linear", "parameters": {"solver": "lasso"}},
    "changes": [
        {
            "from": BETTER,
            "reason": "boosted trees won the trial",
            "train": {"recipe": "boosted", "parameters": {"max_iter": 40, "max_leaf_nodes": 15}},
        }
    ],
}
