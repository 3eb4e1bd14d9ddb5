"""Convert codes to numbers, however they are published: `132`, `"132"` or `"JC105"`."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import types

from . import tables

if TYPE_CHECKING:
    import numpy.typing as npt

IDS = 2**26  # ids are less than this, so that a pair of ids fits into the 53 exact bits of a float
MISSING = -1


NUMBER = re.compile(rb"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")  # where all ids are numbers
WHOLE = re.compile(rb"-?(0|[1-9]\d{0,7})(\.0+)?")  # where ids may be texts: 0132 and 132 may be two ids
NO_ID = (b"", b"NAN", b"NONE", b"NULL", b"<NA>")


class Ids(NamedTuple):
    """The published ids of a column (float64, NaN if missing), and a mask of those whose text was normalised."""

    numbers: npt.NDArray[np.float64]
    is_normalised: npt.NDArray[np.bool_] | None  # None if no text was normalised


def codes(column: pa.Array) -> npt.NDArray[np.int64]:
    """Return the ids of a numeric or text column as int64; a missing or unusable id is -1."""
    return usable(ids(column).numbers)


def ids(column: pa.Array, are_numbers: bool = False) -> Ids:
    """Return the ids of a column; they do not depend on its type, which varies over the years.

    If `are_numbers` is true (`numeric` in config), each id is a number: `0132` is 132 and `A1` is unusable. Else, a
    text in the form of an integer is that number, and any other text becomes a stable 26-bit code. Blanks around a text
    and its case are ignored. The probability that two of 1,000 text ids share a code is 0.7 %.
    """
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not is_text(column.type):
        return Ids(tables.floats(column), None)
    column = column.cast(pa.large_binary()).dictionary_encode()
    pairs = [_normalise(text, are_numbers) for text in column.dictionary.to_pylist()]
    numbers = np.array([np.nan, *(number for number, _ in pairs)])
    changed = np.array([False, *(is_changed for _, is_changed in pairs)])
    is_present = tables.present(column.indices)
    index = tables.values(column.indices, "int32") + 1
    index = index if is_present is None else np.where(is_present, index, 0)
    return Ids(numbers[index], changed[index] if changed.any() else None)


def usable(published: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return published ids as int64; those that are not integers from 0 to 2**26 - 1 are -1."""
    integers = truncated(published)
    is_usable = (integers >= 0) & (integers < IDS) & (integers == published)
    return integers if is_usable.all() else np.where(is_usable, integers, MISSING)


def truncated(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return numbers as int64 without their fraction; the result is arbitrary for NaN and for too large numbers."""
    with np.errstate(invalid="ignore"):
        return numbers.astype(np.int64)


def is_text(kind: pa.DataType) -> bool:
    """Return whether columns of this type contain texts."""
    checks = (types.is_string, types.is_large_string, types.is_string_view, types.is_binary, types.is_large_binary)
    return any(check(kind) for check in checks)


def _normalise(text: bytes, is_number: bool) -> tuple[float, bool]:
    """Return the id of a text, and whether the text differs from the usual form of that id.

    If the text should be a number and is not, the id is infinite, which is not usable.
    """
    normalised = text.strip().upper()
    if normalised in NO_ID:
        return np.nan, text != b""
    if is_number or (WHOLE.fullmatch(normalised) and float(normalised) < IDS):
        number = float(normalised) if NUMBER.fullmatch(normalised) else np.inf
        return number, bool(np.isfinite(number)) and text != b"%.15g" % number
    return float(int.from_bytes(hashlib.blake2b(normalised, digest_size=8).digest(), "big") % IDS), text != normalised
