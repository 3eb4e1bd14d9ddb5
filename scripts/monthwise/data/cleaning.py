"""Turn a published month into trips of one schema, and count what was dropped, repaired and missing.

A row is dropped for the first of DROPS that applies to it. In a row that is kept, an implausible value becomes missing
and counts as a repair. No number depends on where the month is cut into batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa

from ..base import files, months
from ..base.exits import BadData, WrongConfig
from . import bins, columns, duplicates, id_codes, quality_rules, tables, zones

if TYPE_CHECKING:
    import argparse
    from typing import Any

    import numpy.typing as npt

    from ..base.file_types import Quality, QualityCounts

TRIPS = pa.schema(
    [
        ("trip", pa.int64()),  # row number in raw.parquet, from 0
        ("pickup_time", pa.timestamp("us")),  # local, without a zone
        ("duration_min", pa.float64()),
        ("pickup_zone", pa.int64()),  # missing is -1
        ("dropoff_zone", pa.int64()),
        ("distance_mi", pa.float64()),  # missing is null, here and below
        ("vendor", pa.int64()),
        ("passengers", pa.int64()),
        ("trip_type", pa.int64()),
        ("rate_code", pa.int64()),
    ]
)
DROPS = ("time_missing", "duration_below_min", "duration_above_max", "pickup_outside_month")
MILES = {"mi": 1.0, "km": 1 / 1.609344, "m": 1 / 1609.344}
MINUTE = 60_000_000  # microseconds
HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
OTHER_MONTHS = 10  # at most this many in quality.json
DURATION_BINS = 30  # approximate number of bins between the bounds of config
BINS = {"distance_mi": bins.Bins(0.0, 0.5, 60), "hour": bins.Bins(0, 1, 24), "day": bins.Bins(1, 1, 31)}


class Cleaned(NamedTuple):
    """The kept trips of a batch, and the counts of what was changed or dropped."""

    trips: pa.RecordBatch
    keys: npt.NDArray[np.uint64]  # one for each trip; equal rows have equal keys
    drops: dict[str, int]
    repairs: dict[str, int]
    normalised: dict[str, int]  # ids whose text was not in the usual form
    missing: dict[str, int]
    outside: dict[int, int]  # rows of other months, dropped or not, by months since 1970-01
    counts: dict[str, npt.NDArray[np.int64]]  # trips in each bin, by distribution


def clean(rows: pa.RecordBatch, first: int, settings: Mapping[str, Any], zones_are_numbers: bool = False) -> Cleaned:
    """Clean rows whose columns are named by role; `first` is the row number of the first row in its month."""
    pickup, local, pickup_present = columns.times(rows.column("pickup_time"))
    dropoff, _, dropoff_present = columns.times(rows.column("dropoff_time"))
    duration_min = (dropoff - pickup) / MINUTE
    begin, end = (_microseconds(month) for month in (settings["month"], months.shift(settings["month"], 1)))
    outside = (local < begin) | (local >= end)
    reasons = (
        ~(pickup_present & dropoff_present),
        duration_min < settings["duration"]["min"],
        duration_min > settings["duration"]["max"],
        outside & settings["quality"]["pickup_in_month"],
    )
    is_kept, drops = _drop(reasons)
    kept_rows = np.flatnonzero(is_kept)
    published, normalised = ids_and_numbers(rows, kept_rows, zones_are_numbers)
    keys = duplicates.row_keys([pickup.take(kept_rows), dropoff.take(kept_rows), *published.values()])
    pickup_time, durations = local.take(kept_rows), duration_min.take(kept_rows)
    values_by_name = {"trip": kept_rows + first, "pickup_time": pickup_time, "duration_min": durations}
    missing, repairs = {field.name: 0 if field.name in values_by_name else len(kept_rows) for field in TRIPS}, {}
    arrays = {name: tables.array(values, TRIPS.field(name).type) for name, values in values_by_name.items()}
    for role, numbers in published.items():
        name = "distance_mi" if role == "distance" else role
        values, is_plausible = repair(role, numbers, settings)
        missing[name] = len(kept_rows) - int(np.count_nonzero(is_plausible))
        repairs[f"{name}_implausible"] = missing[name] - int(np.count_nonzero(np.isnan(numbers)))
        arrays[name] = tables.array(values, TRIPS.field(name).type, None if name in columns.ZONES else is_plausible)
    for field in TRIPS:
        if field.name not in arrays:
            arrays[field.name] = nothing(field, len(kept_rows))
    batch = pa.RecordBatch.from_arrays([arrays[name] for name in TRIPS.names], schema=TRIPS)
    outside_by_month = rows_by_month(local[outside & pickup_present])
    counts = distributions(pickup_time, durations, batch.column("distance_mi"), settings)
    return Cleaned(batch, keys, drops, repairs, normalised, missing, outside_by_month, counts)


def _drop(reasons: tuple[npt.NDArray[np.bool_], ...]) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
    """Return which rows no reason drops, and how many rows each reason drops that none before it does."""
    is_kept, drops = np.ones(len(reasons[0]), bool), {}
    for name, is_hit in zip(DROPS, reasons, strict=True):
        drops[name] = int(np.count_nonzero(is_hit & is_kept))
        is_kept &= ~is_hit
    return is_kept, drops


def ids_and_numbers(
    rows: pa.RecordBatch, here: npt.NDArray[np.int64], zones_are_numbers: bool
) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, int]]:
    """Return the numbers of the rows `here` by role, and the number of normalised ids by role."""
    published, normalised = {}, {}
    for role in (*columns.IDS, *columns.NUMBERS):
        if role in rows.schema.names:
            role_ids = columns.numbers(rows.column(role), role, zones_are_numbers)
            published[role] = role_ids.numbers.take(here)
            if role_ids.is_normalised is not None:
                normalised[role] = int(np.count_nonzero(role_ids.is_normalised.take(here)))
    return published, normalised


def rows_by_month(moments: npt.NDArray[np.int64]) -> dict[int, int]:
    """Return the number of moments (microseconds) in each month, by months since 1970-01."""
    months_since = moments.view("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    return dict(zip(*(array.tolist() for array in np.unique(months_since, return_counts=True)), strict=True))


def distribution_bins(settings: Mapping[str, Any]) -> dict[str, bins.Bins]:
    """Return the bins of each distribution in quality.json."""
    duration = settings["duration"]
    return {"duration_min": bins.cover(duration["min"], duration["max"], DURATION_BINS), **BINS}


def distributions(
    pickup_time: npt.NDArray[np.int64],
    duration_min: npt.NDArray[np.float64],
    distance_mi: pa.Array,
    settings: Mapping[str, Any],
) -> dict[str, npt.NDArray[np.int64]]:
    """Return the number of trips in each bin. A missing distance is in no bin. `pickup_time` is in microseconds."""
    since = pickup_time - _microseconds(settings["month"])
    values = {
        "duration_min": duration_min,
        "distance_mi": tables.floats(distance_mi.drop_null()),
        "hour": since // HOUR % 24,
        "day": since // DAY + 1,
    }
    return {name: value_bins.counts(values[name]) for name, value_bins in distribution_bins(settings).items()}


def repair(
    role: str, numbers: npt.NDArray[np.float64], settings: Mapping[str, Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return the numbers of a role in the unit and type of its output column, and which of them are plausible.

    An implausible id is -1. The value of an implausible number of another role is arbitrary.
    """
    values: npt.NDArray[Any]
    if role in columns.IDS:
        integers = id_codes.usable(numbers)
        return integers, integers != id_codes.MISSING
    if role == "distance":
        numbers = values = numbers * MILES[settings["distance_unit"]]
        rule = settings["quality"]["distance_mi"] or {}
        is_plausible = np.isfinite(numbers)
    else:
        rule = settings["quality"][role] or {}
        values = id_codes.truncated(numbers)
        is_plausible = (np.abs(numbers) < 2**53) & (numbers == values)  # exact as an integer
    if "above" in rule:
        is_plausible &= numbers > rule["above"]
    if "min" in rule:
        is_plausible &= numbers >= rule["min"]
    if "max" in rule:
        is_plausible &= numbers <= rule["max"]
    return values, is_plausible


