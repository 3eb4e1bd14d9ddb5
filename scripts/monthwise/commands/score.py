"""`./monthwise score`: predict rows of the user's own with the champion; they need no target yet."""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from .. import prepare
from ..base import files, suggest
from ..base.exits import BadData, WrongUsage
from ..base.resources import resource
from ..config.sections.columns import Csv
from ..config.settings import Settings
from ..data import cleaning, columns, published, role_rows, tables
from ..data.features import Features
from ..job import placeholders
from ..models import evaluation, frames, model_files
from ..workflow import targets
from ..workflow.calendar import Calendar
from ..workflow.job_settings import of_job
from ..workflow.listing import decided_months

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the row number and the prediction of each row of `--input`, in its order, to `--output`.

    The output is parquet, or CSV if its name ends in .csv.
    """
    dataset, month = _decided_month(arguments, settings)
    champion = files.read_json(targets.run_file(dataset, month, "champion.json"))["champion"]
    path = targets.run_file(dataset, month, "champion.skops")
    placeholders.bring([path])
    model = model_files.load(path, champion["recipe"])
    insist_on_output(arguments.input, arguments.output)
    rows = InputRows(arguments.input, Calendar.read(settings, dataset), month)
    task = settings.describe(dataset).task
    predicted = (_predict(model, batch, champion["columns"], task) for batch in rows.features())
    first = next(predicted)
    part = files.part_of(arguments.output)
    try:
        write = _write_csv if arguments.output.suffix == ".csv" else tables.write
        count = write(part, first.schema, itertools.chain([first], predicted))
        os.replace(part, arguments.output)
    finally:
        part.unlink(missing_ok=True)
    print(
        f"{arguments.output}: {count:,} rows of {dataset} by the champion of {month}, the model of {champion['month']}"
    )
    return os.EX_OK


class InputRows:
    """The rows of a user's file, prepared like those of a published month; they need no target yet.

    No row is dropped; implausible values become missing. Columns may also have their names in rows.parquet. Raises
    BadData if the file is damaged, lacks a column, or has a row without a time.
    """

    def __init__(self, path: Path, calendar: Calendar, month: str):
        self.path, self.label = str(path), f"{calendar.dataset} --input"
        settings = of_job(calendar, "clean", month)
        self.settings = settings | {
            "format": "parquet" if path.suffix not in (".csv", ".gz") else settings["format"],
            "csv": settings["csv"] or Csv().model_dump(),
            "columns": {role: [*names, role] for role, names in settings["columns"].items()},
        }
        with self._named():
            self.file = published.open_published(self.path, self.label, self.settings)
        hint = self.file.hint() if isinstance(self.file, published.Csv) else ""
        hint = hint or "; what is not known when a row begins is no feature"
        self.chosen = columns.choose(self.file.schema, self.settings, self.path, ("target", "group"), hint)
        self.cleaner = cleaning.Cleaner(self.settings)
        description = calendar.settings.describe(calendar.dataset)
        module_files = [str(resource(name)) for name in description.files.values()]
        module_paths = [str(resource(name)) for name in description.module_paths()]
        self.module = prepare.load(module_paths, module_files, settings)
        self.feature_settings = of_job(calendar, "featurize", month)

    def features(self) -> Iterator[pa.RecordBatch]:
        """Yield the features of the rows, batch by batch; at least one batch, which may be empty."""
        derive = functools.partial(self.module.derive, label=self.label) if self.module else None
        fields = [field for field in self.cleaner.schema if field.name not in ("target", "group")]
        schema = pa.schema(fields)
        features = Features(self.feature_settings, schema, derive)
        first = 0
        with self._named():
            prepare_rows = functools.partial(self.module.prepare, label=self.label) if self.module else None
            for rows in role_rows.read(self.file, self.chosen, self.settings, prepare_rows):
                with role_rows.conversion_errors(self.file, first):
                    cleaned = self._clean(rows, first, schema)
                yield features.of(cleaned)
                first += rows.num_rows
        if not first:
            yield features.of(pa.RecordBatch.from_pylist([], schema))

    def _clean(self, rows: pa.RecordBatch, first: int, schema: pa.Schema) -> pa.RecordBatch:
        _, local, has_time = columns.times(rows.column("time"), self.settings["time"])
        if not has_time.all():
            raise BadData(
                f"{self.path}: {np.count_nonzero(~has_time):,} rows have no time, the first is"
                f" {self.file.place(first + int(np.argmin(has_time)))}; leave them out"
            )
        arrays = {
            "row": tables.array(np.arange(first, first + rows.num_rows), pa.int64()),
            "time": tables.array(local, pa.timestamp("us")),
        }
        arrays |= {name: self.cleaner.read(name, rows).array for name in self.cleaner.features}
        return pa.RecordBatch.from_arrays([arrays[field.name] for field in schema], schema=schema)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Raise an error that names the user's file and what is wrong with it, if it is damaged.

        The original error is for our own files, which are deleted and rebuilt.
        """
        try:
            yield
        except BadData as end:
            if end.__cause__ is None:
                raise
            reason = next(iter(str(end.__cause__).strip().splitlines()), type(end.__cause__).__name__)
            raise BadData(f"--input {self.path} cannot be read ({reason.rstrip('.')}); name a whole file") from None


