"""Turn a published month into rows of one schema, and count what was dropped, repaired and missing."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from monthwise import prepare
from monthwise.base import files
from monthwise.data import quality_rules, tables
from monthwise.data.cleaning import Month
from monthwise.job import command_line

if TYPE_CHECKING:
    import argparse


def main(job: argparse.Namespace) -> str:
    """Write rows.parquet and quality.json of one month."""
    label = f"{job.settings['dataset']} {job.settings['month']}"
    module = prepare.load(job.prepare, job.files, job.settings)
    month = Month(job.raw, job.settings, functools.partial(module.prepare, label=label) if module else None)
    tables.write(job.rows, month.cleaner.schema, month.rows())
    quality = month.quality()
    files.write_json(job.quality, quality)
    rule = quality["rule"]
    why = f" by {quality_rules.in_words(rule)}" if rule else ""
    return f"{label}: {quality['rows_out']} of {quality['rows_in']} rows kept, verdict {quality['verdict']}{why}"


if __name__ == "__main__":
    many = ("prepare", "files")
    command_line.run(main, inputs=("raw", *many), outputs=("rows", "quality"), many=many)
