"""Fit the recipe of a run month, and the naive baseline, on the features of its training window."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from monthwise.base import files
from monthwise.base.exits import BadData
from monthwise.data import distributions
from monthwise.job import command_line
from monthwise.job.provenance import provenance
from monthwise.models import model_files, recipes
from monthwise.models.baseline import PairMean
from sklearn.pipeline import Pipeline

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from monthwise.base.file_types import Training

NOT_FEATURES = ("trip", "day", "duration_min")
BATCH_ROWS = 1 << 18


def sample(paths: Sequence[str], max_rows: int, seed: int) -> tuple[pa.Table, int]:
    """Return at most `max_rows` rows of the files, and the number of rows that the files have.

    Rows are drawn without replacement with `seed` and keep their order. Rows that are not drawn are not kept in memory.
    """
    parquet_files = [pq.ParquetFile(path) for path in paths]
    rows = sum(file.metadata.num_rows for file in parquet_files)
    if rows <= max_rows:
        return pa.concat_tables([file.read() for file in parquet_files]), rows
    indices = np.sort(np.random.default_rng(seed).choice(rows, max_rows, replace=False))
    batches, first_row = [], 0
    for batch in (batch for file in parquet_files for batch in file.iter_batches(BATCH_ROWS)):
        selected = indices[np.searchsorted(indices, first_row) : np.searchsorted(indices, first_row + batch.num_rows)]
        batches.append(batch.take(pa.array(selected - first_row)))
        first_row += batch.num_rows
    return pa.Table.from_batches(batches), rows


def fit(features: pd.DataFrame, recipe: str, parameters: Mapping[str, Any]) -> tuple[Pipeline, PairMean]:
    """Return the fitted pipeline of `recipe` and the fitted baseline; `features` includes the target `duration_min`."""
    columns = features.drop(columns=list(NOT_FEATURES))
    target = features["duration_min"]
    with model_files.one_blas_thread(), warnings.catch_warnings():
        # The recipe drops a column that is missing in every trip, such as one that a service does not have.
        warnings.simplefilter("ignore", RuntimeWarning)
        return recipes.build(recipe, parameters).fit(columns, target), PairMean().fit(columns, target)


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    label = f"{settings['service']} {settings['month']}"
    table, rows = sample(job.features, settings["max_rows"], settings["seed"])
    if not rows:
        raise BadData(f"{label}: no trip in {', '.join(settings['months'])} to train on; look at their quality.json")
    counts = {name: distributions.count(name, table.column(name)) for name in distributions.CATEGORIES}
    features = table.to_pandas(self_destruct=True)
    del table  # two copies of five million trips would dominate memory use
    try:
        pipeline, baseline = fit(features, settings["recipe"], settings["parameters"])
    except ValueError as error:
        raise BadData(
            f"{label}: recipe {settings['recipe']} cannot be fitted on {len(features):,} trips of"
            f" {', '.join(settings['months'])}: {' '.join(str(error).split())}; look at train.parameters"
        ) from error
    model_files.dump(pipeline, job.model)
    model_files.dump(baseline, job.baseline)
    training: Training = {
        "service": settings["service"],
        "month": settings["month"],
        "months": settings["months"],
        "recipe": settings["recipe"],
        "parameters": settings["parameters"],
        "seed": settings["seed"],
        "columns": [name for name in features.columns if name not in NOT_FEATURES],
        "rows_available": rows,
        "train_rows": len(features),
        "categories": {name: category_counts for name, category_counts in counts.items() if category_counts},
    }
    files.write_json(job.training, training)
    files.write_json(job.provenance, provenance())
    return f"{label}: trained {settings['recipe']} on {len(features):,} trips of {', '.join(settings['months'])}"


if __name__ == "__main__":
    outputs = ("model", "baseline", "training", "provenance")
    command_line.run(main, inputs=("features",), outputs=outputs, many=("features",))
