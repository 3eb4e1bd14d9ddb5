"""Turn a published month into rows of one schema, and count what was dropped, repaired and missing.

A row is dropped for the first of `reasons` that applies to it. In a row that is kept, an implausible value becomes
missing and counts as a repair. No number depends on where the month is cut into batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa

from ..base import months
from ..base.exits import BadData
from . import columns, duplicates, id_codes, published, quality_rules, role_rows, tables
from .categories import Category
from .histograms import Histograms
from .targets import Targets

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..base.file_types import Quality, QualityCounts

OTHER_MONTHS = 10  # at most this many in quality.json


def schema_of(settings: Mapping[str, Any]) -> pa.Schema:
    """Return the columns of rows.parquet: a missing code is -1, any other missing value is null."""
    # `time` is local, without a time zone.
    fields = [("row", pa.int64()), ("time", pa.timestamp("us")), ("target", pa.float64())]
    fields += [("group", pa.uint64())] if "group" in settings["columns"] else []
    return pa.schema([*fields, *((name, type_of(feature)) for name, feature in settings["features"].items())])


def type_of(feature: Mapping[str, Any]) -> pa.DataType:
    """Return the type of a feature in rows.parquet and features.parquet."""
    if feature["kind"] == "category":
        return pa.string()
    return pa.int64() if feature["kind"] == "code" and not feature["ordered"] else pa.float64()


class Cleaned(NamedTuple):
    """The kept rows of a batch, and the counts of what was changed or dropped."""

    rows: pa.RecordBatch
    keys: npt.NDArray[np.uint64]  # one for each row; equal rows have equal keys
    drops: dict[str, int]
    repairs: dict[str, int]
    normalised: dict[str, int]  # values whose text was not in the usual form
    missing: dict[str, int]
    outside: dict[int, int]  # rows of other months, dropped or not, by months since 1970-01
    since: npt.NDArray[np.int64]  # microseconds of each kept row since the month began


class Value(NamedTuple):
    """A column of a batch, as published and as kept."""

    array: pa.Array
    key: npt.NDArray[Any]  # 8 bytes each; equal published values have equal ones
    is_missing: npt.NDArray[np.bool_]  # in `array`
    is_repaired: npt.NDArray[np.bool_] | None  # published, and implausible
    is_normalised: npt.NDArray[np.bool_] | None


class Cleaner:
    """Cleans the batches of a month; `settings` are those of the job."""

    def __init__(self, settings: Mapping[str, Any]):
        self.settings, self.features = settings, settings["features"]
        self.schema = schema_of(settings)
        self.targets = Targets(settings)
        month = settings["month"]
        self.begin, self.end = (_microseconds(month), _microseconds(months.shift(month, 1)))
        self._categories = {name: Category() for name in (*self.features, "group")}

    def clean(self, rows: pa.RecordBatch, first: int) -> Cleaned:
        """Clean rows whose columns are named by role; `first` is the row number of the first row in its month."""
        moments, local, is_present = columns.times(rows.column("time"), self.settings["time"])
        target = self.targets.read(rows.column("target"), moments, is_present)
        outside = (local < self.begin) | (local >= self.end)
        values = {name: self.read(name, rows) for name in self.features}
        reasons = {"time_missing": ~is_present} | target.reasons
        reasons["outside_month"] = outside & self.settings["quality"]["time_in_month"]
        for name, feature in self.features.items():
            repaired = values[name].is_repaired
            if feature["outside"] == "drop" and repaired is not None:
                reasons[f"{name}_implausible"] = repaired
        is_kept, drops = _drop(reasons)
        kept = np.flatnonzero(is_kept)
        arrays = {
            "row": tables.array(kept + first, pa.int64()),
            "time": tables.array(local.take(kept), pa.timestamp("us")),
            "target": tables.array(self.targets.keep(target.values.take(kept)), pa.float64()),
        }
        keys = [moments.take(kept), target.key.take(kept)]
        if "group" in self.schema.names:
            arrays["group"] = tables.array(self._categories["group"].read(rows.column("group")).keys[kept], pa.uint64())
        index = None if len(kept) == rows.num_rows else tables.array(kept, pa.int64())
        for name, value in values.items():
            arrays[name] = value.array if index is None else value.array.take(index)
            keys.append(value.key.take(kept))
        are_repaired = {
            name: value.is_repaired for name, value in values.items() if self.features[name]["outside"] != "drop"
        }
        return Cleaned(
            pa.RecordBatch.from_arrays([arrays[name] for name in self.schema.names], schema=self.schema),
            duplicates.row_keys(keys),
            drops,
            {f"{name}_implausible": count for name, count in _counts(are_repaired, kept).items()},
            _counts({name: value.is_normalised for name, value in values.items()}, kept),
            _counts({name: value.is_missing for name, value in values.items()}, kept),
            rows_by_month(local[outside & is_present]),
            local.take(kept) - self.begin,
        )

    def read(self, name: str, rows: pa.RecordBatch) -> Value:
        """Return a feature of published rows; all values are missing if the rows lack its column."""
        feature, count = self.features[name], rows.num_rows
        if name not in rows.schema.names:
            return _nothing(feature, count)
        column = rows.column(name)
        if feature["kind"] == "category":
            texts = self._categories[name].read(column)
            return Value(texts.texts, texts.keys, texts.keys == 0, None, texts.is_changed)
        if feature["kind"] == "flag":
            flags = columns.flags(column)
            is_missing = np.isnan(flags)
            return Value(tables.array(flags, pa.float64(), ~is_missing), flags, is_missing, None, None)
        if feature["kind"] == "code":
            return _code(feature, id_codes.ids(column, feature["numeric"]))
        return _number(feature, columns.numbers(column))


def _counts(masks: Mapping[str, npt.NDArray[np.bool_] | None], kept: npt.NDArray[np.intp]) -> dict[str, int]:
    """Return how many of the kept rows each mask has; no entry for a feature without a mask."""
    return {name: int(np.count_nonzero(mask[kept])) for name, mask in masks.items() if mask is not None}


def _code(feature: Mapping[str, Any], ids: id_codes.Ids) -> Value:
    codes = id_codes.usable(ids.numbers)
    is_missing = codes == id_codes.MISSING
    if feature["ordered"]:
        array = tables.array(codes.astype(np.float64), pa.float64(), ~is_missing)
    else:
        array = tables.array(codes, pa.int64())
    return Value(array, ids.numbers, is_missing, is_missing & ~np.isnan(ids.numbers), ids.is_normalised)


def _number(feature: Mapping[str, Any], published_numbers: npt.NDArray[np.float64]) -> Value:
    numbers = published_numbers if feature["scale"] == 1 else published_numbers * feature["scale"]
    is_plausible = np.isfinite(numbers)
    if feature["whole"]:
        is_plausible &= (np.abs(numbers) < 2**53) & (numbers == np.trunc(numbers))
    if feature["above"] is not None:
        is_plausible &= numbers > feature["above"]
    if feature["min"] is not None:
        is_plausible &= numbers >= feature["min"]
    if feature["max"] is not None:
        is_plausible &= numbers <= feature["max"]
    is_repaired = ~is_plausible & ~np.isnan(published_numbers)
    return Value(tables.array(numbers, pa.float64(), is_plausible), published_numbers, ~is_plausible, is_repaired, None)


def _nothing(feature: Mapping[str, Any], rows: int) -> Value:
    kind, is_missing = type_of(feature), np.ones(rows, bool)
    is_code = kind == pa.int64()
    array = tables.array(np.full(rows, id_codes.MISSING), kind) if is_code else pa.nulls(rows, kind)
    return Value(array, np.zeros(rows), is_missing, None, None)


def _drop(reasons: Mapping[str, npt.NDArray[np.bool_]]) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
    """Return which rows no reason drops, and how many rows each reason drops that none before it does."""
    is_kept, drops = np.ones(len(next(iter(reasons.values()))), bool), {}
    for name, is_hit in reasons.items():
        drops[name] = int(np.count_nonzero(is_hit & is_kept))
        is_kept &= ~is_hit
    return is_kept, drops


def rows_by_month(moments: npt.NDArray[np.int64]) -> dict[int, int]:
    """Return the number of moments (microseconds) in each month, by months since 1970-01."""
    months_since = moments.view("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    return dict(zip(*(array.tolist() for array in np.unique(months_since, return_counts=True)), strict=True))


class Month:
    """Clean a month batch by batch: `rows` yields clean rows, then `quality` returns the content of quality.json.

    `prepare` is what the module of the dataset does to the published rows of a batch.
    """

    def __init__(
        self,
        raw: str,
        settings: Mapping[str, Any],
        prepare: Callable[[pa.RecordBatch], pa.RecordBatch] | None = None,
        batch_rows: int = tables.BATCH_ROWS,
    ):
        self.raw, self.settings, self.prepare, self.batch_rows = raw, settings, prepare, batch_rows
        self.label = f"{settings['dataset']} {settings['month']}"
        self.file = published.open_published(raw, self.label, settings)
        hint = self.file.hint() if isinstance(self.file, published.Csv) else ""
        self.chosen = columns.choose(self.file.schema, settings, raw, hint=hint)
        self.cleaner = Cleaner(settings)
        self.histograms = Histograms(settings)
        self.rows_in = self.rows_out = 0
        self.keys: list[npt.NDArray[np.uint64]] = []
        self.drops: Counter[str] = Counter()
        self.repairs: Counter[str] = Counter()
        self.normalised: Counter[str] = Counter()
        self.missing: Counter[str] = Counter()
        self.outside: Counter[int] = Counter()

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Yield the clean rows in the order of the file."""
        for rows in role_rows.read(self.file, self.chosen, self.settings, self.prepare, self.batch_rows):
            with role_rows.conversion_errors(self.file, self.rows_in):
                cleaned = self.cleaner.clean(rows, self.rows_in)
            self._count(cleaned, rows.num_rows)
            yield cleaned.rows
        if self.file.rows is not None and self.rows_in != self.file.rows:
            self._reject_row_count(f"{self.rows_in:,}")

    def _reject_row_count(self, rows: str) -> NoReturn:
        raise BadData(f"{self.label}: {self.raw} should have {self.file.rows:,} rows and has {rows}; download it again")

    def _count(self, cleaned: Cleaned, rows: int) -> None:
        if self.file.rows is not None and self.rows_in + rows > self.file.rows:
            self._reject_row_count("more")
        self.keys.append(cleaned.keys)
        self.rows_in, self.rows_out = self.rows_in + rows, self.rows_out + len(cleaned.keys)
        for name in ("drops", "repairs", "normalised", "missing", "outside"):
            getattr(self, name).update(getattr(cleaned, name))
        self.histograms.add(cleaned.rows, cleaned.since)

    def quality(self) -> Quality:
        """Return the content of quality.json; call it after all rows were read.

        All counts but `drops` and `outside_month` cover kept rows only.
        """
        keys = np.concatenate(self.keys) if self.keys else np.zeros(0, np.uint64)
        self.keys.clear()
        counts: QualityCounts = {
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "drops": dict(self.drops),
            "repairs": dict(self.repairs),
            "normalised": {role: count for role, count in self.normalised.items() if count},
            "duplicates": duplicates.repeated(keys),
            "missing": {name: count / self.rows_out for name, count in self.missing.items() if self.rows_out},
            "outside_month": {"rows": self.outside.total(), "months": self._commonest_months()},
            "target": self.cleaner.targets.summary(),
            "distributions": self.histograms.content(),
        }
        dataset, month = self.settings["dataset"], self.settings["month"]
        optional = [name for name, feature in self.settings["features"].items() if feature["optional"]]
        verdict, rule = quality_rules.judge(counts, self.settings["quality"], month, optional)
        waiver = self.settings["waiver"]
        return {**counts, "dataset": dataset, "month": month, "verdict": verdict, "rule": rule, "waiver": waiver}

    def _commonest_months(self) -> dict[str, int]:
        """Return the rows of the most frequent other months, at most OTHER_MONTHS of them."""
        ranked = sorted(self.outside.items(), key=lambda pair: (-pair[1], pair[0]))[:OTHER_MONTHS]
        return {str(np.datetime64(month, "M")): rows for month, rows in ranked}


def _microseconds(month: str) -> int:
    return int(np.datetime64(month, "us").astype(np.int64))
