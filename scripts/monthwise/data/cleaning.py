"""Turn a published month into trips of one schema, and say in numbers what was dropped, repaired and missing.

A row is dropped for the first of DROPS that it meets. What is merely implausible in a row that is kept becomes missing
and is counted as a repair. Every number is the same wherever the month is cut into batches.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, NoReturn

import numpy as np
import pyarrow as pa

from ..base import files, months
from ..base.exits import BadData, WrongConfig
from . import bins, columns, id_codes, quality_rules, tables, zones

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
OTHER_MONTHS = 10  # that quality.json names
DURATION_BINS = 30  # about, between the bounds of config
BINS = {"distance_mi": bins.Bins(0.0, 0.5, 60), "hour": bins.Bins(0, 1, 24), "day": bins.Bins(1, 1, 31)}


class Cleaned(NamedTuple):
    """The kept trips of a batch, and what was counted on the way to them."""

    trips: pa.RecordBatch
    keys: np.ndarray  # uint64 for each trip, equal where the rows are equal
    drops: dict[str, int]
    repairs: dict[str, int]
    normalised: dict[str, int]  # ids that were written in another way
    missing: dict[str, int]
    outside: dict[int, int]  # rows of another month, dropped or not, by months since 1970-01
    counts: dict[str, np.ndarray]  # of trips in each bin of the distributions


def clean(rows: pa.RecordBatch, first: int, settings: dict, zones_are_numbers: bool = False) -> Cleaned:
    """Clean rows whose columns are named by role; `first` is the number of the first one in its month."""
    pickup, local, pickup_there = columns.times(rows.column("pickup_time"))
    dropoff, _, dropoff_there = columns.times(rows.column("dropoff_time"))
    duration_min = (dropoff - pickup) / MINUTE
    begin, end = (_microseconds(month) for month in (settings["month"], months.shift(settings["month"], 1)))
    outside = (local < begin) | (local >= end)
    reasons = (
        ~(pickup_there & dropoff_there),
        duration_min < settings["duration"]["min"],
        duration_min > settings["duration"]["max"],
        outside & settings["quality"]["pickup_in_month"],
    )
    kept, drops = np.ones(len(local), bool), {}
    for name, hit in zip(DROPS, reasons, strict=True):
        drops[name] = int(np.count_nonzero(hit & kept))
        kept &= ~hit

    here = np.flatnonzero(kept)
    published, normalised = ids_and_numbers(rows, here, zones_are_numbers)
    keys = row_keys([pickup.take(here), dropoff.take(here), *published.values()])
    found = {"trip": here + first, "pickup_time": local.take(here), "duration_min": duration_min.take(here)}
    missing, repairs = {field.name: 0 if field.name in found else len(here) for field in TRIPS}, {}
    arrays = {name: tables.array(values, TRIPS.field(name).type) for name, values in found.items()}
    for role, numbers in published.items():
        name = "distance_mi" if role == "distance" else role
        values, sound = repair(role, numbers, settings)
        missing[name] = len(here) - int(np.count_nonzero(sound))
        repairs[f"{name}_implausible"] = missing[name] - int(np.count_nonzero(np.isnan(numbers)))
        arrays[name] = tables.array(values, TRIPS.field(name).type, None if name in columns.ZONES else sound)
    for field in TRIPS:
        if field.name not in arrays:
            arrays[field.name] = nothing(field, len(here))
    batch = pa.RecordBatch.from_arrays([arrays[name] for name in TRIPS.names], schema=TRIPS)
    of_months = rows_by_month(local[outside & pickup_there])
    counts = distributions(found["pickup_time"], found["duration_min"], batch.column("distance_mi"), settings)
    return Cleaned(batch, keys, drops, repairs, normalised, missing, of_months, counts)


def ids_and_numbers(
    rows: pa.RecordBatch, here: np.ndarray, zones_are_numbers: bool
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Return by role the numbers of the rows `here` (float64), and how many ids among them were normalised."""
    published, normalised = {}, {}
    for role in (*columns.IDS, *columns.NUMBERS):
        if role in rows.schema.names:
            read = columns.numbers(rows.column(role), role, zones_are_numbers)
            published[role] = read.numbers.take(here)
            if read.is_normalised is not None:
                normalised[role] = int(np.count_nonzero(read.is_normalised.take(here)))
    return published, normalised