class Month:
    """Clean a month batch by batch: `trips` yields clean trips, then `quality` returns the content of quality.json."""

    def __init__(
        self,
        raw: str,
        settings: Mapping[str, Any],
        places: zones.Zones | None = None,
        batch_rows: int = tables.BATCH_ROWS,
    ):
        self.raw, self.settings, self.batch_rows = raw, settings, batch_rows
        self.zones_are_numbers = places is not None and places.are_numbers
        self.label = f"{settings['service']} {settings['month']}"
        if "distance" in settings["columns"] and settings["distance_unit"] not in MILES:
            raise WrongConfig(f"{self.label}: set the unit of distance in catalog.{settings['service']}.distance_unit")
        self.file = tables.open_parquet(raw, self.label)
        self.chosen = columns.choose(self.file.schema_arrow, settings, raw)
        self.rows_in_footer = self.file.metadata.num_rows
        try:
            self.keys = np.empty(self.rows_in_footer, np.uint64)  # memory is only used as the array is filled
        except (ValueError, MemoryError):
            self._reject_row_count("none that can be read")
        self.rows_in = self.rows_out = 0
        self.drops: Counter[str] = Counter()
        self.repairs: Counter[str] = Counter()
        self.normalised: Counter[str] = Counter()
        self.missing: Counter[str] = Counter()
        self.outside: Counter[int] = Counter()
        self.bins = distribution_bins(settings)
        self.counts = {name: np.zeros(value_bins.number, np.int64) for name, value_bins in self.bins.items()}

    def trips(self) -> Iterator[pa.RecordBatch]:
        """Yield the clean trips in the order of the file."""
        names = sorted(set(self.chosen.values()))
        for batch in tables.batches(self.file, self.raw, self.label, names, self.batch_rows):
            rows = pa.RecordBatch.from_arrays([batch.column(name) for name in self.chosen.values()], list(self.chosen))
            try:
                cleaned = clean(rows, self.rows_in, self.settings, self.zones_are_numbers)
            except pa.ArrowInvalid as error:  # a time beyond microseconds, an unknown time zone
                raise BadData(f"{self.label}: {self.raw} cannot be converted: {str(error).splitlines()[0]}") from error
            self._count(cleaned, batch.num_rows)
            yield cleaned.trips
        if self.rows_in != self.rows_in_footer:
            self._reject_row_count(f"{self.rows_in:,}")

    def _reject_row_count(self, rows: str) -> NoReturn:
        raise BadData(
            f"{self.label}: {self.raw} should have {self.rows_in_footer:,} rows and has {rows}; download it again"
        )

    def _count(self, cleaned: Cleaned, rows: int) -> None:
        if self.rows_in + rows > self.rows_in_footer:
            self._reject_row_count("more")
        end = self.rows_out + len(cleaned.keys)
        self.keys[self.rows_out : end] = cleaned.keys
        self.rows_in, self.rows_out = self.rows_in + rows, end
        for name in ("drops", "repairs", "normalised", "missing", "outside"):
            getattr(self, name).update(getattr(cleaned, name))
        for name, counts in cleaned.counts.items():
            self.counts[name] += counts

    def quality(self) -> Quality:
        """Return the content of quality.json; call it after all trips were read.

        All counts but `drops` and `outside_month` cover kept rows only.
        """
        counts: QualityCounts = {
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "drops": dict(self.drops) or dict.fromkeys(DROPS, 0),
            "repairs": dict(self.repairs),
            "normalised": {role: count for role, count in self.normalised.items() if count},
            "duplicates": duplicates.repeated(self.keys[: self.rows_out]),
            "missing": {name: count / self.rows_out for name, count in self.missing.items() if self.rows_out},
            "outside_month": {"rows": self.outside.total(), "months": self._commonest_months()},
            "distributions": {
                name: {"first": value_bins.first, "width": value_bins.width, "counts": self.counts[name].tolist()}
                for name, value_bins in self.bins.items()
            },
        }
        service, month = self.settings["service"], self.settings["month"]
        verdict, rule = quality_rules.judge(counts, self.settings["quality"], month, self.chosen)
        waiver = self.settings["waiver"]
        return {**counts, "service": service, "month": month, "verdict": verdict, "rule": rule, "waiver": waiver}

    def _commonest_months(self) -> dict[str, int]:
        """Return the rows of the most frequent other months, at most OTHER_MONTHS of them."""
        ranked = sorted(self.outside.items(), key=lambda pair: (-pair[1], pair[0]))[:OTHER_MONTHS]
        return {str(np.datetime64(month, "M")): rows for month, rows in ranked}


def main(job: argparse.Namespace) -> str:
    """Write trips.parquet and quality.json of one month."""
    month = Month(job.raw, job.settings, zones.read(job.zones[0] if job.zones else None))
    tables.write(job.trips, TRIPS, month.trips())
    quality = month.quality()
    files.write_json(job.quality, quality)
    rule = quality["rule"]
    why = f" by {quality_rules.in_words(rule)}" if rule else ""
    return f"{month.label}: {quality['rows_out']} of {quality['rows_in']} rows kept, verdict {quality['verdict']}{why}"


def _microseconds(month: str) -> int:
    return int(np.datetime64(month, "us").astype(np.int64))


def nothing(field: pa.Field, rows: int) -> pa.Array:
    """Return a column of trips.parquet in which every value is missing."""
    if field.name in columns.ZONES:
        return tables.array(np.full(rows, id_codes.MISSING), field.type)
    return tables.array(np.zeros(rows), field.type, np.zeros(rows, bool))
