"""Damaged months, drawn from a seed: bytes of a file that were changed, and tables that are not what they should be."""

import datetime
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from months_made import raw_month

ROWS = 150
Random = np.random.Generator

# How a month may be written: each goes through other parts of the reader.
WRITTEN: tuple[dict, ...] = (
    {"compression": "snappy"},
    {"compression": "zstd", "row_group_size": 60},
    {"compression": "none", "use_dictionary": False},
    {"compression": "gzip", "data_page_version": "2.0", "write_page_index": True},
    {"compression": "none", "column_encoding": {"VendorID": "DELTA_BINARY_PACKED"}, "use_dictionary": False},
    {"compression": "lz4", "use_deprecated_int96_timestamps": True},
)


def table(random: Random) -> pa.Table:
    """Return a sensible month whose ids are numbers or texts and whose days are all there."""
    begin = datetime.datetime(2021, 1, 1)
    pickups = [begin + datetime.timedelta(minutes=290 * row) for row in range(ROWS)]
    times = {
        "lpep_pickup_datetime": pa.array(pickups, pa.timestamp("us")),
        "lpep_dropoff_datetime": pa.array([at + datetime.timedelta(minutes=10) for at in pickups], pa.timestamp("us")),
    }
    made = raw_month(ROWS, **times)
    if random.random() < 0.3:
        made = _put(made, "PULocationID", made.column("PULocationID").cast(pa.string()))
    return made


@functools.cache
def whole_file(written: int, folder: Path) -> bytes:
    """Return the bytes of a sensible month that is written in one of the ways of WRITTEN."""
    path = folder / "whole.parquet"
    pq.write_table(table(np.random.default_rng(written)), path, **WRITTEN[written])
    return path.read_bytes()


# Bytes


def _where(random: Random, size: int) -> tuple[int, int]:
    """Return a range inside a file of `size` bytes; half of the ranges lie in its last part, where the footer is."""
    first = size - min(size, 3000) if random.random() < 0.5 else 0
    begin = int(random.integers(first, size))
    return begin, min(size, begin + int(2 ** random.uniform(0, 11)))


def flipped(random: Random, content: bytearray) -> None:
    """Flip some bits."""
    for _ in range(int(random.integers(1, 9))):
        content[_where(random, len(content))[0]] ^= 1 << int(random.integers(8))


def cut(random: Random, content: bytearray) -> None:
    """Take out a range, or all from there on."""
    begin, end = _where(random, len(content))
    del content[begin : end if random.random() < 0.7 else None]


def zeroed(random: Random, content: bytearray) -> None:
    """Put zeros into a range."""
    begin, end = _where(random, len(content))
    content[begin:end] = bytes(end - begin)


def swapped(random: Random, content: bytearray) -> None:
    """Let two ranges of the same length change places."""
    begin, end = _where(random, len(content))
    other = int(random.integers(0, len(content) - (end - begin) + 1))
    length = end - begin
    content[begin:end], content[other : other + length] = content[other : other + length], content[begin:end]


# Tables


def _put(made: pa.Table, name: str, column: pa.Array | pa.ChunkedArray) -> pa.Table:
    return made.set_column(made.column_names.index(name), name, column)


def _names(random: Random, made: pa.Table) -> list[str]:
    """Return one to three of the columns, drawn."""
    return list(random.choice(made.column_names, int(random.integers(1, 4)), replace=False))


def _values(random: Random, of_type: Callable[[], object], share: float) -> list:
    return [of_type() if random.random() < share else None for _ in range(ROWS)]


def types(random: Random, made: pa.Table) -> pa.Table:
    """Give columns another type."""
    day, number = datetime.datetime(2021, 1, 5), int(random.integers(0, 300))
    choices: list[tuple[object, pa.DataType]] = [
        (f"{number}.0", pa.string()), (f"x{number}", pa.large_string()),
        (str(number), pa.dictionary(pa.int8(), pa.string())), (b"\x90\xff", pa.binary()),
        (b"1234", pa.binary(4)), (str(day), pa.string_view()), (True, pa.bool_()),
        ([number], pa.list_(pa.int64())), ({"a": number}, pa.struct([("a", pa.int64())])), (day.date(), pa.date32()),
        (day, pa.date64()), (day.time(), pa.time64("us")), (datetime.timedelta(1), pa.duration("ms")),
        (number, pa.decimal128(38, 9)), (number, pa.decimal256(70, 3)), (np.float16(number), pa.float16()),
        (number % 256, pa.uint8()), (2**63 + number, pa.uint64()), (day, pa.timestamp("ns")), (day, pa.timestamp("s")),
        (day, pa.timestamp("us", "America/New_York")), (day, pa.timestamp("us", "Nowhere/Land")),
        (day, pa.timestamp("ms", "+05:30")), (None, pa.null()), (number, pa.float32()),
    ]  # fmt: skip
    for name in _names(random, made):
        value, kind = choices[int(random.integers(len(choices)))]
        made = _put(made, name, pa.array([value] * ROWS, kind))
    return made


