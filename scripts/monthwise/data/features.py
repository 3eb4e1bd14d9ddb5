"""Turn clean rows into the features of a model, and the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ..base import suggest
from ..base.exits import BadData
from . import quality_rules, tables

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..base.file_types import Quality

MINUTE = 60_000_000  # microseconds
CALENDAR = {"day_of_year": pa.int16(), "minute_of_day": pa.int16()}  # the other parts are int8


class Features:
    """Computes the features of clean rows; `derive` is what the module of the dataset adds.

    Without a target if the rows have none. All features are known when a row begins, if config names no others.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        rows: pa.Schema,
        derive: Callable[[pa.RecordBatch], pa.RecordBatch] | None = None,
    ):
        self.features, self.derive = settings["features"], derive
        self.label = f"{settings['dataset']} {settings['month']}"
        # `from_pylist` would import pandas (tables.py).
        no_rows = pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in rows], schema=rows)
        derived = self._derived(no_rows).schema
        fields = [("row", pa.int64()), ("epoch_day", pa.int32())]  # days of `time` since 1970-01-01
        fields += [("group", pa.uint64())] if "group" in rows.names else []
        for name, feature in self.features.items():
            if feature["part"]:
                fields.append((name, CALENDAR.get(feature["part"], pa.int8())))
            else:
                fields.append((name, (derived if feature["derived"] else rows).field(name).type))
        fields += [("target", pa.float64())] if "target" in rows.names else []
        self.schema = pa.schema(fields)

    def of(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the features of a batch of clean rows."""
        derived = self._derived(rows)
        minute = tables.values(rows.column("time"), "int64") // MINUTE
        parts = {name: feature["part"] for name, feature in self.features.items() if feature["part"]}
        arrays = []
        for field in self.schema:
            if field.name == "epoch_day":
                arrays.append(tables.array((minute // 1440).astype(np.int32), field.type))
            elif field.name in parts:
                arrays.append(tables.array(part_of(minute, parts[field.name]).astype(str(field.type)), field.type))
            else:
                source = derived if field.name in derived.schema.names else rows
                arrays.append(source.column(field.name))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _derived(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        names = [name for name, feature in self.features.items() if feature["derived"]]
        derived = self.derive(rows) if self.derive else pa.RecordBatch.from_arrays([], [])
        missing = [name for name in names if name not in derived.schema.names]
        if missing:
            raise BadData(f"{self.label}: prepare derives no {', '.join(missing)}; add it there, or drop the feature")
        return derived.select(names)


def part_of(minute: npt.NDArray[np.int64], part: str) -> npt.NDArray[np.int64]:
    """Return a part of times, given as minutes since 1970-01-01, a Thursday; Monday is 0."""
    if part == "minute_of_day":
        return minute % 1440
    if part == "hour":
        return minute % 1440 // 60
    days = minute // 1440
    if part == "weekday":
        return (days + 3) % 7
    dates = days.view("datetime64[D]")
    if part == "month":
        return dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    if part == "day":
        return days - dates.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + 1
    day_of_year = days - dates.astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64) + 1
    return day_of_year if part == "day_of_year" else (day_of_year - 1) // 7 + 1  # week: of seven days from 1 January


def admit(quality: Quality) -> None:
    """Raise BadData if a month is rejected, unless it is waived and has rows."""
    dataset, month, rule = quality["dataset"], quality["month"], quality["rule"]
    if quality["verdict"] != "reject" or (quality["waiver"] and quality["rows_out"]):
        return
    broken = f" by {quality_rules.in_words(rule)}" if rule else ""
    waive = f'`quality: {{waive: {{{dataset}: {{{month}: "reason"}}}}}}` in config/config.yaml or a file of your own'
    waived = f", or write {waive}" if quality["rows_out"] else ""
    plan = suggest.command("plan", dataset=dataset)
    raise BadData(
        f"{dataset} {month} is rejected{broken}; wait for a better file{waived}, or run `{plan}`, which names the"
        " settings that go on without it"
    )