def _decided_month(arguments: argparse.Namespace, settings: Settings) -> tuple[str, str]:
    """Return the dataset and the run month whose champion predicts. Raises WrongUsage if there is none."""
    datasets = settings.choose(arguments.dataset)
    if len(datasets) != 1 or len(arguments.range or [""]) != 1:
        raise WrongUsage("score is about one dataset, and one run month at most: give --dataset and a month")
    dataset = datasets[0]
    decided = decided_months(dataset)
    month: str = arguments.range[0] if arguments.range else "".join(decided[-1:])
    if month not in decided:
        raise WrongUsage(
            f"{dataset} has no champion{f' of {month}' if month else ' yet'};"
            f" `{suggest.command('run', *arguments.range[:1] if arguments.range else ())}` decides on one"
        )
    return dataset, month


def _predict(model: Pipeline, batch: pa.RecordBatch, names: list[str], task: str) -> pa.RecordBatch:
    """Return row and prediction of a batch of features."""
    prediction = evaluation.predict(model, frames.frame(batch), names, task)
    by_name = evaluation.prediction_columns(prediction)
    arrays = [tables.array(np.ascontiguousarray(values), pa.float64()) for values in by_name.values()]
    return pa.RecordBatch.from_arrays([batch.column("row"), *arrays], ["row", *by_name])


def _write_csv(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    with pyarrow.csv.CSVWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def insist_on_output(rows_path: Path, output: Path) -> None:
    """Raise WrongUsage if `output` would replace anything but the output of an earlier call."""
    folder = next(parent for parent in output.parents if parent.exists())
    if not folder.is_dir():
        raise WrongUsage(f"--output {output}: {folder} is no folder; name another file")
    if not os.path.lexists(output):
        return
    if output.exists() and rows_path.exists() and output.samefile(rows_path):
        raise WrongUsage(f"--output {output} is the file of --input; name another file")
    names = _columns_of(output)
    if len(names) < 2 or names[0] != "row" or not all(name.startswith("prediction") for name in names[1:]):
        raise WrongUsage(f"--output {output} is there and was not written by `score`; name another file")


def _columns_of(output: Path) -> list[str]:
    """Return the names of the columns of a file; none if it has no columns, or is no file."""
    if not output.is_file():
        return []
    try:
        if output.suffix == ".csv":
            with open(output, encoding="utf-8") as file:
                return [name.strip('"') for name in file.readline().strip().split(",")]
        names: list[str] = pq.read_schema(output).names
        return names
    except (OSError, ValueError, pa.ArrowInvalid):
        return []