def rows_by_month(moments: np.ndarray) -> dict[int, int]:
    """Return how many moments (int64, microseconds) are in each month, by months since 1970-01."""
    months_since = moments.view("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    return dict(zip(*(each.tolist() for each in np.unique(months_since, return_counts=True)), strict=True))


def distribution_bins(settings: dict) -> dict[str, bins.Bins]:
    """Return the bins of each distribution in quality.json."""
    duration = settings["duration"]
    return {"duration_min": bins.cover(duration["min"], duration["max"], DURATION_BINS), **BINS}


def distributions(
    pickup_time: np.ndarray, duration_min: np.ndarray, distance_mi: pa.Array, settings: dict
) -> dict[str, np.ndarray]:
    """Return how many trips lie in each bin; a missing distance lies in none. `pickup_time` is in microseconds."""
    since = pickup_time - _microseconds(settings["month"])
    values = {
        "duration_min": duration_min,
        "distance_mi": tables.floats(distance_mi.drop_null()),
        "hour": since // HOUR % 24,
        "day": since // DAY + 1,
    }
    return {name: each.counts(values[name]) for name, each in distribution_bins(settings).items()}


def repair(role: str, numbers: np.ndarray, settings: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of a role in the unit and type of its output column, and where they can be meant.

    Ids are -1 where they cannot; what other roles have there is arbitrary.
    """
    if role in columns.IDS:
        whole = id_codes.usable(numbers)
        return whole, whole != id_codes.MISSING
    if role == "distance":
        numbers = values = numbers * MILES[settings["distance_unit"]]
        rule = settings["quality"]["distance_mi"] or {}
        sound = np.isfinite(numbers)
    else:
        rule = settings["quality"][role] or {}
        values = id_codes.truncated(numbers)
        sound = (np.abs(numbers) < 2**53) & (numbers == values)  # exact as an integer
    if "above" in rule:
        sound &= numbers > rule["above"]
    if "min" in rule:
        sound &= numbers >= rule["min"]
    if "max" in rule:
        sound &= numbers <= rule["max"]
    return values, sound


def row_keys(values: list[np.ndarray]) -> np.ndarray:
    """Return a hash of 64 bits for each row; 20 million different rows meet by chance once in 90,000 months."""
    keys = np.zeros(len(values[0]), np.uint64)
    for column in values:  # mixed after each one: numbers of few digits differ in their upper bits alone
        keys ^= column.view(np.uint64)
        keys *= np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(32)
    return keys


def repeated(keys: np.ndarray) -> int:
    """Return how many of the keys equal another one before them; sorts them, the upper half beside the lower one."""
    half = len(keys) // 2
    if half:
        keys.partition(half)
        with ThreadPoolExecutor(1) as beside:
            upper = beside.submit(keys[half:].sort)
            keys[:half].sort()
            upper.result()
    return int(np.count_nonzero(keys[1:] == keys[:-1]))


class Month:
    """A month as its batches go by: yields clean trips, and knows in the end what quality.json says."""

    def __init__(
        self, raw: str, settings: dict, places: zones.Zones | None = None, batch_rows: int = tables.BATCH_ROWS
    ):
        self.raw, self.settings, self.batch_rows = raw, settings, batch_rows
        self.zones_are_numbers = places is not None and places.are_numbers
        self.about = f"{settings['service']} {settings['month']}"
        if "distance" in settings["columns"] and settings["distance_unit"] not in MILES:
            raise WrongConfig(f"{self.about}: set the unit of distance in catalog.{settings['service']}.distance_unit")
        self.file = tables.open_parquet(raw, self.about)
        self.chosen = columns.choose(self.file.schema_arrow, settings, raw)
        self.rows_told = self.file.metadata.num_rows
        try:
            self.keys = np.empty(self.rows_told, np.uint64)  # memory is taken as it is filled
        except (ValueError, MemoryError):
            self._reject_row_count("none that can be read")
        self.rows_in = self.rows_out = 0
        self.drops, self.repairs, self.normalised, self.missing = Counter(), Counter(), Counter(), Counter()
        self.outside: Counter[int] = Counter()
        self.bins = distribution_bins(settings)
        self.counts = {name: np.zeros(each.count, np.int64) for name, each in self.bins.items()}

    def trips(self) -> Iterator[pa.RecordBatch]:
        """Yield the clean trips in the order of the file."""
        names = sorted(set(self.chosen.values()))
        for batch in tables.batches(self.file, self.raw, self.about, names, self.batch_rows):
            rows = pa.RecordBatch.from_arrays([batch.column(name) for name in self.chosen.values()], list(self.chosen))
            try:
                cleaned = clean(rows, self.rows_in, self.settings, self.zones_are_numbers)
            except pa.ArrowInvalid as error:  # a time beyond microseconds, an unknown time zone
                raise BadData(f"{self.about}: {self.raw} cannot be converted: {str(error).splitlines()[0]}") from error
            self._count(cleaned, batch.num_rows)
            yield cleaned.trips
        if self.rows_in != self.rows_told:
            self._reject_row_count(f"{self.rows_in:,}")

    def _reject_row_count(self, rows: str) -> NoReturn:
        raise BadData(f"{self.about}: {self.raw} should have {self.rows_told:,} rows and has {rows}; download it again")

    def _count(self, cleaned: Cleaned, rows: int) -> None:
        if self.rows_in + rows > self.rows_told:
            self._reject_row_count("more")
        until = self.rows_out + len(cleaned.keys)
        self.keys[self.rows_out : until] = cleaned.keys
        self.rows_in, self.rows_out = self.rows_in + rows, until
        for name in ("drops", "repairs", "normalised", "missing", "outside"):
            getattr(self, name).update(getattr(cleaned, name))
        for name, counts in cleaned.counts.items():
            self.counts[name] += counts

    def quality(self) -> dict:
        """Return the content of quality.json, once all trips went by.

        All but `drops` and `outside_month` is of kept rows.
        """
        counts = {
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "drops": dict(self.drops) or dict.fromkeys(DROPS, 0),
            "repairs": dict(self.repairs),
            "normalised": {role: count for role, count in self.normalised.items() if count},
            "duplicates": repeated(self.keys[: self.rows_out]),
            "missing": {name: count / self.rows_out for name, count in self.missing.items() if self.rows_out},
            "outside_month": {"rows": self.outside.total(), "months": self._commonest_months()},
            "distributions": {
                name: {"first": each.first, "width": each.width, "counts": self.counts[name].tolist()}
                for name, each in self.bins.items()
            },
        }
        service, month = self.settings["service"], self.settings["month"]
        verdict, rule = quality_rules.judge(counts, self.settings["quality"], month, self.chosen)
        waiver = self.settings["waiver"]
        return {**counts, "service": service, "month": month, "verdict": verdict, "rule": rule, "waiver": waiver}

    def _commonest_months(self) -> dict[str, int]:
        """Return the rows of the months that most rows of another month are of."""
        ranked = sorted(self.outside.items(), key=lambda pair: (-pair[1], pair[0]))[:OTHER_MONTHS]
        return {str(np.datetime64(month, "M")): rows for month, rows in ranked}


def main(job) -> str:
    """Write trips.parquet and quality.json of one month."""
    month = Month(job.raw, job.settings, zones.read(job.zones[0] if job.zones else None))
    tables.write(job.trips, TRIPS, month.trips())
    quality = month.quality()
    files.write_json(job.quality, quality)
    rule = quality["rule"]
    why = f" by {quality_rules.in_words(rule)}" if rule else ""
    return f"{month.about}: {quality['rows_out']} of {quality['rows_in']} rows kept, verdict {quality['verdict']}{why}"


def _microseconds(month: str) -> int:
    return int(np.datetime64(month, "us").astype(np.int64))


def nothing(field: pa.Field, rows: int) -> pa.Array:
    """Return a column of trips.parquet without a value."""
    if field.name in columns.ZONES:
        return tables.array(np.full(rows, id_codes.MISSING), field.type)
    return tables.array(np.zeros(rows), field.type, np.zeros(rows, bool))
