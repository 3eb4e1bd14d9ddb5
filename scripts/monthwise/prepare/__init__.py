"""What config cannot say about a dataset: a module with one or both of two pure functions on a batch of rows.

    prepare(rows, files)  published columns, named by role, to the columns that config names; as many rows
    derive(rows, files)   clean rows to the features that config calls `derived`

`rows` is a pyarrow.RecordBatch. Both return a RecordBatch, a pandas DataFrame or a mapping of names to arrays. `files`
has the path of each of the dataset's `files`, by name. A module is `NAME` (scripts/monthwise/prepare/NAME) or a path.
"""

from __future__ import annotations

import importlib
import importlib.util
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from ..base.exits import BadData, Exit, WrongConfig

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

FUNCTIONS = ("prepare", "derive")


class Module:
    """The module of a dataset, with the files it reads."""

    def __init__(self, module: ModuleType, path: str, files: Mapping[str, str]):
        self.module, self.path, self.files = module, path, files

    def prepare(self, rows: pa.RecordBatch, label: str) -> pa.RecordBatch:
        """Return published rows with the columns that config names; unchanged if the module has no `prepare`."""
        return self._call("prepare", rows, label) if hasattr(self.module, "prepare") else rows

    def derive(self, rows: pa.RecordBatch, label: str) -> pa.RecordBatch:
        """Return the derived features of clean rows; no columns if the module has no `derive`."""
        if hasattr(self.module, "derive"):
            return self._call("derive", rows, label)
        return pa.RecordBatch.from_arrays([], [])

    def _call(self, name: str, rows: pa.RecordBatch, label: str) -> pa.RecordBatch:
        function: Callable[..., Any] = getattr(self.module, name)
        try:
            result = as_batch(function(rows, self.files))
        except Exit:
            raise
        except Exception as error:
            frames = [
                frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.module.__file__
            ]
            line = f", line {frames[-1].lineno}" if frames else ""
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise BadData(f"{label}: {name} of {self.path}{line} failed ({reason}); correct it, then rerun") from error
        if result.num_rows != rows.num_rows:
            raise BadData(
                f"{label}: {name} of {self.path} returned {result.num_rows:,} rows for {rows.num_rows:,}; return one"
                " for each, with a missing target if it is to be dropped"
            )
        return result


def as_batch(columns: Any) -> pa.RecordBatch:
    """Return the result of a function of a module as a record batch."""
    if isinstance(columns, pa.RecordBatch):
        return columns
    if isinstance(columns, Mapping):
        arrays = [array if isinstance(array, pa.Array) else _as_array(array) for array in columns.values()]
        return pa.RecordBatch.from_arrays(arrays, list(columns))
    return pa.RecordBatch.from_pandas(columns, preserve_index=False)


def _as_array(values: Any) -> pa.Array:
    if values.dtype.kind in "fiu" and values.ndim == 1:  # `pa.array` would import pandas (data/tables.py)
        from ..data import tables

        is_present = ~(values != values) if values.dtype.kind == "f" else None
        return tables.array(values, pa.from_numpy_dtype(values.dtype), is_present)
    return pa.array(values)


def load(paths: Sequence[str], files: Sequence[str], settings: Mapping[str, Any]) -> Module | None:
    """Return the module of a dataset, or None if it has none.

    `paths` are the Python files of the module, `files` the files it reads, in the order of `settings["files"]`. Raises
    WrongConfig if it cannot be imported or has none of FUNCTIONS.
    """
    name = settings["prepare"]
    if name is None:
        return None
    try:
        if name.endswith(".py"):
            path = paths[0]
            spec = importlib.util.spec_from_file_location(f"prepare_{Path(path).stem}", path)
            if spec is None or spec.loader is None:
                raise ImportError("no Python file")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(f".{name}", __package__)
            path = str(module.__file__)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise WrongConfig(f"{settings['dataset']}: prepare {name} cannot be imported ({reason}); correct it") from error
    if not any(hasattr(module, function) for function in FUNCTIONS):
        raise WrongConfig(f"{settings['dataset']}: {name} has neither prepare(rows, files) nor derive(rows, files)")
    return Module(module, path, dict(zip(settings["files"], files, strict=True)))
