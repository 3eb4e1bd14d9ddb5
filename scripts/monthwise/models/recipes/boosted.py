"""The default recipe: histogram gradient boosting on zone centres, time and distance.

Chosen on the green months of 2021 and 2022 only; docs/models.md lists the alternatives that were tried.
"""

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder, TargetEncoder

# Types that skops must trust to load the model; all but the first occur with zones="codes" only.
TRUSTED = [
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "functools.partial",
    "sklearn.model_selection._split.KFold",
    "sklearn.utils.validation.check_array",
]
TRIP = ["distance_mi", "minute_of_day", "weekday", "vendor", "passengers", "trip_type"]
MAP = ["pickup_x_mi", "pickup_y_mi", "dropoff_x_mi", "dropoff_y_mi", "straight_mi"]
ZONES = ["pickup_zone", "dropoff_zone"]


def pipeline(
    zones: str = "map",
    learning_rate: float = 0.08,
    max_iter: int = 80,
    max_leaf_nodes: int = 255,
    min_samples_leaf: int = 30,
    max_features: float = 0.7,
    l2_regularization: float = 1.0,
    seed: int = 0,
) -> Pipeline:
    """Return the unfitted pipeline.

    `zones` selects how places are encoded. If config does not set it, settings.py uses "map" for a service with a zone
    file and "codes" for one without. "map" uses the centres of the two zones and the straight distance between them,
    but no zone ids: a pair that is not in the training data, or a trip whose meter recorded 0 miles, still has a
    length. Additional target encodings of zones and pairs gave no improvement. "codes" is for data without a zone map
    (all of MAP missing, or zones that are hashes): it uses the two zones as categories, and the mean minutes of the
    pair.

    Few large trees were as accurate as more and smaller ones, and prediction time grows with the number of trees. Other
    settings near these changed the error by about 0.01 minutes or less. Models are judged by squared error; Poisson and
    gamma loss gave a larger one, and so did a constraint that duration rises with distance. Early stopping is off, so
    that results are bit-identical on 1 and 2 threads. Missing values are not imputed: each split learns to which side
    they go.
    """
    columns, categorical = _columns(zones, seed)
    trees = HistGradientBoostingRegressor(
        learning_rate=learning_rate,
        max_iter=max_iter,
        max_leaf_nodes=max_leaf_nodes,
        min_samples_leaf=min_samples_leaf,
        max_features=max_features,
        l2_regularization=l2_regularization,
        categorical_features=categorical,
        early_stopping=False,
        random_state=seed,
    )
    return Pipeline([("columns", columns), ("trees", trees)])


def _columns(zones: str, seed: int) -> tuple[ColumnTransformer, list[int] | None]:
    """Return the transformer that makes the columns for boosting, and the positions of those that are categories."""
    # Boosting fails on a column that is missing in every training row, so constant and empty columns are dropped.
    numbers = VarianceThreshold()
    if zones == "map":
        return ColumnTransformer([("numbers", numbers, TRIP + MAP)]), None
    if zones != "codes":
        raise ValueError(f"zones is 'map' or 'codes', not {zones!r}")
    # Boosting accepts at most 255 categories: the rarest share one. A zone not in the training data is missing.
    category = OrdinalEncoder(max_categories=255, handle_unknown="use_encoded_value", unknown_value=float("nan"))
    # Cross-fitted with fixed folds: the encoding of a training trip does not include its own minutes.
    minutes = TargetEncoder(target_type="continuous", cv=KFold(5, shuffle=True, random_state=seed))
    parts = [("zones", category, ZONES), ("pair", minutes, ["pair"]), ("numbers", numbers, TRIP)]
    return ColumnTransformer(parts), [0, 1]  # the two zones, which ColumnTransformer puts first
