"""Recipes: every task, with categories that training has not seen and with very many of them."""

import numpy as np
import pandas as pd
import pytest
from fixtures.model_programs import of_job
from fixtures.shop import TASKS, shop
from monthwise.config.settings import Settings
from monthwise.models import evaluation, frames, metrics, model_files, recipes

FEW_TREES = {"boosted": {"max_iter": 10}, "linear": {}}
both = pytest.mark.parametrize("recipe", recipes.names())
every_task = pytest.mark.parametrize("task", TASKS)


def fitted(recipe: str, task: str, features: pd.DataFrame, **parameters):
    settings = of_job("train", f"shop-{task}")
    pipeline = recipes.build(recipe, FEW_TREES[recipe] | parameters, task, settings["numbers"], settings["categories"])
    return pipeline.fit(features[settings["columns"]], features["target"]), settings["columns"]


def error(prediction: np.ndarray, target: np.ndarray, task: str) -> float:
    return metrics.errors(prediction, target, task)["rmse" if task == "regression" else "log_loss"]


@both
@every_task
def test_a_model_predicts_better_than_the_mean_of_all_rows(recipe, task):
    features, rows = (frames.frame(shop(task, 1500, seed)) for seed in (0, 1))
    model, columns = fitted(recipe, task, features)
    prediction = evaluation.predict(model, rows, columns, task)
    target = rows["target"].to_numpy()
    shares = features["target"].value_counts(normalize=True).sort_index().to_numpy()
    mean = {"regression": [features["target"].mean()], "binary": shares[1:], "multiclass": [shares]}[task]
    naive = np.repeat(np.asarray(mean), len(rows), axis=0)
    assert error(prediction, target, task) < 0.8 * error(naive, target, task)
    if task == "multiclass":
        assert prediction.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    if task != "regression":
        assert ((prediction >= 0) & (prediction <= 1)).all()


@both
@every_task
def test_categories_that_training_has_not_seen_are_predicted_by_the_other_features(recipe, task, tmp_path):
    features = frames.frame(shop(task, 1500))
    model, columns = fitted(recipe, task, features)
    model_files.dump(model, tmp_path / "model")
    model = model_files.load(tmp_path / "model", recipe)
    known, unseen = (frames.frame(shop(task, 1500, 1, first_store=first)) for first in (0, 100))
    assert not set(unseen["store"].cat.categories) & set(known["store"].cat.categories)
    prediction = evaluation.predict(model, unseen, columns, task)
    assert np.isfinite(prediction).all()
    # One unseen store is like any other, and like one more of another name.
    renamed = unseen.assign(store=unseen["store"].cat.rename_categories(lambda name: f"other {name}"))
    assert np.array_equal(evaluation.predict(model, renamed, columns, task), prediction)
    target = unseen["target"].to_numpy()
    shuffled = unseen.assign(price=np.random.default_rng(0).permutation(unseen["price"]))
    assert error(prediction, target, task) < error(evaluation.predict(model, shuffled, columns, task), target, task)


@both
@every_task
def test_a_hundred_thousand_categories_are_no_hindrance(recipe, task):
    """Each store has one row, so that only the price can say more than the mean."""
    features = frames.frame(shop(task, 100_000))
    features["store"] = pd.Categorical([f"store {number}" for number in range(100_000)])
    model, columns = fitted(recipe, task, features, **({"max_iter": 2} if recipe == "boosted" else {}))
    prediction = evaluation.predict(model, frames.frame(shop(task, 300, 1, stores=200_000)), columns, task)
    assert np.isfinite(prediction).all()
    assert len(prediction) == 300


@both
@every_task
def test_numbers_alone_and_categories_alone_are_enough(recipe, task):
    features = frames.frame(shop(task))
    for numbers, categories in ((["price", "weekday"], []), ([], ["store"])):
        pipeline = recipes.build(recipe, FEW_TREES[recipe], task, numbers, categories)
        columns = [*numbers, *categories]
        pipeline.fit(features[columns], features["target"])
        assert np.isfinite(evaluation.predict(pipeline, features, columns, task)).all()


@both
@every_task
def test_two_fits_predict_the_same_whatever_the_order_of_columns(recipe, task):
    features = frames.frame(shop(task))
    models = [fitted(recipe, task, features)[0] for _ in range(2)]
    columns = of_job("train", f"shop-{task}")["columns"]
    first, second = (evaluation.predict(model, features, columns, task) for model in models)
    assert np.array_equal(first, second)
    assert np.array_equal(evaluation.predict(models[0], features, columns[::-1], task), first)


def test_parameters_are_those_of_the_signature_without_task_and_features():
    assert set(recipes.parameters("linear")) == {"solver", "tol", "alpha", "C"}
    assert "max_iter" in recipes.parameters("boosted")
    assert not {"task", "numbers", "categories"} & set(recipes.parameters("boosted"))


def test_the_default_recipe_is_one_of_them():
    assert Settings().config.train.recipe in recipes.names()
