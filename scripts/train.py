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
from monthwise.models import frames, leaks, model_files, recipes
from monthwise.models.baseline import GroupMean
from sklearn.pipeline import Pipeline

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from monthwise.base.file_types import Training

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


def fit(features: pd.DataFrame, settings: Mapping[str, Any]) -> tuple[Pipeline, GroupMean]:
    """Return the fitted pipeline and the fitted baseline; `features` includes the target."""
    target, task, categories = features["target"], settings["task"], settings["categories"]
    # A recipe cannot drop all of its numbers if none of them varies; then it gets the categories alone.
    numbers = settings["numbers"] if not categories or _varies(features, settings["numbers"]) else []
    pipeline = recipes.build(settings["recipe"], settings["parameters"], task, numbers, categories)
    with model_files.one_blas_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the recipe drops a column that is missing in every row
        pipeline.fit(features[settings["columns"]], target)
    return pipeline, GroupMean(settings["baseline"], len(settings["classes"])).fit(features, target)


def _varies(features: pd.DataFrame, names: Sequence[str]) -> bool:
    """Return whether one of these numbers has two values."""
    return any(features[name].min() < features[name].max() for name in names)


def insist_on_classes(target: pd.Series[float], settings: Mapping[str, Any], label: str) -> None:
    """Raise BadData if a class never occurs in the training window, so that no model can learn it."""
    present = set(target.unique())
    lacking = [name for code, name in enumerate(settings["classes"]) if code not in present]
    if lacking:
        raise BadData(
            f"{label}: no row of {', '.join(settings['months'])} has the class {', '.join(map(repr, lacking))}; give a"
            f" longer window (window.length), or take it out of the classes"
        )


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    label = f"{settings['dataset']} {settings['month']}"
    table, rows = sample(job.features, settings["max_rows"], settings["seed"])
    if not rows:
        raise BadData(f"{label}: no row in {', '.join(settings['months'])} to train on; look at their quality.json")
    counts = {name: distributions.count(table.column(name)) for name in settings["watched"]}
    features = frames.frame(table, is_last_use=True)
    del table  # two copies of five million rows would dominate memory use
    insist_on_classes(features["target"], settings, label)
    try:
        pipeline, baseline = fit(features, settings)
    except ValueError as error:
        raise BadData(
            f"{label}: recipe {settings['recipe']} cannot be fitted on {len(features):,} rows of"
            f" {', '.join(settings['months'])}: {' '.join(str(error).split())}; look at train.parameters"
        ) from error
    model_files.dump(pipeline, job.model)
    model_files.dump(baseline, job.baseline)
    training: Training = {
        "dataset": settings["dataset"],
        "month": settings["month"],
        "months": settings["months"],
        "recipe": settings["recipe"],
        "parameters": settings["parameters"],
        "seed": settings["seed"],
        "task": settings["task"],
        "columns": settings["columns"],
        "rows_available": rows,
        "train_rows": len(features),
        "leaks": leaks.leaks(features, settings["columns"], settings["task"], ", ".join(settings["months"])),
        "categories": {name: category_counts for name, category_counts in counts.items() if category_counts},
    }
    files.write_json(job.training, training)
    files.write_json(job.provenance, provenance())
    return f"{label}: trained {settings['recipe']} on {len(features):,} rows of {', '.join(settings['months'])}"


if __name__ == "__main__":
    outputs = ("model", "baseline", "training", "provenance")
    command_line.run(main, inputs=("features",), outputs=outputs, many=("features",))
