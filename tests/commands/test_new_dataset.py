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
from monthwise.commands.new_files import read_months
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


def test_a_target_without_two_values_is_refused(tmp_path):
    frames = months()
    for frame in frames.values():
        frame["sales"] = None
    with pytest.raises(WrongUsage, match="--target sales: all its values are equal or missing"):
        written(tmp_path, frames)


def test_one_month_is_too_few(tmp_path):
    with pytest.raises(NotPublished, match="put two months there at least"):
        written(tmp_path, {"2024-01": shop("2024-01")})


def test_what_is_nearly_always_missing_in_a_month_is_left_out(tmp_path):
    frames = {month: shop(month) for month in ("2024-01", "2024-02", "2024-03")}
    frames["2024-02"].loc[20:, "store"] = None
    frames["2024-02"] = frames["2024-02"].drop(columns="Größe")
    assert "store" not in written(tmp_path, frames)["features"]
    text = (tmp_path / "shop.yaml").read_text()
    assert "# store: category   # left out: 95% of 2024-02 is missing" in text
    assert "left out: 100% of 2024-02 is missing" in text


def test_without_a_category_that_predicts_the_last_month_the_baseline_is_the_mean(tmp_path):
    frames = {month: shop(month, dates="%Y-%m-15")[["sold at", "price"]] for month in MONTHS}
    for frame in frames.values():
        frame["sales"] = frame["price"] + np.random.default_rng(8).normal(0, 1, ROWS)
    entry = written(tmp_path, frames)
    assert entry["baseline"] == []
    assert entry["quality"]["reject"] == {"days_share_below": None}


def test_rows_that_are_often_equal_in_the_columns_that_are_used_are_no_warning(tmp_path):
    frames = months(dates="%Y-%m-%d")
    for month, frame in frames.items():
        bills = [f"b{number}" for number in range(ROWS)]
        frames[month] = frame[["sold at", "store"]].assign(sales=np.arange(ROWS) % 3 + 0.5, bill=bills)
    entry = written(tmp_path, frames)
    assert "bill" not in entry["features"]
    assert entry["quality"] == {"warn": {"duplicates_share_above": None}}


def test_another_pattern_that_fits_is_named(tmp_path):
    published = tmp_path / "published"
    published.mkdir()
    for name in ("sales-2024_01.csv", "sales-2024_02.csv"):
        shop("2024-01").to_csv(published / name, index=False)
    with pytest.raises(NotPublished, match=r"0 files like .* it has 2 files like sales-\{year\}_\{mm\}.csv"):
        read_months(published, "sales-{month}.csv")
    assert read_months(published, "sales-{year}_{mm}.csv").months == ["2024-01", "2024-02"]


def test_of_many_months_twelve_are_read_and_how_any_is_written_counts(tmp_path):
    all_months = [f"20{year}-{month:02d}" for year in (20, 21, 22) for month in range(1, 13)]
    for month in all_months:
        text = f"Datum;Ort;Preis\n{month}-01;Köln;1,5\n"
        content = text.encode("latin-1") if month == "2020-01" else text.replace("ö", "o").replace("1,5", "2").encode()
        (tmp_path / f"{month}.csv").write_bytes(content)
    published = read_months(tmp_path, "{month}.csv")
    assert len(published.frames) == 12
    assert (min(published.frames), max(published.frames), len(published.months)) == ("2020-01", "2022-12", 36)
    assert published.csv == {"encoding": "latin-1", "delimiter": ";", "decimal": ","}
