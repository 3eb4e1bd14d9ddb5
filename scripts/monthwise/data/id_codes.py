"""Ids of places and vendors as numbers, whatever the publisher uses: `132`, `"132"` or `"JC105"`."""

import hashlib
import re
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import types

from . import tables

IDS = 2**26  # ids are below this, so that a pair of them fits the 53 exact bits of a float
MISSING = -1


NUMBER = re.compile(rb"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")  # where ids are known to be numbers
WHOLE = re.compile(rb"-?(0|[1-9]\d{0,7})(\.0+)?")  # elsewhere: 0132 and 132 may be two ids
NO_ID = (b"", b"NAN", b"NONE", b"NULL", b"<NA>")


class Ids(NamedTuple):
    """The ids of a column as published: float64, NaN where there is none, and where their text had to be normalised."""

    numbers: np.ndarray
    is_normalised: np.ndarray | None  # None where no text was


def codes(column: pa.Array) -> np.ndarray:
    """Return the ids of a numeric or text column as int64, -1 where there is none or no usable one."""
    return usable(ids(column).numbers)


def ids(column: pa.Array, are_numbers: bool = False) -> Ids:
    """Return the ids of a column, the same ones whatever its type is that year.

    `are_numbers` says that every id is a number (zones.py), so that `0132` is 132 and `A1` is none. Without it a text
    that is written as a whole number is that number, any other text a stable code of 26 bits. Blanks around a text and
    its case do not count. Two of 1,000 text ids share a code with a probability of 0.7 %.
    """
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not is_text(column.type):
        return Ids(tables.floats(column), None)
    column = column.cast(pa.large_binary()).dictionary_encode()
    found = [_normalise(text, are_numbers) for text in column.dictionary.to_pylist()]
    numbers = np.array([np.nan, *(number for number, _ in found)])
    changed = np.array([False, *(is_changed for _, is_changed in found)])
    there = tables.present(column.indices)
    index = tables.values(column.indices, "int32") + 1
    index = index if there is None else np.where(there, index, 0)
    return Ids(numbers[index], changed[index] if changed.any() else None)


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


def _normalise(text: bytes, is_number: bool) -> tuple[float, bool]:
    """Return the id that a text stands for, and whether the text is not how this id is usually written.

    The id is infinite, which is not usable, for a text that should be a number and is none.
    """
    plain = text.strip().upper()
    if plain in NO_ID:
        return np.nan, text != b""
    if is_number or (WHOLE.fullmatch(plain) and float(plain) < IDS):
        number = float(plain) if NUMBER.fullmatch(plain) else np.inf
        return number, bool(np.isfinite(number)) and text != b"%.15g" % number
    return float(int.from_bytes(hashlib.blake2b(plain, digest_size=8).digest(), "big") % IDS), text != plain
