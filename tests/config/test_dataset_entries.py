"""The entry of a dataset: a wrong one is named in one line with its file, its short forms, what follows from it."""

from pathlib import Path

import pytest
import yaml
from monthwise.base.exits import WrongConfig
from monthwise.config.sections.datasets import Dataset
from monthwise.config.settings import Settings

SALES = {
    "file": "sales_{month}.csv",
    "time": "date",
    "target": {"columns": ["sales"], "min": 0, "unit": "EUR"},
    "features": {"store": "category", "price": "number", "weekday": "calendar"},
}
UNTIL = {"until": ["ended_at"]}


def price(**keys) -> dict:
    """Return an entry whose price is described by these keys, too."""
    return {"features": {"price": {"kind": "number"} | keys}}


def store(**keys) -> dict:
    return {"features": {"store": {"kind": "category"} | keys}}


# What is wrong with an entry, and what replaces keys of SALES; None: the key is left out. `HERE` is its file.
WRONG = {
    "catalog.sales.file is missing in HERE: a file name with {month}, or {year} and {mm}": {"file": None},
    "catalog.sales.file in HERE: 'sales.csv' is not a file name with {month}": {"file": "sales.csv"},
    "catalog.sales.file in HERE: 'sales_{year}.csv' is not a file name with {month}": {"file": "sales_{year}.csv"},
    "unknown key catalog.sales.metrics in HERE, did you mean 'metric'?": {"metrics": "mae"},
    "catalog.sales.url in HERE: 'ftp://host' is not a URL (http:// or https://), or null": {"url": "ftp://host"},
    "catalog.sales.format in HERE: 'xlsx' is not parquet, csv or csv.gz, or null": {"format": "xlsx"},
    "catalog.sales.csv.delimiter in HERE: ';;' is not one character": {"csv": {"delimiter": ";;"}},
    "catalog.sales.csv.encoding in HERE: there is no encoding 'utf-9'; usual": {"csv": {"encoding": "utf-9"}},
    "catalog.sales.csv in HERE: decimal and delimiter are both ','": {"csv": {"decimal": ","}},
    "catalog.sales.time is missing in HERE: a mapping with the keys columns, format, zone": {"time": None},
    "catalog.sales.time.columns in HERE: [] is not a list of one or more texts": {"time": {"columns": []}},
    "catalog.sales.time.zone in HERE: there is no time zone 'Mars'; write one such as": {
        "time": {"columns": ["date"], "zone": "Mars"}
    },
    "catalog.sales.target is missing in HERE: a mapping with the keys columns, until, ": {"target": None},
    "catalog.sales.target in HERE: give either columns (of the target) or until": {"target": {"unit": "EUR"}},
    "catalog.sales.target in HERE: give either columns (of the target) or until ": {
        "target": UNTIL | {"columns": ["sales"]}
    },
    "catalog.sales.target in HERE: a duration has a unit: s, min, h, days": {"target": UNTIL | {"unit": "hours"}},
    "catalog.sales.target in HERE: min is greater than max": {"target": {"columns": ["sales"], "min": 5, "max": 1}},
    "catalog.sales.target.min in HERE: 'low' is not a number, or null": {
        "target": {"columns": ["sales"], "min": "low"}
    },
    "catalog.sales.target in HERE: give one of above, positive and classes": {
        "target": {"columns": ["sales"], "above": 5, "positive": "yes"}
    },
    "catalog.sales.target in HERE: a duration has no positive and no classes: give above": {
        "target": UNTIL | {"unit": "h", "positive": "yes"}
    },
    "catalog.sales.target in HERE: min and max are bounds of a number": {
        "target": {"columns": ["sales"], "positive": "yes", "min": 0}
    },
    "catalog.sales.target.positive in HERE: in YAML yes, no, true and false are no texts; write the value as it is ": {
        "task": "binary",
        "target": {"columns": ["sold"], "positive": True},
    },
    "catalog.sales.target.classes.1 in HERE: in YAML yes, no, true and false are no texts": {
        "task": "multiclass",
        "target": {"columns": ["grade"], "classes": ["a", False, "b"]},
    },
    "catalog.sales.target in HERE: a class is named twice": {"target": {"columns": ["grade"], "classes": ["a", "a"]}},
    "catalog.sales.target.classes in HERE: 'abc' is not a list": {"target": {"columns": ["grade"], "classes": "abc"}},
    "catalog.sales.task in HERE: 'count' is not regression, binary or multiclass": {"task": "count"},
    "catalog.sales in HERE: task is binary: give target.positive (a value of the column) or target.above": {
        "task": "binary"
    },
    "catalog.sales in HERE: task is multiclass: give target.classes, three or more values": {
        "task": "multiclass",
        "target": {"columns": ["grade"], "classes": ["a", "b"]},
    },
    "catalog.sales in HERE: target has classes: give task: binary or multiclass": {
        "target": {"columns": ["sold"], "positive": "yes"}
    },
    "catalog.sales in HERE: metric of a regression is rmse or mae, not log_loss": {"metric": "log_loss"},
    "catalog.sales.metric in HERE: 'mse' is not rmse, mae, log_loss or brier, or null, did you mean 'rmse'?": {
        "metric": "mse"
    },
    "catalog.sales.features is missing in HERE: a mapping of names to kinds": {"features": None},
    "catalog.sales.features in HERE: {} is not a mapping of names to kinds": {"features": {}},
    "catalog.sales.features in HERE: ['store'] is not a mapping of names to kinds": {"features": ["store"]},
    "catalog.sales.features in HERE: 'store name' is not a name of letters, digits and _": {
        "features": {"store name": "category"}
    },
    "catalog.sales.features.store.kind in HERE: 'text' is not number, category, code, flag or calendar": {
        "features": {"store": "text"}
    },
    "catalog.sales.features.store.kind is missing in HERE: number, category, code, ": {"features": {"store": {}}},
    "unknown key catalog.sales.features.price.maximum in HERE, did you mean 'max'?": price(maximum=5),
    "catalog.sales in HERE: features: time is a column of Monthwise's own; choose another name": {
        "features": {"time": "number"}
    },
    "catalog.sales in HERE: features: epoch_day is a column of Monthwise's own; choose another name": {
        "features": {"epoch_day": "number"}
    },
    "catalog.sales in HERE: features.quarter: give its part, one of hour, weekday, ": {
        "features": {"quarter": "calendar"}
    },
    "catalog.sales.features.price in HERE: min is greater than max": price(min=9, max=1),
    "catalog.sales.features.price in HERE: above is not less than max": price(above=5, max="5"),
    "catalog.sales.features.price.scale in HERE: 0 is not a number above 0": price(scale=0),
    "catalog.sales.features.price.outside in HERE: 'keep' is not missing or drop": price(outside="keep"),
    "catalog.sales.features.store in HERE: min is for kind number, and this is a category": store(min=3),
    "catalog.sales.features.store in HERE: part is for kind calendar, and this is a category": store(part="hour"),
    "catalog.sales.features.store in HERE: numeric is for kind code, and this is a category": store(numeric=True),
    "catalog.sales in HERE: features.price is derived, but there is no module: give prepare": price(derived=True),
    "catalog.sales.features.price in HERE: max is for a column of the file; this feature comes from the module": price(
        derived=True, max=5
    ),
    "catalog.sales.features.hour in HERE: optional is for a column of the file; this feature comes from time": {
        "features": {"hour": {"kind": "calendar", "optional": True}}
    },
    "catalog.sales in HERE: model: prize is not among the features (store, price, weekday)": {
        "model": ["store", "prize"]
    },
    "catalog.sales in HERE: baseline: shop is not among the features (store, ": {"baseline": ["shop"]},
    "catalog.sales in HERE: segments: shop is not among the features (store, ": {"segments": {"shop": None}},
    "catalog.sales.segments in HERE: price: its edges are not in ascending order": {"segments": {"price": [5, 5]}},
    "catalog.sales in HERE: segments.store: edges are for numbers, and store is a category; write null": {
        "segments": {"store": [1, 2]}
    },
    "catalog.sales.group in HERE: 5 is not a list of one or more texts, or null": {"group": 5},
    "catalog.sales in HERE: features.price reads 'sales', the column of the target; leave it out": price(
        columns=["Price", "sales"]
    ),
    "catalog.sales in HERE: features.ended_at reads 'ended_at', the column of the target": {
        "target": UNTIL | {"unit": "h"},
        "features": {"ended_at": "category"},
    },
    "catalog.sales in HERE: columns: store is a feature; its spellings belong in features.store.columns": {
        "columns": {"store": ["Store"]}
    },
    "catalog.sales in HERE: columns: time is a column of Monthwise's own": {"columns": {"time": ["Date"]}},
    "catalog.sales.prepare in HERE: there is no file config/sales.py": {"prepare": "config/sales.py"},
    "catalog.sales.prepare in HERE: there is no file scripts/monthwise/prepare/sales.py": {"prepare": "sales"},
    "catalog.sales.files.stores in HERE: there is no file stores.csv": {"files": {"stores": "stores.csv"}},
    "catalog.sales in HERE: map.feature: shop is not among the features": {
        "map": {"feature": "shop", "outlines": "shops.geojson"}
    },
    "catalog.sales in HERE: map.feature: a place is a code, as `id` in the outlines, and this is a category": {
        "map": {"feature": "store", "outlines": "shops.geojson"}
    },
    "catalog.sales.map.outlines in HERE: there is no file shops.geojson": {
        "features": {"store": "code"},
        "map": {"feature": "store", "outlines": "shops.geojson"},
    },
    "catalog.sales.quality.warn.days_share_below in HERE: 2 is not a number from 0 to 1, or null": {
        "quality": {"warn": {"days_share_below": 2}}
    },
    "catalog.sales.quality.reject in HERE: null is not a mapping with the keys rows_below, ": {
        "quality": {"reject": None}
    },
    "unknown key catalog.sales.quality.waive in HERE; known are reject, warn": {"quality": {"waive": {}}},
}


