"""Count the clean rows of a month by bins of time, target and numbers, for quality.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from . import bins, tables
from .targets import Targets

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt
    import pyarrow as pa

HOUR, DAY = 3_600_000_000, 86_400_000_000  # microseconds
NUMBER_BINS = 60  # approximate number of bins between the bounds of a number
TIME_BINS = {"hour": bins.Bins(0, 1, 24), "day": bins.Bins(1, 1, 31)}


class Histograms:
    """Counts the kept rows of a month by bins of time, of the target, and of numbers with two bounds."""

    def __init__(self, settings: Mapping[str, Any]):
        self.bins = {"target": Targets(settings).bins(), **TIME_BINS}
        for name, feature in settings["features"].items():
            low = feature["above"] if feature["min"] is None else feature["min"]
            is_bounded = feature["kind"] == "number" and None not in (low, feature["max"])
            if is_bounded and not feature["whole"] and name not in self.bins:
                self.bins[name] = bins.cover(low, feature["max"], NUMBER_BINS)
        self.counts = {
            name: np.zeros(value_bins.number, np.int64) for name, value_bins in self.bins.items() if value_bins
        }
        self.targets: list[npt.NDArray[np.float64]] = []  # kept if their bins are not known before all are read

    def add(self, rows: pa.RecordBatch, since: npt.NDArray[np.int64]) -> None:
        """Count clean rows; `since` is the microseconds since the month began. A missing value is in no bin."""
        values: npt.NDArray[Any]
        for name, value_bins in self.bins.items():
            if name in TIME_BINS:
                values = since // HOUR % 24 if name == "hour" else since // DAY + 1
            else:
                values = tables.floats(rows.column(name).drop_null())
            if value_bins is None:
                self.targets.append(values.astype(np.float64, copy=False))
            else:
                self.counts[name] += value_bins.counts(values)

    def content(self) -> dict[str, Any]:
        """Return the distributions as in quality.json."""
        if self.bins["target"] is None:
            values = np.concatenate(self.targets) if self.targets else np.zeros(0)
            quantiles = np.quantile(values, (0.005, 0.995), method="nearest") if len(values) else np.array([0.0, 1.0])
            low, high = quantiles.tolist()
            target_bins = self.bins["target"] = bins.cover(low, high, bins.NUMBER)
            self.counts["target"] = target_bins.counts(values)
        return {
            name: {"first": value_bins.first, "width": value_bins.width, "counts": self.counts[name].tolist()}
            for name, value_bins in self.bins.items()
            if value_bins
        }
