"""`./monthwise datasets`: list the datasets of config, describe one, or write the config of a new one."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import files, suggest
from ..base.exits import BadData, NotPublished, WrongUsage
from ..config.settings import Settings
from ..job import placeholders
from ..publisher import folder, resolve_folder
from ..workflow import targets
from ..workflow.calendar import Calendar
from ..workflow.job_settings import of_job
from . import print_table

if TYPE_CHECKING:
    from ..base.file_types import Quality
    from ..config.sections.datasets import Dataset

SHOWN = 12  # newest months of a dataset


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print a table of datasets, or of the columns of one."""
    if arguments.new:
        return _write_new(arguments)
    if arguments.name:
        return _describe(settings, arguments.name)
    rows = [["dataset", "task", "target", "metric", "months", "description"]]
    for name, description in settings.config.catalog.items():
        months = _months(settings, name)
        span = f"{months[0]} to {months[-1]}" if len(months) > 1 else "".join(months)
        target, is_built = _target(description), name in settings.datasets
        row = [f"{name}{' *' if is_built else ''}", description.task, target, description.decides_by, span]
        rows.append([*row, description.description])
    print_table(rows)
    print(f"* is built by a run; `{suggest.command('datasets', settings.datasets[0])}` describes one")
    return os.EX_OK


def _target(description: Dataset) -> str:
    target = description.target
    if target.until:
        return f"time until {target.until[0]}"
    name = (target.columns or ("?",))[0]
    return f"{name} > {target.above:g}" if target.above is not None else name


def _months(settings: Settings, name: str) -> list[str]:
    """Return the months whose files are in the folder of `source` or were fetched, oldest first."""
    fetched = {path.parent.name for path in Path("data", name).glob("*/raw.file")}
    source = settings.config.source
    if source.startswith("file:"):
        fetched |= {*folder.months(resolve_folder(source), settings.describe(name).file)}
    return sorted(fetched)


def _describe(settings: Settings, name: str) -> int:
    description = settings.describe(name)
    months = _months(settings, name)
    print(f"{name}: {description.description or 'no description'}")
    unit = f", {description.target.unit}" if description.target.unit else ""
    print(f"{description.task} of {_target(description)}{unit}; decided by {description.decides_by}")
    if not months:
        command = suggest.command("run", dataset=name)
        raise NotPublished(f"{name}: there is no month of {description.file} here yet; `{command}` fetches some")
    shown = months[-SHOWN:]
    print(f"{description.file} ({description.published_format}): {len(months)} months, {months[0]} to {months[-1]}")
    types_by_column: dict[str, dict[str, list[str]]] = {}
    chosen_by_month: dict[str, dict[str, str]] = {}
    problems = []
    for month in shown:
        try:
            schema, chosen_by_month[month] = _schema(settings, name, month)
        except BadData as problem:
            problems.append(str(problem))
            continue
        for column, kind in schema.items():
            types_by_column.setdefault(column, {}).setdefault(kind, []).append(month)
    quality = {month: _quality(name, month) for month in shown}
    rows = [["column", "type", "used as", "missing"]]
    for column, months_by_type in types_by_column.items():
        roles = sorted({role for chosen in chosen_by_month.values() for role, used in chosen.items() if used == column})
        rows.append([column, _types(months_by_type), ", ".join(roles) or "not used", _missing(roles, quality)])
    print_table(rows)
    for line in (*_class_shares(description, quality), *problems):
        print(line)
    return os.EX_OK


def _schema(settings: Settings, name: str, month: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the type of each column of a month, and the column of each role."""
    from ..data import columns, published  # only here: they import pyarrow

    job = of_job(Calendar.read(settings, name), "clean", month)
    path = targets.data_file(name, month, "raw.file")
    placeholders.bring([path])
    if not os.path.exists(path):
        path = str(resolve_folder(settings.config.source) / settings.describe(name).file_of(month))
    file = published.open_published(path, f"{name} {month}", job)
    hint = file.hint() if isinstance(file, published.Csv) else ""
    kinds = columns.kinds(job)
    chosen = columns.choose(file.schema, job, path, hint=hint)
    role_by_column = {column: role for role, column in chosen.items()}
    is_csv = isinstance(file, published.Csv)
    types = {
        field.name: kinds.get(role_by_column.get(field.name, ""), "-") if is_csv else " ".join(str(field.type).split())
        for field in file.schema
    }
    return types, chosen


def _types(months_by_type: Mapping[str, list[str]]) -> str:
    if len(months_by_type) == 1:
        return next(iter(months_by_type))
    return ", ".join(f"{kind} ({months[0]} to {months[-1]})" for kind, months in months_by_type.items())


def _quality(name: str, month: str) -> Quality | None:
    return files.read_json_if_whole(targets.data_file(name, month, "quality.json"))


def _missing(roles: list[str], quality: Mapping[str, Quality | None]) -> str:
    """Return the range of the shares of missing values over months, of the role that lacks most."""
    shares = [content["missing"].get(role, 0.0) for content in quality.values() if content for role in roles]
    if not shares or not roles:
        return ""
    low, high = min(shares), max(shares)
    return f"{high:.1%}" if f"{low:.1%}" == f"{high:.1%}" else f"{low:.1%} to {high:.1%}"


def _class_shares(description: Dataset, quality: Mapping[str, Quality | None]) -> list[str]:
    """Return a line with the shares of the classes over the shown months; none for a regression."""
    totals: dict[str, int] = dict.fromkeys(description.class_names, 0)
    for content in quality.values():
        if content and totals:
            for name, count in zip(totals, content["distributions"]["target"]["counts"], strict=False):
                totals[name] += count
    rows = sum(totals.values())
    return [f"classes: {', '.join(f'{name} {count / rows:.1%}' for name, count in totals.items())}"] if rows else []


def _write_new(arguments: argparse.Namespace) -> int:
    from . import new_dataset  # only here: it imports pandas

    if not arguments.file or not arguments.target:
        raise WrongUsage("datasets --new NAME needs --file 'folder/sales_{month}.csv' and --target COLUMN")
    return new_dataset.write(arguments)
