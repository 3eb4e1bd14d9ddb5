"""`./monthwise score`: predict trips of the user's own with the champion; the trips need not have ended yet."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..base import files, suggest
from ..base.exits import BadData, WrongUsage
from ..base.resources import resource
from ..config.settings import Settings
from ..data import cleaning, columns, features, tables, zones
from ..job import placeholders
from ..models import evaluation, model_files
from ..workflow import targets
from ..workflow.calendar import Calendar
from ..workflow.job_settings import JobSettings, of_job
from ..workflow.listing import decided_months

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

OUTPUT = pa.schema([("trip", pa.int64()), ("prediction_min", pa.float64())])


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the row number and the predicted minutes of each trip of `--input`, in its order, to `--output`."""
    service, month = _decided_month(arguments, settings)
    champion = files.read_json(targets.run_file(service, month, "champion.json"))["champion"]
    path = targets.run_file(service, month, "champion.skops")
    placeholders.bring([path])
    model = model_files.load(path, champion["recipe"])
    place_file = settings.describe(service).zones
    places = zones.read(resource(place_file) if place_file else None)
    subject = f"{service} trips"

    insist_on_output(arguments.input, arguments.output)
    with _named_as_input(arguments.input):
        file = tables.open_parquet(arguments.input, subject)
    clean_settings = _wanted(of_job(Calendar.read(settings, service), "clean", month))
    chosen = columns.choose(file.schema_arrow, clean_settings, arguments.input, times=("pickup_time",))
    if chosen.get("distance") == "distance_mi":
        clean_settings["distance_unit"] = "mi"

    def trips_in_batches() -> Iterator[pa.RecordBatch]:
        first = 0
        for batch in tables.batches(file, arguments.input, subject, sorted(set(chosen.values()))):
            rows = pa.RecordBatch.from_arrays([batch.column(name) for name in chosen.values()], list(chosen))
            yield trips(rows, first, clean_settings, arguments.input, places)
            first += batch.num_rows

    predicted = (_predict(model, features.features(batch, places), champion["columns"]) for batch in trips_in_batches())
    part = files.part_of(arguments.output)
    try:
        with _named_as_input(arguments.input):
            count = tables.write(part, OUTPUT, predicted)
        os.replace(part, arguments.output)
    finally:
        part.unlink(missing_ok=True)
    print(
        f"{arguments.output}: {count:,} trips of {service} by the champion of {month}, the model of {champion['month']}"
    )
    return os.EX_OK


def _decided_month(arguments: argparse.Namespace, settings: Settings) -> tuple[str, str]:
    """Return the service and the run month whose champion predicts. Raises WrongUsage if there is none."""
    services = settings.choose(arguments.service)
    if len(services) != 1 or len(arguments.range or [""]) != 1:
        raise WrongUsage("score is about one service, and one run month at most: give --service and a month")
    service = services[0]
    decided = decided_months(service)
    month: str = arguments.range[0] if arguments.range else "".join(decided[-1:])
    if month not in decided:
        raise WrongUsage(
            f"{service} has no champion{f' of {month}' if month else ' yet'};"
            f" `{suggest.command('run', *arguments.range[:1] if arguments.range else ())}` decides on one"
        )
    return service, month


def _predict(model: Pipeline, table: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    """Return trip and predicted minutes of a batch of features."""
    minutes = evaluation.predict(model, table.to_pandas(), names)
    return pa.RecordBatch.from_arrays([table.column("trip"), tables.array(minutes, pa.float64())], schema=OUTPUT)


@contextlib.contextmanager
def _named_as_input(path: Path) -> Iterator[None]:
    """Raise an error that names the user's file and what is wrong with it, if it is damaged.

    The original error is for our own files, which are deleted and rebuilt.
    """
    try:
        yield
    except BadData as end:
        if end.__cause__ is None:
            raise
        reason = next(iter(str(end.__cause__).strip().splitlines()), type(end.__cause__).__name__)
        raise BadData(f"--input {path} cannot be read as parquet ({reason.rstrip('.')}); name a whole file") from None


def insist_on_output(trips_path: Path, output: Path) -> None:
    """Raise WrongUsage if `output` would replace anything but the output of an earlier call."""
    folder = next(parent for parent in output.parents if parent.exists())
    if not folder.is_dir():
        raise WrongUsage(f"--output {output}: {folder} is no folder; name another file")
    if not os.path.lexists(output):
        return
    if output.exists() and trips_path.exists() and output.samefile(trips_path):
        raise WrongUsage(f"--output {output} is the file of --input; name another file")
    try:
        is_earlier = output.is_file() and pq.read_schema(output).equals(OUTPUT)
    except (OSError, pa.ArrowInvalid):
        is_earlier = False
    if not is_earlier:
        raise WrongUsage(f"--output {output} is there and was not written by `score`; name another file")


def _wanted(settings: JobSettings) -> JobSettings:
    """Return settings of `clean` without the drop-off, which also accept the column names of trips.parquet."""
    spellings = {role: names for role, names in settings["columns"].items() if role != "dropoff_time"}
    own = {"distance": "distance_mi"}
    return settings | {"columns": {role: [*names, own.get(role, role)] for role, names in spellings.items()}}


def trips(
    rows: pa.RecordBatch, first: int, settings: JobSettings, path: str, places: zones.Zones | None = None
) -> pa.RecordBatch:
    """Return rows, named by role, as trips without a duration. Drop no rows; set implausible values to missing.

    Raises BadData if a trip has no pick-up time.
    """
    _, pickup, has_time = columns.times(rows.column("pickup_time"))
    if not has_time.all():
        raise BadData(
            f"{path}: {np.count_nonzero(~has_time):,} trips have no pick-up time, the first in row"
            f" {first + int(np.argmin(has_time))}; leave them out"
        )
    known_values = {"trip": np.arange(first, first + len(pickup)), "pickup_time": pickup}
    arrays = {name: tables.array(values, cleaning.TRIPS.field(name).type) for name, values in known_values.items()}
    for role in (*columns.IDS, *columns.NUMBERS):
        if role in rows.schema.names:
            name = "distance_mi" if role == "distance" else role
            read = columns.numbers(rows.column(role), role, places is not None and places.are_numbers)
            values, sound = cleaning.repair(role, read.numbers, settings)
            arrays[name] = tables.array(
                values, cleaning.TRIPS.field(name).type, None if name in columns.ZONES else sound
            )
    fields = [field for field in cleaning.TRIPS if field.name != "duration_min"]
    return pa.RecordBatch.from_arrays(
        [arrays.get(field.name, cleaning.nothing(field, len(pickup))) for field in fields], schema=pa.schema(fields)
    )
