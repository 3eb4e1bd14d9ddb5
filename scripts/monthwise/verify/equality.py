"""Compare a rebuilt file with the recorded one.

On the same kind of machine files must be equal byte for byte, and models must predict the same. On another kind of
machine the last digits of numbers may differ.
"""

from __future__ import annotations

import filecmp
import math
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..base import files

if TYPE_CHECKING:
    from numpy.typing import NDArray

RELATIVE = 1e-9  # tolerance for numbers from another kind of machine; also absolute, for values near zero


def difference(made: str | Path, recorded: str | Path, is_exact: bool) -> str | None:
    """Return in words how a rebuilt file differs from the recorded one; None if they are equal."""
    if filecmp.cmp(made, recorded, shallow=False):
        return None
    if str(recorded).endswith(".json"):
        return _json_difference(files.read_json(made), files.read_json(recorded), is_exact, "")
    if str(recorded).endswith(".parquet"):
        table_difference = _table_difference(pq.read_table(made), pq.read_table(recorded), is_exact)
        return table_difference or ("the same rows, but in other bytes" if is_exact else None)
    return "other bytes"


def _json_difference(made: object, recorded: object, is_exact: bool, where: str) -> str | None:
    if isinstance(made, dict) and isinstance(recorded, dict):
        for key in sorted(made.keys() | recorded.keys()):
            name = f"{where}.{key}" if where else key
            if key not in made or key not in recorded:
                return (
                    f"{name} is missing in the rebuilt file"
                    if key in recorded
                    else f"{name} appears only in the rebuilt file"
                )
            nested = _json_difference(made[key], recorded[key], is_exact, name)
            if nested:
                return nested
        return "the same content, but in other bytes" if is_exact and not where else None
    if isinstance(made, list) and isinstance(recorded, list) and len(made) == len(recorded):
        pairs = enumerate(zip(made, recorded, strict=True))
        differences = (_json_difference(*pair, is_exact, f"{where}[{position}]") for position, pair in pairs)
        return next((text for text in differences if text), None)
    if made == recorded or (not is_exact and _are_close(made, recorded)):
        return None
    return f"{where} is {recorded!r}, but the rebuilt value is {made!r}"


def _are_close(made: object, recorded: object) -> bool:
    if not _is_number(made) or not _is_number(recorded):
        return False
    return math.isclose(made, recorded, rel_tol=RELATIVE, abs_tol=RELATIVE)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _table_difference(made: pa.Table, recorded: pa.Table, is_exact: bool) -> str | None:
    if made.schema != recorded.schema:
        return f"columns are {', '.join(recorded.schema.names)}, but come out as {', '.join(made.schema.names)}"
    if made.num_rows != recorded.num_rows:
        return f"{recorded.num_rows:,} rows, but {made.num_rows:,} come out"
    for name in made.schema.names:
        new, old = made.column(name), recorded.column(name)
        if new.equals(old):
            continue
        if pa.types.is_floating(new.type):
            same = equal_numbers(new.to_numpy(), old.to_numpy(), is_exact)
        else:
            same = np.array([x == y for x, y in zip(new.to_pylist(), old.to_pylist(), strict=True)])
        if not same.all():
            row = int(np.argmin(same))
            return f"{name} of row {row} is {old[row].as_py()!r}, but the rebuilt value is {new[row].as_py()!r}"
    return None


def equal_numbers(made: NDArray[np.float64], recorded: NDArray[np.float64], is_exact: bool) -> NDArray[np.bool_]:
    """Return for each position whether both numbers are equal; missing values are equal to each other."""
    tolerance = 0 if is_exact else RELATIVE
    return np.isclose(made, recorded, rtol=tolerance, atol=tolerance, equal_nan=True)


def model_difference(
    made: str | Path,
    recorded: str | Path,
    recipe: str | None,
    columns: list[str],
    features: str,
    is_exact: bool,
    task: str = "regression",
) -> str | None:
    """Return in words how the predictions of two model files for `features` differ; None if they are equal."""
    from ..models import (  # scikit-learn takes a second to import, and most calls need none
        evaluation,
        frames,
        model_files,
    )

    if filecmp.cmp(made, recorded, shallow=False):
        return None
    new_model, old_model = (model_files.load(path, recipe) for path in (made, recorded))
    first_row = 0
    for batch in frames.batches(features):
        new, old = (evaluation.predict(model, batch, columns, task) for model in (new_model, old_model))
        same = equal_numbers(new, old, is_exact)
        same = np.all(same.reshape(len(batch), -1), axis=1, keepdims=True)[:, 0]
        if not same.all():
            row = int(np.argmin(same))
            old_prediction = f"it predicts {old[row]!r} for row {first_row + row} of {features}"
            return f"{old_prediction}, but the rebuilt model predicts {new[row]!r}"
        first_row += len(batch)
    return None
