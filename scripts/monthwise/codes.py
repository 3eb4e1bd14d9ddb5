"""Ids of places and vendors as numbers, whatever the publisher uses: `132`, `"132"` or `"JC105"`."""

import hashlib
import re

import numpy as np
import pyarrow as pa
from pyarrow import types

from . import tables

IDS = 2**26  # ids are below this, so that a pair of them fits the 53 exact bits of a float
MISSING = -1


def codes(column: pa.Array) -> np.ndarray:
    """Return the ids of a numeric or text column as int64, -1 where there is none or no usable one."""
    return usable(ids(column))


def ids(column: pa.Array) -> np.ndarray:
    """Return the ids of a column as published: float64, NaN where it is null or an empty text.

    A text that is a whole number is that number (the type of a column may change with the year), any other text a
    stable code of 26 bits. Two of 1,000 text ids share a code with a probability of 0.7 %.
    """
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not is_text(column.type):
        return tables.floats(column)
    column = column.cast(pa.large_binary()).dictionary_encode()
    known = np.array([np.nan, *map(_code, column.dictionary.to_pylist())])
    there = tables.present(column.indices)
    index = tables.values(column.indices, "int32") + 1
    return known[index if there is None else np.where(there, index, 0)]


def usable(published: np.ndarray) -> np.ndarray:
    """Return published ids as int64, -1 where they are no whole number from 0 to 2**26 - 1."""
    whole = truncated(published)
    sound = (whole >= 0) & (whole < IDS) & (whole == published)
    return whole if sound.all() else np.where(sound, whole, MISSING)


def truncated(numbers: np.ndarray) -> np.ndarray:
    """Return numbers as int64 without their fraction; arbitrary where they are NaN or too large."""
    with np.errstate(invalid="ignore"):
        return numbers.astype(np.int64)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds texts."""
    checks = (types.is_string, types.is_large_string, types.is_string_view, types.is_binary, types.is_large_binary)
    return any(check(kind) for check in checks)


def _code(text: bytes) -> float:
    if not text.strip():
        return np.nan
    if re.fullmatch(rb"0|[1-9]\d{0,7}", text) and int(text) < IDS:
        return float(text)
    return float(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") % IDS)
