"""Fetch the located file of one month, complete and readable; do not transfer the same file twice.

The last good file is kept in the same folder as a second hard link that no rule knows, because Snakemake deletes the
output before the job starts. If source.json is unchanged, the job links that file instead of transferring it again.
If the publisher fails, the kept file is not lost.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow
import pyarrow.parquet
from monthwise import publisher
from monthwise.base import exits, files
from monthwise.job import command_line
from monthwise.publisher import partial

if TYPE_CHECKING:
    import argparse

    from monthwise.base.file_types import Kept, Source

KEPT = ".raw.kept.file"  # .raw.kept.json has the source.json it was fetched with, and its size
MAGIC, GZIP = b"PAR1", b"\x1f\x8b"


class NotWhole(Exception):
    """A file is not in its format or not complete; the text says what it is or what it lacks."""


def insist_on_whole(path: str | Path, file_format: str) -> None:
    """Raise NotWhole if a file is not in its format (parquet, csv or csv.gz) or not complete."""
    if file_format == "parquet":
        rows_of(path)
        return
    with open(path, "rb") as file:
        head = file.read(64)
    if not head or _is_markup(head) or head.startswith(MAGIC):
        raise NotWhole("a parquet file" if head.startswith(MAGIC) else _kind(head))
    is_compressed = head.startswith(GZIP)
    if is_compressed != (file_format == "csv.gz"):
        raise NotWhole("compressed with gzip" if is_compressed else "not compressed with gzip")
    if is_compressed:
        try:
            with gzip.open(path) as file:
                while file.read(1 << 20):
                    pass
        except (OSError, EOFError, zlib.error) as error:
            raise NotWhole(f"gzip that cannot be read to its end ({error})") from None


def rows_of(path: str | Path) -> int:
    """Return the number of rows of a parquet file; raises NotWhole if it is not parquet or not complete.

    Reads the footer only, no data. The file must have at least one column, and every column chunk must be inside it.
    """
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        head = file.read(64)
        file.seek(max(size - len(MAGIC), 0))
        tail = file.read()
    if not head.startswith(MAGIC):
        raise NotWhole(_kind(head))
    if tail != MAGIC:
        raise NotWhole(f"parquet cut short, {size:,} bytes without a footer")
    try:
        footer = pyarrow.parquet.read_metadata(path)
        _names = footer.schema.to_arrow_schema().names
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # ValueError: a column name that is not UTF-8
        raise NotWhole(f"parquet with a footer that cannot be read ({' '.join(str(error).split())})") from None
    if footer.num_columns == 0:
        raise NotWhole("parquet without a column")
    end_of_data = size - footer.serialized_size - len(MAGIC) - 4
    if fault := in_a_child(lambda: _group_fault(footer, end_of_data)):
        raise NotWhole(fault)
    rows: int = footer.num_rows
    return rows


def _group_fault(footer: pyarrow.parquet.FileMetaData, end_of_data: int) -> str:
    """Return what is wrong with the row groups; "" if all are inside the file and their rows add up."""
    rows = sum(footer.row_group(group).num_rows for group in range(footer.num_row_groups))
    if rows != footer.num_rows:
        return f"parquet with {rows:,} rows where its footer says {footer.num_rows:,}"
    for group in range(footer.num_row_groups):
        for column in range(footer.num_columns):
            chunk = footer.row_group(group).column(column)
            begin = chunk.dictionary_page_offset or chunk.data_page_offset
            if begin + chunk.total_compressed_size > end_of_data:
                return f"parquet cut short, row group {group} is not inside the file"
    return ""


def in_a_child(find: Callable[[], str]) -> str:
    """Return the result of `find`, called in a child process: pyarrow aborts its process on some damaged footers."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # hide the messages of an abort
            os.write(writing, find().encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading, encoding="utf-8") as answer:
        fault = answer.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return "parquet with a footer that cannot be read" if code else fault


def _kind(head: bytes) -> str:
    if _is_markup(head):
        is_page = _text(head).startswith((b"<!doctype html", b"<html", b"<head", b"<body"))
        return "an HTML page" if is_page else "an XML document"
    return f"a file that begins with {head[:16]!r}" if head else "an empty file"


def _is_markup(head: bytes) -> bool:
    return _text(head).startswith(b"<")


def _text(head: bytes) -> bytes:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()


def link_kept(facts: Source, raw: Path, file_format: str) -> bool:
    """Link `raw` to the kept file if that was fetched with the same facts; return whether it was linked."""
    kept = raw.parent / KEPT
    try:
        entry: Kept = files.read_json(kept.with_suffix(".json"))
        if entry != {"source": facts, "size": kept.stat().st_size}:
            return False
        insist_on_whole(kept, file_format)
        os.link(kept, raw)
        os.utime(raw)
    except (OSError, ValueError, NotWhole):
        return False
    return True


def keep(facts: Source, raw: Path) -> None:
    """Replace the kept file with `raw`; keep nothing if the file system has no hard links."""
    kept = raw.parent / KEPT
    record = kept.with_suffix(".json")
    link, part = files.part_of(kept), files.part_of(record)
    try:
        os.link(raw, link)
        entry: Kept = {"source": facts, "size": raw.stat().st_size}
        files.write_json(part, entry)
        # In this order, a kill in the middle leaves a kept file without its record, which link_kept ignores.
        record.unlink(missing_ok=True)
        os.replace(link, kept)
        os.replace(part, record)
    except OSError:
        pass
    finally:
        link.unlink(missing_ok=True)
        part.unlink(missing_ok=True)


def check(raw: Path, month: str, where: str, file_format: str = "parquet") -> None:
    """Raise BadData if a file that came from `where` is not complete."""
    try:
        insist_on_whole(raw, file_format)
    except NotWhole as fault:
        raise exits.BadData(
            f"{month}: {where} is {fault}; look at it there, and rerun when it is whole, or take the month out"
            " with skip"
        ) from None


def main(job: argparse.Namespace) -> str:
    facts: Source = files.read_json(job.source)
    raw, file_format = Path(job.raw), job.settings["format"]
    month = publisher.name(job.settings)
    if link_kept(facts, raw, file_format):
        return f"{month}: {raw.stat().st_size:,} bytes, kept from before, nothing fetched"
    publisher.fetch(facts, job.settings, raw)
    origin = facts.get("url") or f"{facts.get('file', 'the month')} of {job.settings['source']}"
    check(raw, month, origin, file_format)
    keep(facts, raw)
    partial.discard(raw.parent)
    return f"{month}: {raw.stat().st_size:,} bytes, fetched: {origin}"


if __name__ == "__main__":
    command_line.run(main, inputs=("source",), outputs=("raw",))
