"""The default recipe: histogram gradient boosting.

Chosen on the green months of 2021 and 2022 only; docs/models.md lists the alternatives that were tried.
"""

from collections.abc import Sequence

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder, TargetEncoder

# Types that skops must trust to load the model; all but the first occur with categories only.
TRUSTED = [
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "functools.partial",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.utils.validation.check_array",
]
TARGET_TYPES = {"regression": "continuous", "binary": "binary", "multiclass": "multiclass"}


def pipeline(
    task: str,
    numbers: Sequence[str],
    categories: Sequence[str],
    learning_rate: float = 0.08,
    max_iter: int = 80,
    max_leaf_nodes: int = 0,
    min_samples_leaf: int = 30,
    max_features: float = 0.7,
    l2_regularization: float = 1.0,
    seed: int = 0,
) -> Pipeline:
    """Return the unfitted pipeline for a task and the names of its features.

    `max_leaf_nodes` is by default 255 for a number and 15 for classes, whose probabilities larger trees make too
    certain. Few large trees were as accurate as more and smaller ones, and prediction time grows with their number.
    Other settings near these changed the error by 0.2 % or less. Early stopping is off, so that results are
    bit-identical on 1 and 2 threads. Missing values are not imputed: each split learns to which side they go.
    """
    parts = _columns(task, numbers, categories, seed)
    # ColumnTransformer puts the codes first.
    as_categories = list(range(len(categories))) if parts[0][0] == "codes" else None
    boosting = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    trees = boosting(
        learning_rate=learning_rate,
        max_iter=max_iter,
        max_leaf_nodes=max_leaf_nodes or (255 if task == "regression" else 15),
        min_samples_leaf=min_samples_leaf,
        max_features=max_features,
        l2_regularization=l2_regularization,
        categorical_features=as_categories,
        early_stopping=False,
        random_state=seed,
    )
    return Pipeline([("columns", ColumnTransformer(parts)), ("trees", trees)])


def _columns(
    task: str, numbers: Sequence[str], categories: Sequence[str], seed: int
) -> list[tuple[str, object, list[str]]]:
    """Return the parts of the transformer that makes the columns for boosting."""
    parts: list[tuple[str, object, list[str]]] = []
    if categories and task == "regression":
        # Trees also split numbers of a category itself; of more than 255 values, the rarest share one.
        codes = OrdinalEncoder(max_categories=255, handle_unknown="use_encoded_value", unknown_value=float("nan"))
        parts.append(("codes", codes, list(categories)))
    if categories:
        # A category becomes the mean target of its training rows, or the share of each class, so that it may have any
        # number of values; one that training lacks becomes the mean of all rows. It is cross-fitted with fixed folds:
        # the encoding of a training row does not include its own target.
        folds = KFold if task == "regression" else StratifiedKFold
        cross_fit = folds(5, shuffle=True, random_state=seed)
        means = TargetEncoder(target_type=TARGET_TYPES[task], cv=cross_fit)
        parts.append(("means", means, list(categories)))
    if numbers:
        # Boosting fails on a column that is missing in every training row, so constant and empty columns are dropped.
        parts.append(("numbers", VarianceThreshold(), list(numbers)))
    return parts
