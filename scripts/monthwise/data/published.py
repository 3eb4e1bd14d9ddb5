"""Open a published file, parquet or CSV, and read the columns that config names, batch by batch."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.csv

from ..base.exits import BadData, WrongConfig
from . import tables

if TYPE_CHECKING:
    from typing import Any, BinaryIO, NoReturn

    import pyarrow.parquet as pq

HEADER_BYTES = 1 << 20  # the first line of a CSV file is shorter
BLOCK_BYTES = 1 << 22
DELIMITERS = ",;\t|"
CONVERSION = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to (.*?): (.*)", re.DOTALL)


class Parquet:
    """A published parquet file."""

    def __init__(self, path: str, label: str):
        self.path, self.label = path, label
        self.file: pq.ParquetFile = tables.open_parquet(path, label)
        self.schema: pa.Schema = self.file.schema_arrow
        self.rows: int | None = self.file.metadata.num_rows

    def place(self, row: int) -> str:
        """Return a row, counted from 0, for a message."""
        return f"row {row}"

    def batches(
        self, columns: Mapping[str, pa.DataType], rows: int, categories: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Yield the named columns in batches of at most `rows` rows; their types are those of the file.

        Texts in the columns `categories` are read with a dictionary, which is faster.
        """
        if categories:
            self.file = tables.open_parquet(self.path, self.label, categories)
        return tables.batches(self.file, self.path, self.label, sorted(columns), rows)


class _BrokenLine(NamedTuple):
    number: int
    expected: int
    actual: int


class Csv:
    """A published CSV file. All columns are text until `batches` is told their types."""

    def __init__(self, path: str, label: str, options: Mapping[str, Any], is_compressed: bool = False):
        self.path, self.label, self.options, self.is_compressed = path, label, options, is_compressed
        self.names = self._header()
        self.schema = pa.schema([(name, pa.string()) for name in self.names])
        self.rows: int | None = None
        self._broken: _BrokenLine | None = None

    def _open(self) -> BinaryIO:
        file = open(self.path, "rb")  # noqa: SIM115 - the reader closes it
        return gzip.open(file) if self.is_compressed else file  # type: ignore[return-value]  # GzipFile reads as well

    def _header(self) -> list[str]:
        encoding = "utf-8-sig" if self.options["encoding"].lower() in ("utf-8", "utf8") else self.options["encoding"]
        try:
            with self._open() as file:
                head = file.read(HEADER_BYTES)
            # A character at the end of the bytes may be cut.
            text = head.decode(encoding, errors="strict" if len(head) < HEADER_BYTES else "ignore")
        except LookupError:
            raise WrongConfig(
                f"{self.label}: there is no encoding {self.options['encoding']!r} (csv.encoding)"
            ) from None
        except UnicodeDecodeError as error:
            line = head[: error.start].count(b"\n") + 1
            raise BadData(
                f"{self.label}: {self.path}, line {line} is not {self.options['encoding']}; set csv.encoding of the"
                " dataset, such as latin-1"
            ) from None
        except (OSError, EOFError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise BadData(f"{self.label}: {self.path} cannot be read ({error}); download it again") from None
        names = next(csv.reader(io.StringIO(text), delimiter=self.options["delimiter"]), [])
        if not names:
            raise BadData(f"{self.label}: {self.path} has no header line; wait for a file that has one")
        return names

    def place(self, row: int) -> str:
        """Return a row, counted from 0, for a message."""
        return f"line {row + 2}"

    def hint(self) -> str:
        """Return a guess why a column is not found: another delimiter, or another encoding."""
        others = [delimiter for delimiter in DELIMITERS if delimiter != self.options["delimiter"]]
        is_one = len(self.names) == 1
        guess = next((delimiter for delimiter in others if is_one and delimiter in self.names[0]), None)
        with contextlib.suppress(UnicodeError):
            names = [name.encode(self.options["encoding"]).decode("utf-8") for name in self.names]
            if names != self.names:
                return f"; it is UTF-8, and csv.encoding is {self.options['encoding']}"
        return f"; its header has no {self.options['delimiter']!r}: is csv.delimiter {guess!r}?" if guess else ""

    def batches(
        self, columns: Mapping[str, pa.DataType], rows: int, categories: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Yield the named columns in their types, in batches of at most `rows` rows; raises BadData with the line."""
        try:
            with self._open() as file:
                reader = pyarrow.csv.open_csv(
                    file,
                    read_options=pyarrow.csv.ReadOptions(
                        use_threads=False, block_size=BLOCK_BYTES, encoding=self.options["encoding"]
                    ),
                    parse_options=pyarrow.csv.ParseOptions(
                        delimiter=self.options["delimiter"], newlines_in_values=True, invalid_row_handler=self._note
                    ),
                    convert_options=pyarrow.csv.ConvertOptions(
                        column_types=dict(columns),
                        include_columns=sorted(columns),
                        null_values=list(self.options["missing"]),
                        strings_can_be_null=True,
                        decimal_point=self.options["decimal"],
                    ),
                )
                for batch in reader:
                    for first in range(0, batch.num_rows, rows):
                        yield batch.slice(first, rows)
        except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError, OSError, EOFError) as error:
            self._fail(error)

    def _note(self, row: pyarrow.csv.InvalidRow) -> str:
        self._broken = _BrokenLine(row.number, row.expected_columns, row.actual_columns)
        return "error"

    def _fail(self, error: Exception) -> NoReturn:
        if self._broken:
            number, expected, actual = self._broken
            problem = f"line {number} has {actual} values instead of {expected}"
        elif match := CONVERSION.search(str(error)):
            column, row, kind, value = match.groups()
            name = self.names[int(column)] if int(column) < len(self.names) else f"column {column}"
            place, wanted = f"line {row}: " if row else "", "a number" if kind == "double" else f"a {kind}"
            problem = f"{place}{name!r} has {value.strip().splitlines()[0]}, which is not {wanted}"
        else:
            problem = " ".join(str(error).split()) or type(error).__name__
        raise BadData(
            f"{self.label}: {self.path} cannot be read as CSV ({problem}); correct the file, or the csv settings of the"
            " dataset"
        ) from None


def open_published(path: str, label: str, settings: Mapping[str, Any]) -> Parquet | Csv:
    """Open a published file; `settings` has `format` and `csv`. Raises BadData if it is damaged."""
    if settings["format"] == "parquet":
        return Parquet(path, label)
    return Csv(path, label, settings["csv"], is_compressed=settings["format"] == "csv.gz")


def in_csv(kinds: Sequence[tuple[str, str]]) -> dict[str, pa.DataType]:
    """Return the type in which a CSV column is read, by column; `kinds` are pairs of column and kind."""
    return {name: pa.float64() if kind == "number" else pa.string() for name, kind in kinds}
