"""Read categories as text, however they are published: `132`, `132.0`, `" 132"` and `true` as `"132"` and `"true"`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import types

from . import tables

if TYPE_CHECKING:
    import numpy.typing as npt

MISSING_KEY = 0


class Texts(NamedTuple):
    """The values of a category, one for each row."""

    texts: pa.Array  # string, null if missing
    keys: npt.NDArray[np.uint64]  # a stable number of each text; MISSING_KEY if missing
    is_changed: npt.NDArray[np.bool_] | None  # whether the text was not in the usual form; None if none was


class _Dictionary(NamedTuple):
    dictionary: pa.Array  # as published
    texts: pa.Array
    keys: npt.NDArray[np.uint64]
    changed: npt.NDArray[np.bool_]


class Category:
    """Reads the batches of one column, and remembers the texts it has seen."""

    def __init__(self) -> None:
        self._known: dict[object, tuple[str | None, int, bool]] = {None: (None, MISSING_KEY, False)}
        self._last: _Dictionary | None = None

    def read(self, column: pa.Array) -> Texts:
        """Return the values of a batch in their usual form: without blanks around, whole numbers without decimals."""
        if not types.is_dictionary(column.type):
            column = column.dictionary_encode()
        texts, keys, changed = self._of(column.dictionary)
        indices = column.indices.cast(pa.int32())
        is_present = tables.present(indices)
        index = tables.values(indices, "int32")
        index = index if is_present is None else np.where(is_present, index, len(texts) - 1).astype(np.int32)
        taken = texts.take(tables.array(index, pa.int32()))
        is_changed = changed[index] if changed.any() else None
        return Texts(taken, keys[index], is_changed if is_changed is not None and is_changed.any() else None)

    def _of(self, dictionary: pa.Array) -> tuple[pa.Array, npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
        """Return texts, keys and changes of the values of a dictionary, and of a missing value after them.

        Batches of one row group of a parquet file often have the same dictionary.
        """
        if self._last is None or not self._last.dictionary.equals(dictionary):
            entries = [self._entry(value) for value in [*_as_texts(dictionary), None]]
            texts = tables.strings([text for text, _, _ in entries])
            keys = np.array([key for _, key, _ in entries], np.uint64)
            self._last = _Dictionary(dictionary, texts, keys, np.array([is_changed for _, _, is_changed in entries]))
        return self._last[1:]

    def _entry(self, value: str | None) -> tuple[str | None, int, bool]:
        entry = self._known.get(value)
        if entry is None:
            text = value.strip() if value is not None else ""
            digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
            entry = (text or None, int.from_bytes(digest, "big") if text else MISSING_KEY, text != value)
            self._known[value] = entry
        return entry


def _as_texts(values: pa.Array) -> list[str | None]:
    """Return distinct values as texts."""
    kind = values.type
    if types.is_decimal(kind):
        return [None if number is None else f"{(number + 0).normalize():f}" for number in values.to_pylist()]
    if types.is_floating(kind):
        return [None if number is None or number != number else _as_text(number) for number in values.to_pylist()]
    if types.is_boolean(kind):
        return [None if value is None else str(value).lower() for value in values.to_pylist()]
    if types.is_binary(kind) or types.is_large_binary(kind):
        return [None if value is None else value.decode("utf-8", "replace") for value in values.to_pylist()]
    texts: list[str | None] = values.cast(pa.string()).to_pylist()
    return texts


def _as_text(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else f"{number:.15g}"
