"""Monthwise is for any monthly table: only config and scripts/monthwise/prepare/taxi know about taxis."""

import re
from pathlib import Path

import pytest
from fixtures.workflow import REPOSITORY

OF_TAXIS = REPOSITORY / "scripts/monthwise/prepare/taxi"
# Words begin and end where letters do, so `pickup_zone` has two, and `stripped` has none.
WORDS = "zone|fare|trip(?:data)?|taxi|vendor|duration_min|distance_mi"
TAXI_WORD = re.compile(
    rf"pick-?up|drop-?off|[PD]U?O?LocationID|borough|passenger|(?<![a-z])(?:{WORDS})s?(?![a-z])", re.I
)
# An error in minutes: `rmse_min`, `5.1 min`, `MAE, min`, `minutes of error`.
ERROR = r"rmse|mae|bias|error|p90_abs|excess|margin"
MINUTES = re.compile(
    rf"(?:{ERROR})s?_min(?![a-z])|\d min(?:utes)?(?![-\w])|(?:{ERROR})s?,? (?:\([^)]*\) )?(?:in )?min(?:utes)?(?!\w)",
    re.I,
)
TIME_ZONE = re.compile(r'time_? ?zones?|ZoneInfo\w*|\["zone"\]|field_validator\("zone"\)|^    zone: Text', re.I)


def texts() -> dict[str, str]:
    """Return the text of each file of the code, by name, but for those about taxis."""
    paths = [REPOSITORY / "Snakefile", *(REPOSITORY / "rules").iterdir(), *(REPOSITORY / "scripts").rglob("*")]
    mine = [path for path in paths if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(REPOSITORY)): path.read_text() for path in mine if not path.is_relative_to(OF_TAXIS)}


def words_of_taxis(text: str) -> list[str]:
    """Return the lines that name a word of taxis or an error in minutes, each with its number."""
    lines = enumerate(text.splitlines(), 1)
    return [
        f"{number}: {line.strip()}"
        for number, line in lines
        if TAXI_WORD.search(TIME_ZONE.sub("", line)) or MINUTES.search(line)
    ]


def test_only_the_module_of_taxis_names_them():
    lines_by_file = {name: lines for name, text in texts().items() if (lines := words_of_taxis(text))}
    assert lines_by_file == {}


def test_everything_is_looked_at():
    names = texts()
    assert {Path(name).suffix for name in names} >= {"", ".py", ".smk", ".html", ".css", ".js"}
    assert len(names) > 150
    assert words_of_taxis((OF_TAXIS / "__init__.py").read_text())


@pytest.mark.parametrize(
    "line",
    [
        "rows = trips[trips.distance_mi > 0]",
        "Errors by Zone, of the pick-up",
        'name = "PULocationID"',
        "column = self.dropoffPlaces",
        "fhv_tripdata_{month}.parquet",
        "the fares of all passengers",
        '"rmse_min": 5.1',
        "RMSE 5.123 min",
        'f"MAE, min"',
        "the error in minutes",
    ],
)
def test_a_word_of_taxis_is_found(line):
    assert words_of_taxis(line) == [f"1: {line}"]


@pytest.mark.parametrize(
    "line",
    [
        'if types.is_timestamp(column.type) and time["zone"]:',
        "    zone: Text | None = Field(",
        "text.strip(), welfare, tripled, min(errors), figure { margin: 0; min-width: 0; }",
        'PARTS = ("hour", "minute_of_day")',
        "moment.astimezone(datetime.UTC)",
        '"target_below_min"',
    ],
)
def test_another_word_is_none(line):
    assert words_of_taxis(line) == []