def configured(folder: Path, changed: dict, **others) -> Settings:
    """Return settings of which a file has SALES, with these keys replaced; its months are in a folder."""
    entry = {key: value for key, value in (SALES | changed).items() if value is not None}
    path = folder / "sales.yaml"
    config = {"source": f"file:{folder}", "datasets": ["sales"], "catalog": {"sales": entry}} | others
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return Settings([path])


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_entry_is_named_in_one_line_with_its_file(line, tmp_path):
    with pytest.raises(WrongConfig) as refused:
        configured(tmp_path, WRONG[line])
    assert line.strip().replace("HERE", str(tmp_path / "sales.yaml")) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("https", "catalog.sales.url is missing in HERE: where are its files?"),
        ("demo", "catalog.sales.layout is missing in HERE: demo imitates which?"),
    ],
)
def test_a_key_that_the_source_needs_is_missing_in_the_file_of_the_dataset(source, wanted, tmp_path):
    with pytest.raises(WrongConfig) as refused:
        configured(tmp_path, {}, source=source)
    assert str(refused.value) == wanted.replace("HERE", str(tmp_path / "sales.yaml"))


def test_a_module_that_makes_no_months_has_no_demo(tmp_path):
    with pytest.raises(
        WrongConfig, match=r"prepare in .*sales\.yaml is no module that makes months: sales has no demo"
    ):
        configured(tmp_path, {"layout": "green"}, source="demo")


