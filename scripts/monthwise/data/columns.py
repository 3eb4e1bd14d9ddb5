"""Find and read the columns of a published file by role; names and types vary over the years."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from ..base.exits import BadData, WrongConfig
from . import id_codes, tables

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

TIMES = ("pickup_time", "dropoff_time")
ZONES = ("pickup_zone", "dropoff_zone")
IDS = (*ZONES, "vendor")
NUMBERS = ("distance", "passengers", "trip_type", "rate_code")


def choose(schema: pa.Schema, settings: Mapping[str, Any], path: str, times: Sequence[str] = TIMES) -> dict[str, str]:
    """Return the column name for each role of the service; `times` are the roles that a service must have.

    Raises WrongConfig if one of `times` is not configured. Raises BadData if a role has no column, even an optional
    one, so that a renamed column is not mistaken for a missing one; if its column name occurs twice; or if its type
    does not fit.
    """
    spellings, label = settings["columns"], f"{settings['service']} {settings['month']}"
    for role in times:
        if role not in spellings:
            raise WrongConfig(f"{label}: no column is named for {role}; add {_key(role, settings)}")
    name_by_role = {role: _chosen(schema.names, spellings[role]) for role in spellings}
    chosen: dict[str, str] = {}
    for role, name in name_by_role.items():
        if name is None:
            closest = _closest(spellings[role], [name for name in schema.names if name not in name_by_role.values()])
            raise BadData(
                f"{label}: {path} has no column for {role}: looked for {', '.join(spellings[role])};"
                f" {f'closest is {quoted(closest)}' if closest is not None else 'no other column is left'};"
                f" edit {_key(role, settings)}"
            )
        if schema.names.count(name) > 1:
            raise BadData(
                f"{label}: {path} has {schema.names.count(name)} columns {quoted(name)}, and {role} is one; wait for a"
                f" file that has it once, or name another column in {_key(role, settings)}"
            )
        if not _fits(role, schema.field(name).type):
            wanted = "times" if role in TIMES else "ids" if role in IDS else "numbers"
            raise BadData(
                f"{label}: {path} should hold {wanted} for {role} in column {quoted(name)}, whose type is"
                f" {' '.join(str(schema.field(name).type).split())}; name another column in {_key(role, settings)}"
            )
        chosen[role] = name
    return chosen


def _chosen(names: Sequence[str], spellings: Sequence[str]) -> str | None:
    """Return the name that equals one of the spellings, else one that does after blanks around it are removed."""
    exact = next((spelling for spelling in spellings if spelling in names), None)
    return exact or next((name for spelling in spellings for name in names if name.strip() == spelling), None)


def quoted(name: str) -> str:
    """Return the name of a column for a message: on one line, in quotes if it could be misread."""
    return name if name.isprintable() and len(name.split()) == 1 and name == name.strip() else repr(name)


def times(column: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return moments in microseconds, the local times of these moments, and a mask of those that are not missing.

    If the column has a time zone, the moments are UTC, so differences are correct across clock changes.
    """
    column = _plain(column)
    is_present = tables.present(column)
    local = column
    if types.is_timestamp(column.type) and column.type.tz is not None:
        local = pc.local_timestamp(column)
        column = column.cast(pa.timestamp(column.type.unit))  # the moment in UTC
    moments, local = (
        tables.values(array.cast(pa.timestamp("us"), safe=array.type != pa.timestamp("ns")), "int64")
        for array in (column, local)
    )
    return moments, local, np.ones(len(column), bool) if is_present is None else is_present


def numbers(column: pa.Array, role: str, zones_are_numbers: bool = False) -> id_codes.Ids:
    """Return the ids or numbers of a column; `zones_are_numbers` comes from the zone file (Zones.are_numbers)."""
    if role in IDS:
        return id_codes.ids(column, zones_are_numbers and role in ZONES)
    return id_codes.Ids(tables.floats(_plain(column)), None)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _fits(role: str, data_type: pa.DataType) -> bool:
    data_type = data_type.value_type if types.is_dictionary(data_type) else data_type
    if types.is_null(data_type):
        return True
    if role in TIMES:
        return bool(types.is_timestamp(data_type))
    is_number: bool = types.is_integer(data_type) or types.is_floating(data_type) or types.is_decimal(data_type)
    return is_number or (role in IDS and id_codes.is_text(data_type))


def _closest(spellings: list[str], names: list[str]) -> str | None:
    def likeness(name: str) -> float:
        return max(difflib.SequenceMatcher(None, name.lower(), spelling.lower()).ratio() for spelling in spellings)

    return max(names, key=likeness, default=None)


def _key(role: str, settings: Mapping[str, Any]) -> str:
    return f"catalog.{settings['service']}.columns.{role} in config/services.yaml"
