"""Find and read the columns of a published file by role; names and types vary over the years."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from ..base.exits import BadData
from . import id_codes, tables

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt


class NoTime(ValueError):
    """A text is not a time in the format of the dataset."""

    def __init__(self, position: int, text: str, written: str | None):
        super().__init__(f"{text!r} is not a time {f'in the format {written!r}' if written else 'in ISO 8601'}")
        self.position = position  # in its batch


KINDS = {"time": "times", "number": "numbers", "code": "ids", "category": "categories", "flag": "true and false"}
TRUE, FALSE = (b"true", b"t", b"yes", b"y", b"1"), (b"false", b"f", b"no", b"n", b"0")


def kinds(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the kind of each role that is read: those of the features, and `time`, `number` or `category`."""
    target = settings["target"]
    of_target = "category" if target["positive"] is not None or target["classes"] else "number"
    kind_by_role = {"time": "time", "target": "time" if target["until"] else of_target, "group": "category"}
    kind_by_role |= {name: feature["kind"] for name, feature in settings["features"].items()}
    return {role: kind_by_role.get(role, "any") for role in settings["columns"]}


def choose(
    schema: pa.Schema, settings: Mapping[str, Any], path: str, without: Collection[str] = (), hint: str = ""
) -> dict[str, str]:
    """Return the column name for each role of the dataset; roles in `without`, and optional ones, may lack a column.

    Raises BadData if a role has no column, so that a renamed column is not mistaken for a missing one; if its column
    name occurs twice; or if its type does not fit. `hint` says what may be wrong if a column is missing.
    """
    label = f"{settings['dataset']} {settings['month']}"
    spellings = {role: names for role, names in settings["columns"].items() if role not in without}
    kind_by_role = kinds(settings)
    name_by_role = {role: _chosen(schema.names, names) for role, names in spellings.items()}
    chosen: dict[str, str] = {}
    for role, name in name_by_role.items():
        key = _key(role, settings)
        if name is None and settings["features"].get(role, {}).get("optional"):
            continue
        if name is None:
            others = [name for name in schema.names if name not in name_by_role.values()]
            raise BadData(f"{label}: {path} {_without(role, spellings[role], others)}{hint}; edit {key}")
        if schema.names.count(name) > 1:
            raise BadData(
                f"{label}: {path} has {schema.names.count(name)} columns {quoted(name)}, and {role} is one; wait for a"
                f" file that has it once, or name another column in {key}"
            )
        if settings["format"] == "parquet" and not _fits(kind_by_role[role], schema.field(name).type):
            raise BadData(
                f"{label}: {path} should hold {KINDS[kind_by_role[role]]} for {role} in column {quoted(name)}, whose"
                f" type is {' '.join(str(schema.field(name).type).split())}; name another column in {key}"
            )
        chosen[role] = name
    return chosen


def _without(role: str, spellings: Sequence[str], others: Sequence[str]) -> str:
    closest = _closest(spellings, others)
    guess = f"closest is {quoted(closest)}" if closest is not None else "no other column is left"
    early = "; is the month over? Rows without a target belong in `score`" if role == "target" else ""
    return f"has no column for {role}: looked for {', '.join(dict.fromkeys(spellings))}; {guess}{early}"


def _chosen(names: Sequence[str], spellings: Sequence[str]) -> str | None:
    """Return the name that equals one of the spellings, else one that does after blanks around it are removed."""
    exact = next((spelling for spelling in spellings if spelling in names), None)
    return exact or next((name for spelling in spellings for name in names if name.strip() == spelling), None)


def quoted(name: str) -> str:
    """Return the name of a column for a message: on one line, in quotes if it could be misread."""
    return name if name.isprintable() and len(name.split()) == 1 and name == name.strip() else repr(name)