def test_a_dataset_whose_state_would_have_the_name_of_another_file_is_refused(tmp_path):
    with pytest.raises(WrongConfig, match=r"catalog\.format in .*sales\.yaml: registry/format\.json has another use"):
        configured(tmp_path, {}, datasets=["format"], catalog={"format": SALES})


def test_the_entry_that_the_wrong_ones_are_made_from_is_right(tmp_path):
    assert configured(tmp_path, {}).describe("sales").model_features == ("store", "price", "weekday")


def described(**changed) -> Dataset:
    return Dataset.model_validate(SALES | changed)


def test_short_forms_are_what_they_are_short_for():
    short = described(target="sales")
    long = described(
        time={"columns": ["date"]},
        target={"columns": ["sales"]},
        features={name: {"kind": kind} for name, kind in SALES["features"].items()},
    )
    assert short == long


def test_columns_are_read_by_the_name_of_the_feature_or_by_its_spellings():
    features = {"store": "category", "price": {"kind": "number", "columns": ["price", "Price"]}, "hour": "calendar"}
    entry = described(features=features, columns={"till": ["Till"]}, group=["customer"])
    assert entry.spellings() == {
        "time": ["date"],
        "target": ["sales"],
        "store": ["store"],
        "price": ["price", "Price"],
        "till": ["Till"],
        "group": ["customer"],
    }
    assert described(target=UNTIL | {"unit": "h"}).spellings()["target"] == ["ended_at"]