def nulls(random: Random, made: pa.Table) -> pa.Table:
    """Leave out some values of columns, or all."""
    for name in _names(random, made):
        is_missing = random.random(ROWS) < random.choice([0.01, 0.5, 1.0])
        values = [
            None if gone else value for gone, value in zip(is_missing, made.column(name).to_pylist(), strict=True)
        ]
        made = _put(made, name, pa.array(values, made.column(name).type))
    return made


def absurd(random: Random, made: pa.Table) -> pa.Table:
    """Put values into columns that a type allows and nobody means."""
    numbers = [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.0, 2.0**63, 2.0**53, 1e10, -1.0, 132.5]
    texts = ["", " ", "-1", "nan", "1e999", "9" * 400, "0132", "\0", "Ünï\u2028", "-0", "+", "1_0", "١٣٢"]
    for name in _names(random, made):
        kind, share = made.column(name).type, random.choice([0.02, 1.0])
        drawn: Callable[[], object]
        if pa.types.is_timestamp(kind):
            kind = pa.timestamp(str(random.choice(["us", "ns", "ms"])))  # "s" is written as "ms"
            drawn = lambda: int(random.choice([-(2**63) + 1, 2**63 - 1, 0, -1, 253402300800, 2**53]))  # noqa: E731
        elif kind == pa.string() or random.random() < 0.3:
            kind, drawn = pa.string(), lambda: str(random.choice(texts))
        elif pa.types.is_integer(kind):
            drawn = lambda: int(random.choice([-(2**63), 2**63 - 1, 2**26, 2**53 + 1, -1, 10**9]))  # noqa: E731
        else:
            drawn = lambda: float(random.choice(numbers))  # noqa: E731
        made = _put(made, name, pa.array(_values(random, drawn, share), kind))
    return made


def missing(random: Random, made: pa.Table) -> pa.Table:
    """Leave out columns, now and then all."""
    return made.drop_columns(made.column_names if random.random() < 0.05 else _names(random, made))


def renamed(random: Random, made: pa.Table) -> pa.Table:
    """Give columns other names."""
    ways: list[Callable[[str], str]] = [
        str.upper, str.lower, lambda name: f" {name}", lambda name: f"{name}\t", lambda name: "",
        lambda name: name[:-1], lambda name: name + "\n{x}", lambda name: "Ü" + name, 
        lambda name: "a.b", lambda name: "trip_distance",
    ]  # fmt: skip
    changed = {name: ways[int(random.integers(len(ways)))] for name in _names(random, made)}
    return made.rename_columns([changed.get(name, str)(name) for name in made.column_names])


def doubled(random: Random, made: pa.Table) -> pa.Table:
    """Have columns twice, the second time under the same name, or with a blank."""
    for name in _names(random, made):
        made = made.append_column(name + str(random.choice(["", "", " "])), made.column(name))
    return made


def without_rows(random: Random, made: pa.Table) -> pa.Table:
    """Keep no row, or very few."""
    return made.slice(0, int(random.choice([0, 0, 1, 5])))


BYTES = {"flipped": flipped, "cut": cut, "zeroed": zeroed, "swapped": swapped}
TABLES = {
    "types": types,
    "nulls": nulls,
    "absurd": absurd,
    "missing": missing,
    "renamed": renamed,
    "doubled": doubled,
    "without_rows": without_rows,
}


def write(kind: str, case: int, path: Path) -> None:
    """Write the month number `case` that is damaged in a way of BYTES or TABLES."""
    random = np.random.default_rng([sum(kind.encode()), case])
    if kind in BYTES:
        content = bytearray(whole_file(int(random.integers(len(WRITTEN))), path.parent))
        BYTES[kind](random, content)
        path.write_bytes(content)
        return
    pq.write_table(TABLES[kind](random, table(random)), path, store_schema=bool(random.random() < 0.5))