def times(
    column: pa.Array, time: Mapping[str, Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return moments in microseconds, the local times of these moments, and a mask of those that are not missing.

    `time` has the format of texts, and the time zone in which days begin. If the column has a time zone, the moments
    are UTC, so differences are correct across clock changes.
    """
    column = _plain(column)
    if id_codes.is_text(column.type):
        column = _parsed(column, time)
    if types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    is_present = tables.present(column)
    if types.is_timestamp(column.type) and time["zone"]:
        if column.type.tz is None:
            column = column.cast(pa.timestamp(column.type.unit, "UTC"))
        column = column.cast(pa.timestamp(column.type.unit, time["zone"]))
    local = column
    if types.is_timestamp(column.type) and column.type.tz is not None:
        local = pc.local_timestamp(column)
        column = column.cast(pa.timestamp(column.type.unit))  # the moment in UTC
    moments, local = (
        tables.values(array.cast(pa.timestamp("us"), safe=array.type != pa.timestamp("ns")), "int64")
        for array in (column, local)
    )
    return moments, local, np.ones(len(column), bool) if is_present is None else is_present


def _parsed(column: pa.Array, time: Mapping[str, Any]) -> pa.Array:
    """Return texts as timestamps; raises NoTime for a text in another format.

    If `time` has a time zone, texts may have an offset from UTC.
    """
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    if time["zone"] and not time["format"]:
        with contextlib.suppress(pa.ArrowInvalid):  # a text has no offset
            return texts.cast(pa.timestamp("us", "UTC"))

    def parse(some: pa.Array) -> pa.Array:
        return pc.strptime(some, time["format"], "us") if time["format"] else some.cast(pa.timestamp("us"))

    try:
        return parse(texts)
    except pa.ArrowInvalid:
        position = _first_failure(texts, parse)
    raise NoTime(position, texts[position].as_py(), time["format"])


def _first_failure(array: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> int:
    """Return the position of the first value that `convert` does not take; there is one."""
    first, end = 0, len(array)
    while end - first > 1:
        middle = (first + end) // 2
        try:
            convert(array.slice(first, middle - first))
            first = middle
        except pa.ArrowInvalid:
            end = middle
    return first


def numbers(column: pa.Array) -> npt.NDArray[np.float64]:
    """Return numbers as float64; missing values are NaN."""
    return tables.floats(_plain(column))


def flags(column: pa.Array) -> npt.NDArray[np.float64]:
    """Return true as 1 and false as 0; anything else is NaN."""
    column = _plain(column)
    if types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    if not id_codes.is_text(column.type):
        values = tables.floats(column)
        return np.where((values == 0) | (values == 1), values, np.nan)
    column = column.cast(pa.large_binary()).dictionary_encode()
    texts = [text.strip().lower() for text in column.dictionary.to_pylist()]
    meaning: npt.NDArray[np.float64] = np.array(
        [*(1.0 if text in TRUE else 0.0 if text in FALSE else np.nan for text in texts), np.nan]
    )
    is_present = tables.present(column.indices)
    index = tables.values(column.indices, "int32")
    flagged: npt.NDArray[np.float64] = meaning[index if is_present is None else np.where(is_present, index, len(texts))]
    return flagged


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _fits(kind: str, data_type: pa.DataType) -> bool:
    data_type = data_type.value_type if types.is_dictionary(data_type) else data_type
    if types.is_null(data_type) or kind == "any":
        return True
    if kind == "time":
        return bool(types.is_timestamp(data_type) or types.is_date(data_type) or id_codes.is_text(data_type))
    is_number: bool = types.is_integer(data_type) or types.is_floating(data_type) or types.is_decimal(data_type)
    if kind == "number":
        return is_number
    return is_number or id_codes.is_text(data_type) or (kind != "code" and bool(types.is_boolean(data_type)))


def _closest(spellings: Sequence[str], names: Sequence[str]) -> str | None:
    def likeness(name: str) -> float:
        return max(difflib.SequenceMatcher(None, name.lower(), spelling.lower()).ratio() for spelling in spellings)

    return max(names, key=likeness, default=None)


def _key(role: str, settings: Mapping[str, Any]) -> str:
    place = f"features.{role}.columns" if role in settings["features"] else role
    return f"catalog.{settings['dataset']}.{place} in its config"