@pytest.mark.parametrize(
    ("file", "given", "file_format", "name"),
    [
        ("sales_{month}.csv", None, "csv", "sales_2024-03.csv"),
        ("{year}/{mm}.csv.gz", None, "csv.gz", "2024/03.csv.gz"),
        ("{month}.parquet", None, "parquet", "2024-03.parquet"),
        ("{mm}-{year}.txt", "csv", "csv", "03-2024.txt"),
        ("{month}", None, "parquet", "2024-03"),
    ],
)
def test_the_file_of_a_month_and_its_format(file, given, file_format, name):
    entry = described(file=file, format=given)
    assert (entry.published_format, entry.file_of("2024-03")) == (file_format, name)


@pytest.mark.parametrize(
    ("changed", "metric", "classes"),
    [
        ({}, "rmse", []),
        ({"metric": "mae"}, "mae", []),
        ({"task": "binary", "target": {"columns": ["sales"], "above": 15}}, "log_loss", ["up to 15", "above 15"]),
        ({"task": "binary", "target": {"columns": ["sold"], "positive": "yes"}}, "log_loss", ["not yes", "yes"]),
        ({"task": "binary", "target": {"columns": ["sold"], "positive": 1}}, "log_loss", ["not 1", "1"]),
        (
            {"task": "multiclass", "target": {"columns": ["size"], "classes": ["s", "m", "l"]}},
            "log_loss",
            ["s", "m", "l"],
        ),
    ],
)
def test_the_metric_and_the_classes_follow_from_task_and_target(changed, metric, classes):
    entry = described(**changed)
    assert (entry.decides_by, entry.class_names) == (metric, classes)


@pytest.mark.parametrize(
    ("changed", "model", "baseline"),
    [
        ({}, ("store", "price", "weekday"), ("store",)),
        ({"model": ["price", "store"], "baseline": ["weekday", "store"]}, ("price", "store"), ("weekday", "store")),
        ({"baseline": []}, ("store", "price", "weekday"), ()),
        ({"features": {"price": "number", "shop": "code"}}, ("price", "shop"), ("shop",)),
        ({"features": {"shop": {"kind": "code", "ordered": True}}}, ("shop",), ()),
    ],
)
def test_models_use_all_features_and_the_baseline_the_first_category_unless_they_are_named(changed, model, baseline):
    entry = described(**changed)
    assert (entry.model_features, entry.baseline_features) == (model, baseline)


def test_bounds_of_a_dataset_go_before_those_of_all(tmp_path):
    own = {"reject": {"rows_below": 10, "days_share_below": None}, "warn": {"duplicates_share_above": 0.5}}
    settings = configured(tmp_path, {"quality": own}, quality={"reject": {"kept_share_below": 0.7}})
    quality = settings.describe("sales").quality
    rules = settings.config.quality.rules({"reject": quality.reject, "warn": quality.warn})
    assert (rules["reject"]["rows_below"], rules["reject"]["kept_share_below"]) == (10, 0.7)
    assert "days_share_below" not in rules["reject"]
    assert (rules["warn"]["duplicates_share_above"], rules["warn"]["days_share_below"]) == (0.5, 0.9)
