"""The target of a row: a number, the time until another column, or a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from ..base.tasks import SECONDS
from . import bins, columns, tables
from .categories import Category

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..base.file_types import TargetSummary

COMMONEST = 5  # values that are no class, in quality.json


class Target(NamedTuple):
    """The targets of a batch. A class is its position among the classes; of a binary target, 1 is the positive one."""

    values: npt.NDArray[np.float64]
    key: npt.NDArray[Any]  # 8 bytes each; equal published values have equal ones
    reasons: dict[str, npt.NDArray[np.bool_]]  # which rows are dropped, by reason


class Targets:
    """Reads the targets of a month, batch by batch."""

    def __init__(self, settings: Mapping[str, Any]):
        self.target, self.time = settings["target"], settings["time"]
        self.task, self.classes = settings["task"], tuple(settings["target"]["classes"])
        self._category = Category()
        self._low, self._high = np.inf, -np.inf
        self._other_values: Counter[str] = Counter()

    def read(self, column: pa.Array, moments: npt.NDArray[np.int64], has_time: npt.NDArray[np.bool_]) -> Target:
        """Return the targets of a batch; `moments` are its times in microseconds, valid where `has_time`."""
        reasons: dict[str, npt.NDArray[np.bool_]] = {}
        key: npt.NDArray[Any]
        if self.target["positive"] is not None or self.classes:
            values, key = self._classes(column, reasons)
        elif self.target["until"]:
            end, _, has_end = columns.times(column, self.time)
            values, key = (end - moments) / (SECONDS[self.target["unit"]] * 1_000_000), end
            reasons["target_missing"] = ~(has_end & has_time)
        else:
            values = key = columns.numbers(column)
            reasons["target_missing"] = ~np.isfinite(values)
        if self.target["min"] is not None:
            reasons["target_below_min"] = values < self.target["min"]
        if self.target["max"] is not None:
            reasons["target_above_max"] = values > self.target["max"]
        if self.target["above"] is not None:
            values = (values > self.target["above"]).astype(np.float64)
        return Target(values, key, reasons)

    def keep(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the targets of kept rows as they are; `summary` covers them."""
        if len(values):
            self._low, self._high = min(self._low, float(values.min())), max(self._high, float(values.max()))
        return values

    def _classes(
        self, column: pa.Array, reasons: dict[str, npt.NDArray[np.bool_]]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint64]]:
        texts = self._category.read(column)
        encoded = texts.texts.dictionary_encode()
        names = encoded.dictionary.to_pylist()
        index = np.where(texts.keys == 0, len(names), _indices(encoded))
        counts = np.bincount(index, minlength=len(names) + 1)
        is_positive = self.target["positive"]
        known = (
            {is_positive: 1.0} if is_positive is not None else {name: float(i) for i, name in enumerate(self.classes)}
        )
        other = 0.0 if is_positive is not None else np.nan
        for name, count in zip(names, counts.tolist(), strict=False):
            if name not in known:
                self._other_values[name] += count
        codes = np.array([*(known.get(name, other) for name in names), np.nan])
        values = codes[index]
        reasons["target_missing"] = texts.keys == 0
        if self.classes:
            reasons["target_no_class"] = np.isnan(values)
        return values, texts.keys

    def bins(self) -> bins.Bins | None:
        """Return the bins of the target in quality.json; None if they depend on the values of the month."""
        if self.task != "regression":
            return bins.Bins(0, 1, max(len(self.classes), 2))
        if self.target["min"] is None or self.target["max"] is None:
            return None
        return bins.cover(self.target["min"], self.target["max"], bins.NUMBER)

    def summary(self) -> TargetSummary:
        """Return the smallest and the largest kept target, and the most frequent values that are no class."""
        is_known = self._low <= self._high
        return {
            "min": self._low if is_known else None,
            "max": self._high if is_known else None,
            "other_values": dict(self._other_values.most_common(COMMONEST)),
        }


def _indices(encoded: pa.DictionaryArray) -> npt.NDArray[np.int64]:
    """Return the position of each value in its dictionary; arbitrary where it is missing."""
    return tables.values(encoded.indices, "int32").astype(np.int64)
