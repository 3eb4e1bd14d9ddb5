"""Write generated daily sales of 40 stores as one CSV file a month: 2024-01 to 2024-08, or the months that are named.

.venv/bin/python examples/sales/make.py [FOLDER [FIRST LAST]]
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
STORES, CITIES = 40, ("Aachen", "Bonn", "Köln", "Münster")


def month(name: str) -> pd.DataFrame:
    """Return a month of sales; they depend on the store, the weekday, the price and whether there was a promotion."""
    random = np.random.default_rng(int(name.replace("-", "")))
    stores = np.random.default_rng(7).gamma(6, 20, STORES)
    days = pd.date_range(name, periods=pd.Period(name).days_in_month)
    store, day = (index.ravel() for index in np.meshgrid(range(STORES), range(len(days)), indexing="ij"))
    price = np.round(random.uniform(1.5, 4.0, len(store)), 2)
    promotion = random.random(len(store)) < 0.15
    weekday = np.array([0.8, 0.9, 0.9, 1.0, 1.2, 1.5, 0.7])[days.day_of_week.to_numpy()[day]]
    season = 1 + 0.15 * np.sin((days.day_of_year.to_numpy()[day] - 80) * np.pi / 182)
    expected = stores[store] * weekday * season * (3 / price) ** 0.7 * np.where(promotion, 1.4, 1)
    return pd.DataFrame(
        {
            "Date": days.strftime("%Y-%m-%d").to_numpy()[day],
            "Store": [f"S{number:03d}" for number in store],
            "City": [CITIES[number % len(CITIES)] for number in store],
            "Price": np.where(random.random(len(store)) < 0.01, np.nan, price),
            "Promotion": np.where(promotion, "yes", "no"),
            "Sales": random.poisson(expected),
        }
    )


def write(folder: Path, first: str, last: str) -> None:
    """Write sales_{month}.csv for each month from `first` to `last`."""
    folder.mkdir(parents=True, exist_ok=True)
    for period in pd.period_range(first, last, freq="M"):
        month(str(period)).to_csv(folder / f"sales_{period}.csv", index=False)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    write(Path(arguments[0]) if arguments else HERE / "months", *(arguments[1:3] or ("2024-01", "2024-08")))
