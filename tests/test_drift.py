"""Drift: features whose distance exceeds the noise of the training window, ranked."""

import json
import subprocess
import sys

import drift as program
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from drift import DRIFTED, MOST_VALUES, Values, drift
from fixtures.model_programs import of_job
from fixtures.shop import shop
from fixtures.workflow import REPOSITORY

ROWS = 6_000
NUMBERS = ("target", "distance_mi")


def month(seed: int, slower: float = 1.0, zone: int | None = None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    days = np.repeat(np.arange(30), ROWS // 30)
    rush = random.normal(1, 0.03, 30)[days]  # a day that is slower is slower for all its trips
    zones = random.integers(1, 15, ROWS).astype(float)
    return days, {
        "target": random.gamma(4, 4, ROWS) * rush * slower,
        "distance_mi": np.where(random.random(ROWS) < 0.05, np.nan, random.gamma(2, 2, ROWS)),
        "pickup_zone": np.where(zones == zone, 1.0, zones),
        "weekday": (days % 7).astype(float),
    }


def paired(then: dict[str, np.ndarray], now: dict[str, np.ndarray]) -> list[Values]:
    return [Values(name, name in NUMBERS, then[name], now[name]) for name in then]


def drifted(window: int, other: int, **changed) -> list[str]:
    days, then = month(window)
    return [feature["name"] for feature in drift(days, paired(then, month(other, **changed)[1])) if feature["drifted"]]


def test_one_month_against_the_next_of_the_same_kind_hardly_ever_drifts():
    names = [name for seed in range(10) for name in drifted(2 * seed, 2 * seed + 1)]
    assert len(names) <= 2  # of 40 features


def test_what_changed_comes_first():
    days, then = month(1)
    ranked = drift(days, paired(then, month(2, slower=1.3)[1]))
    assert ranked[0]["name"] == "target"
    assert ranked[0]["is_target"]
    assert ranked[0]["ratio"] > DRIFTED
    assert [feature["name"] for feature in ranked if feature["drifted"]] == ["target"]
    assert [feature["ratio"] for feature in ranked] == sorted((feature["ratio"] for feature in ranked), reverse=True)


def test_a_zone_that_closed_and_distances_that_went_missing_are_seen():
    assert drifted(1, 2, zone=7) == ["pickup_zone"]
    days, then = month(1)
    now = month(2)[1]
    now["distance_mi"][: ROWS // 2] = np.nan
    assert [feature["name"] for feature in drift(days, paired(then, now)) if feature["drifted"]] == ["distance_mi"]


@pytest.mark.parametrize("is_number", [True, False])
@pytest.mark.parametrize("value", [3.0, np.nan])
def test_a_feature_that_never_varies_does_not_drift_and_gives_json(value, is_number):
    days = np.repeat(np.arange(5), 10)
    features = drift(days, [Values("distance_mi", is_number, np.full(50, value), np.full(20, value))])
    assert (features[0]["distance"], features[0]["drifted"]) == (0.0, False)
    json.dumps(features, allow_nan=False)


def test_a_window_of_one_day_and_a_few_rows_gives_no_error():
    ranked = drift(np.zeros(10, int), [Values("weekday", False, np.zeros(10), np.ones(3))])
    assert ranked[0]["distance"] == 1.0


def test_a_window_of_one_day_has_noise_from_its_rows():
    """Otherwise a table that dates all rows on one day would always drift."""
    names = []
    for seed in range(10):
        (_, then), (_, now) = month(2 * seed), month(2 * seed + 1)
        ranked = drift(np.zeros(ROWS, int), paired(then, now))
        names += [feature["name"] for feature in ranked if feature["drifted"]]
    assert len(names) <= 2  # of 40 features
    days = np.zeros(ROWS, int)
    ranked = drift(days, paired(month(1)[1], month(2, slower=1.5, zone=7)[1]))
    assert {feature["name"] for feature in ranked if feature["drifted"]} == {"target", "pickup_zone"}


def test_a_category_with_very_many_values_is_left_out_and_a_number_is_not():
    values = np.arange(MOST_VALUES + 1.0)
    days = np.arange(len(values)) % 30
    ranked = drift(days, [Values("id", False, values, values), Values("price", True, values, values)])
    assert [feature["name"] for feature in ranked] == ["price"]


@pytest.fixture
def call(tmp_path):
    """Run `drift` on a window of two files and a month; return how it ended, and the content of drift.json."""

    def run(window: list[pa.Table], features: pa.Table, dataset: str = "shop-regression", **changed):
        paths = [tmp_path / f"{number}.parquet" for number in range(len(window) + 1)]
        for path, table in zip(paths, [*window, features], strict=True):
            pq.write_table(table, path)
        settings = of_job("drift", dataset) | changed
        command = [sys.executable, "scripts/drift.py", "--window", *map(str, paths[:-1]), "--features", str(paths[-1])]
        command += ["--drift", str(tmp_path / "drift.json"), "--settings", json.dumps(settings)]
        ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        return ended, json.loads((tmp_path / "drift.json").read_text()) if ended.returncode == 0 else {}

    return run


def with_stores(table: pa.Table, old: str, new: str | None) -> pa.Table:
    names = [new if name == old else name for name in table["store"].to_pylist()]
    return table.set_column(table.schema.get_field_index("store"), "store", pa.array(names, pa.string()))


def test_texts_are_compared_across_files_whose_dictionaries_differ(call):
    window = [shop(rows=3000, seed=1).slice(0, 1500), shop(rows=3000, seed=1).slice(1500)[::-1]]
    ended, content = call(window, shop(rows=3000, seed=2))
    assert ended.returncode == 0, ended.stdout
    assert {feature["name"] for feature in content["ranked"]} == {"store", "price", "open", "weekday", "target"}
    assert [feature["name"] for feature in content["ranked"] if feature["drifted"]] == []
    assert (content["rows"], content["training_rows"], content["unseen_rows_share"]) == (3000, 3000, 0.0)
    moved = with_stores(shop(rows=3000, seed=2), "store 3", "store 4")
    ended, content = call(window, moved)
    assert content["ranked"][0]["name"] == "store"
    assert content["ranked"][0]["drifted"]
    assert "shop-regression 2021-03: store drifted from 2021-01" in ended.stdout


def test_rows_with_a_text_that_the_window_lacks_are_counted_and_a_missing_one_is_known(call):
    window = shop(rows=900)
    assert window["store"].null_count
    renamed = with_stores(shop(rows=900, seed=1), "store 3", "store new")
    share = renamed["store"].to_pylist().count("store new") / 900
    assert call([window], renamed)[1]["unseen_rows_share"] == pytest.approx(share)
    without_missing = window.filter(window["store"].is_valid())
    share += renamed["store"].null_count / 900
    assert call([without_missing], renamed)[1]["unseen_rows_share"] == pytest.approx(share)


def test_a_dataset_without_a_baseline_feature_has_no_unseen_rows(call):
    assert call([shop()], shop(seed=1), new_values_of=[])[1]["unseen_rows_share"] == 0.0


def test_a_target_of_classes_is_compared_by_class(call):
    window, features = shop("binary", 3000), shop("binary", 3000, seed=1)
    ended, content = call([window], features, "shop-binary")
    assert ended.returncode == 0, ended.stdout
    assert not next(feature for feature in content["ranked"] if feature["is_target"])["drifted"]
    rare = features.filter(pa.array((features["target"].to_numpy() == 0) | (np.arange(3000) % 3 == 0)))
    (target,) = (feature for feature in call([window], rare, "shop-binary")[1]["ranked"] if feature["is_target"])
    assert target["drifted"]


def test_a_feature_that_no_row_has_is_left_out_and_a_text_that_went_missing_drifts(call):
    window, features = shop(rows=3000), shop(rows=3000, seed=1)
    nothing = pa.nulls(3000, pa.float64())
    position = window.schema.get_field_index("open")
    window, features = (table.set_column(position, "open", nothing) for table in (window, features))
    features = features.set_column(features.schema.get_field_index("store"), "store", pa.nulls(3000, pa.string()))
    ended, content = call([window], features)
    assert ended.returncode == 0, ended.stdout
    assert {feature["name"] for feature in content["ranked"]} == {"store", "price", "weekday", "target"}
    assert content["ranked"][0]["name"] == "store"
    assert content["ranked"][0]["drifted"]


@pytest.mark.parametrize(("window", "rows", "period"), [(0, 50, "2021-01"), (50, 0, "2021-03")])
def test_a_month_without_rows_is_one_line(call, window, rows, period):
    ended, _ = call([shop(rows=50).slice(0, window)], shop(rows=50).slice(0, rows))
    assert ended.returncode == 65
    assert f"no row in {period} to compare; look at its quality.json" in ended.stdout.splitlines()[-1]


def test_texts_are_read_as_positions_and_missing_ones_as_nan(tmp_path):
    for name, texts in (("a", ["x", None, "y"]), ("b", ["y", "z", "x"])):
        pq.write_table(pa.table({"store": pa.array(texts, pa.string())}), tmp_path / name)
    codes = program.read([tmp_path / "a", tmp_path / "b"], "store")
    assert np.isnan(codes[1])
    assert (codes[0], codes[2]) == (codes[5], codes[3])
    assert len(np.unique(codes[~np.isnan(codes)])) == 3
