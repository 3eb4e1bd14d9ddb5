"""Features that give the target away."""

import numpy as np
import pandas as pd
import pytest
from fixtures.shop import TASKS, shop
from monthwise.models import frames
from monthwise.models.leaks import NEARLY_ALL, explained, leaks

ROWS = 2_000


def made(seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    target = random.gamma(2, 5, ROWS)
    return pd.DataFrame(
        {
            "target": target,
            "paid": target * 1.1 + random.normal(0, 0.1, ROWS),
            "estimate": target + random.normal(0, 5, ROWS),
            "noise": random.normal(0, 1, ROWS),
            "id": [f"row {number}" for number in range(ROWS)],
        }
    )


def names(features: pd.DataFrame, columns: list[str], task: str = "regression") -> list[str]:
    return [leak["feature"] for leak in leaks(features, columns, task, "2024-01")]


def test_a_copy_of_the_target_is_a_leak_and_a_good_feature_is_none():
    (leak,) = leaks(made(), ["noise", "estimate", "paid"], "regression", "2024-01, 2024-02")
    assert (leak["feature"], leak["kind"], leak["bound"]) == ("paid", "leak", NEARLY_ALL)
    assert NEARLY_ALL < leak["number"] <= 1
    assert leak["text"].startswith(f"paid by itself explains {leak['number']:.1%} of the target in 2024-01, 2024-02")


def test_values_that_hardly_any_two_rows_share_explain_nothing():
    assert names(made(), ["id"]) == []
    twins = made()
    twins["id"] = np.arange(ROWS) // 3  # the mean of three rows is near each of them, by their number alone
    assert names(twins, ["id"]) == []


def test_a_category_that_is_the_class_is_a_leak():
    features = made()
    features["target"] = (features["target"] > 10).astype(float)
    features["state"] = pd.Categorical(np.where(features["target"] == 1, "closed", "open"))
    features["hint"] = pd.Categorical(np.where(np.arange(ROWS) % 5, features["state"], "open"))
    assert names(features, ["state", "hint", "noise"], "binary") == ["state"]


def test_of_more_classes_each_must_be_given_away():
    features = made()
    code = np.arange(ROWS) % 3
    features["target"] = code.astype(float)
    features["all"] = pd.Categorical([f"class {number}" for number in code])
    features["one"] = (code == 2).astype(float)  # and nothing about the other two
    assert names(features, ["one", "all", "noise"], "multiclass") == ["all"]


def test_missing_values_are_a_value_of_their_own():
    features = made()
    features["target"] = (features["target"] > 10).astype(float)
    features["closed_on"] = np.where(features["target"] == 1, features["noise"], np.nan)
    features["reason"] = pd.Categorical(np.where(features["target"] == 1, "a", None))
    features["empty"] = np.nan
    assert names(features, ["closed_on", "reason", "empty"], "binary") == ["closed_on", "reason"]


def test_a_constant_target_is_explained_by_nothing():
    features = made()
    features["target"] = 3.0
    assert names(features, ["paid", "noise"]) == []


@pytest.mark.parametrize("task", TASKS)
def test_the_features_of_the_shop_are_no_leaks(task):
    assert names(frames.frame(shop(task)), ["store", "price", "open", "weekday"], task) == []


def test_the_share_is_adjusted_for_the_number_of_values():
    random = np.random.default_rng(0)
    shares = [explained(random.integers(0, 400, ROWS), random.normal(size=ROWS)) for _ in range(20)]
    assert np.mean(shares) == pytest.approx(0, abs=0.02)
    codes, target = np.array([0, 0, 0, 1, 1, 1]), np.array([1.0, 2.0, 3.0, 7.0, 8.0, 9.0])
    within, total = 4.0, np.var(target) * 6
    assert explained(codes, target) == pytest.approx(1 - within / total * 5 / 4)


def test_the_parts_of_a_sum_that_is_the_target_are_leaks():
    features = made()
    random = np.random.default_rng(5)
    features["fee"] = random.gamma(2, 5, ROWS)
    features["net"] = (features["target"] - 2 * features["fee"]).round(2)
    features.loc[::50, "net"] = np.nan
    columns = ["noise", "fee", "net"]
    entries = leaks(features, columns, "regression", "2024-01")
    assert [leak["feature"] for leak in entries] == ["fee", "net"]
    assert entries[0]["text"].startswith("fee and net together give the target in 2024-01: is fee known when a row")
    features["net"] += random.normal(0, 0.5, ROWS)
    assert names(features, columns) == []
    assert names(features.head(30), columns) == []
