"""Turn clean rows into the features of a model, and the target."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from monthwise import prepare
from monthwise.base import files
from monthwise.data import tables
from monthwise.data.features import Features, admit
from monthwise.job import command_line

if TYPE_CHECKING:
    import argparse

    from monthwise.base.file_types import Quality


def main(job: argparse.Namespace) -> str:
    """Write features.parquet of one month."""
    quality: Quality = files.read_json(job.quality)
    admit(quality)
    label = f"{quality['dataset']} {quality['month']}"
    module = prepare.load(job.prepare, job.files, job.settings)
    file = tables.open_parquet(job.rows, label)
    features = Features(
        job.settings, file.schema_arrow, functools.partial(module.derive, label=label) if module else None
    )
    rows = tables.write(job.features, features.schema, map(features.of, tables.batches(file, job.rows, label)))
    return f"{label}: features of {rows:,} rows"


if __name__ == "__main__":
    many = ("prepare", "files")
    command_line.run(main, inputs=("rows", "quality", *many), outputs=("features",), many=many)
