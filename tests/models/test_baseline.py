"""The naive model: means of groups, or shares of classes."""

import numpy as np
import pandas as pd
import pytest
from fixtures.model_programs import table
from fixtures.shop import shop
from monthwise.models import frames, model_files
from monthwise.models.baseline import SMOOTHING, GroupMean


def test_the_baseline_falls_back_from_pair_to_zone_to_all():
    trained = pd.DataFrame({"pair": [11, 11, 12, 21], "pickup_zone": [1, 1, 1, 2]})
    baseline = GroupMean(["pair", "pickup_zone"]).fit(trained, pd.Series([10.0, 20.0, 30.0, 100.0]))
    rows = pd.DataFrame({"pair": [11, 13, 99], "pickup_zone": [1, 1, 9]})
    assert baseline.predict(rows).tolist() == [15.0, 20.0, 40.0]
    assert baseline.knows(rows).tolist() == [True, False, False]


def test_means_of_numbers_are_those_of_a_plain_group_by():
    trained, rows = table(2000, seed=1).to_pandas(), table(500, seed=2).to_pandas()
    trained["target"] += np.random.default_rng(0).normal(size=2000)
    trained["pair"] = trained["pair"] * 7 + trained["minute_of_day"]
    rows["pair"] = rows["pair"] * 7 + rows["minute_of_day"] + 3
    by = ["pair", "pickup_zone"]
    baseline = GroupMean(by).fit(trained, trained["target"])
    expected = rows["pair"].map(trained.groupby("pair")["target"].mean())
    assert 0 < expected.isna().sum() < 500
    expected = expected.fillna(rows["pickup_zone"].map(trained.groupby("pickup_zone")["target"].mean()))
    assert np.abs(baseline.predict(rows) - expected).max() < 1e-12


def test_without_features_it_predicts_the_mean_of_all_rows():
    trained = pd.DataFrame({"store": ["a", "b"]})
    baseline = GroupMean().fit(trained, pd.Series([1.0, 4.0]))
    assert baseline.predict(trained).tolist() == [2.5, 2.5]
    assert baseline.knows(trained).tolist() == [True, True]


def test_shares_of_classes_are_smoothed_towards_those_of_the_coarser_group():
    trained = pd.DataFrame({"store": ["a"] * 3 + ["b"] * 5, "town": ["x"] * 8})
    target = pd.Series([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    baseline = GroupMean(["store", "town"], 2).fit(trained, target)
    overall = (4 + 1) / (8 + 2)  # Laplace's rule of succession
    town = (4 + SMOOTHING * overall) / (8 + SMOOTHING)
    stores = [(3 + SMOOTHING * town) / (3 + SMOOTHING), (1 + SMOOTHING * town) / (5 + SMOOTHING)]
    rows = pd.DataFrame({"store": ["a", "b", "c", "c"], "town": ["x", "x", "x", "y"]})
    assert baseline.predict_proba(rows)[:, 1] == pytest.approx([*stores, town, overall])


def test_each_store_is_smoothed_towards_its_own_town():
    trained = pd.DataFrame({"store": list("aabb"), "town": list("xxyy")})
    baseline = GroupMean(["store", "town"], 2).fit(trained, pd.Series([1.0, 1.0, 0.0, 0.0]))
    towns = [(2 + SMOOTHING / 2) / (2 + SMOOTHING), (0 + SMOOTHING / 2) / (2 + SMOOTHING)]
    stores = [(2 + SMOOTHING * towns[0]) / (2 + SMOOTHING), SMOOTHING * towns[1] / (2 + SMOOTHING)]
    assert baseline.predict_proba(trained)[[0, 2], 1] == pytest.approx(stores)


@pytest.mark.parametrize(("task", "classes"), [("binary", 2), ("multiclass", 3)])
def test_shares_add_up_to_1_and_none_is_0(task, classes):
    features = frames.frame(shop(task, stores=200))
    baseline = GroupMean(["store", "weekday"], classes).fit(features, features["target"])
    shares = baseline.predict_proba(frames.frame(shop(task, seed=1, stores=400)))
    assert shares.shape == (600, classes)
    assert shares.min() > 0
    assert shares.sum(axis=1) == pytest.approx(np.ones(600))


def test_a_class_that_no_row_has_gets_a_small_share():
    trained = pd.DataFrame({"store": ["a"] * 4})
    shares = GroupMean(["store"], 3).fit(trained, pd.Series([0.0, 0.0, 1.0, 0.0])).predict_proba(trained)
    assert shares[0] == pytest.approx((np.array([3, 1, 0]) + SMOOTHING * np.array([4, 2, 1]) / 7) / (4 + SMOOTHING))


@pytest.mark.parametrize("classes", [0, 2])
def test_texts_are_groups_in_any_form_and_a_missing_one_is_a_group_too(classes, tmp_path):
    names = ["ü", "store 2", None, "ü", None]
    trained = pd.DataFrame({"store": pd.Categorical(names)})
    baseline = GroupMean(["store"], classes).fit(trained, pd.Series([0.0, 1.0, 0.0, 0.0, 1.0]))
    model_files.dump(baseline, tmp_path / "baseline")
    loaded = model_files.load(tmp_path / "baseline")
    forms = [pd.Categorical(names), pd.Series(names, dtype=object), pd.Series(names, dtype="str")]
    predictions = [model._look_up(pd.DataFrame({"store": form}), 0) for model in (baseline, loaded) for form in forms]
    assert all(np.array_equal(prediction, predictions[0]) for prediction in predictions)
    if not classes:
        assert predictions[0][:, 0].tolist() == [0.0, 1.0, 0.5, 0.0, 0.5]
    rows = pd.DataFrame({"store": pd.Categorical(["store 3", None, "store 2"])})
    assert loaded.knows(rows).tolist() == [False, True, True]


def test_numbers_with_missing_values_are_groups():
    trained = pd.DataFrame({"open": [0.0, np.nan, 1.0, np.nan]})
    baseline = GroupMean(["open"]).fit(trained, pd.Series([1.0, 2.0, 3.0, 4.0]))
    rows = pd.DataFrame({"open": [1.0, np.nan, 5.0]})
    assert baseline.predict(rows).tolist() == [3.0, 3.0, 2.5]
    assert baseline.knows(rows).tolist() == [True, True, False]


def test_the_file_of_many_values_is_small_and_predicts_the_same(tmp_path):
    names = [f"customer {number}" for number in range(100_000)]
    trained = pd.DataFrame({"customer": pd.Categorical(names)})
    baseline = GroupMean(["customer"]).fit(trained, pd.Series(np.arange(100_000.0)))
    model_files.dump(baseline, tmp_path / "baseline")
    loaded = model_files.load(tmp_path / "baseline")
    rows = pd.DataFrame({"customer": ["customer 99999", "customer x", "customer 7"]})
    assert loaded.predict(rows).tolist() == [99_999.0, 49_999.5, 7.0]
