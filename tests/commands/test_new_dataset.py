"""The config that `datasets --new` writes: dates as they are written, what gives the target away, the baseline."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from monthwise.base.exits import NotPublished, WrongUsage
from monthwise.commands import new_dataset
from monthwise.config.settings import Settings
from monthwise.data.columns import times

MONTHS = ("2024-01", "2024-02")
ROWS = 400


def shop(month: str, dates: str = "%Y-%m-%d %H:%M") -> pd.DataFrame:
    random = np.random.default_rng(int(month[-2:]))
    hours = np.sort(random.integers(0, 28 * 24, ROWS))
    moments = pd.Timestamp(month) + pd.to_timedelta(hours, unit="h")
    guests, members = random.poisson(20, ROWS), random.poisson(30, ROWS) + 10 * (moments.hour > 12)
    return pd.DataFrame(
        {
            "sold at": moments.strftime(dates),
            "store": random.choice(["east", "west"], ROWS),
            "price": random.normal(5, 1, ROWS).round(2),
            "guests": guests,
            "members": members,
            "sales": guests + members,
            "Größe": random.normal(0, 1, ROWS),
        }
    )


def written(folder: Path, frames: dict[str, pd.DataFrame], target: str = "sales", **more) -> dict:
    """Return the entry that is written for these months; Settings take it."""
    published = folder / "published"
    published.mkdir()
    for month, frame in frames.items():
        frame.to_csv(published / f"sales-{month}.csv", index=False)
    arguments = argparse.Namespace(new="shop", file="published/sales-{month}.csv", target=target, called_from=folder)
    vars(arguments).update({"time": None, "positive": None} | more)
    assert new_dataset.write(arguments) == 0
    Settings([folder / "shop.yaml"])
    content: dict = yaml.safe_load((folder / "shop.yaml").read_text())
    return content["catalog"]["shop"]


def months(**options) -> dict[str, pd.DataFrame]:
    return {month: shop(month, **options) for month in MONTHS}


@pytest.mark.parametrize("dates", ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"])
def test_iso_dates_need_no_format(tmp_path, dates):
    assert written(tmp_path, months(dates=dates))["time"] == "sold at"


@pytest.mark.parametrize("dates", ["%d.%m.%Y", "%d.%m.%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y %H:%M:%S"])
def test_other_dates_get_the_format_by_which_they_are_in_the_month_of_their_file(tmp_path, dates):
    time = written(tmp_path, months(dates=dates))["time"]
    assert time == {"columns": ["sold at"], "format": dates}
    texts = shop("2024-02", dates=dates)["sold at"]
    _, local, _ = times(pa.array(texts.tolist()), time | {"zone": None})
    assert (local.view("datetime64[us]").astype("datetime64[M]") == np.datetime64("2024-02")).all()


def test_without_dates_of_the_month_nothing_is_written(tmp_path):
    with pytest.raises(WrongUsage, match="no column has dates of the month in the name of its file"):
        written(tmp_path, months(dates="%d %b %Y"))


def test_a_time_that_is_no_column_is_named(tmp_path):
    with pytest.raises(WrongUsage, match="--time when: there is no such column; there are sold at, store"):
        written(tmp_path, months(), time="when")


def test_the_parts_of_a_sum_that_is_the_target_are_left_out(tmp_path):
    entry = written(tmp_path, months())
    assert not {"guests", "members"} & set(entry["features"])
    text = (tmp_path / "shop.yaml").read_text()
    assert "# guests: number   # left out: guests and members together give the target" in text
    assert {"store", "price", "grosse", "weekday", "hour"} == set(entry["features"])
    assert entry["features"]["grosse"] == {"kind": "number", "columns": ["Größe"]}


def test_two_categories_that_give_the_target_together_are_left_out(tmp_path):
    frames = months()
    for frame in frames.values():
        booked, given = (np.random.default_rng(seed).choice(["A", "B", "C"], ROWS) for seed in (1, 2))
        frame["booked"], frame["given"], frame["other"] = booked, given, np.where(booked == given, "no", "yes")
    entry = written(tmp_path, frames, target="other")
    assert entry["task"] == "binary"
    assert entry["target"] == {"columns": ["other"], "positive": "yes"}
    assert not {"booked", "given"} & set(entry["features"])
    assert "store" in entry["features"]


def test_the_baseline_is_the_category_or_part_of_the_time_that_explains_most(tmp_path):
    assert written(tmp_path, months())["baseline"] == ["hour"]


def test_a_category_that_explains_most_is_the_baseline(tmp_path):
    frames = months()
    for frame in frames.values():
        frame["sales"] += 100 * (frame["store"] == "east")
    assert written(tmp_path, frames)["baseline"] == ["store"]


def test_one_month_is_too_few(tmp_path):
    with pytest.raises(NotPublished, match="put two months there at least"):
        written(tmp_path, {"2024-01": shop("2024-01")})
