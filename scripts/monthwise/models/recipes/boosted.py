"""The default recipe: histogram gradient boosting on the map, the clock and the distance.

Chosen on the green months of 2021 and 2022 alone; docs/models.md says what was tried.
"""

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder, TargetEncoder

# What skops has to trust to load the model; all but the first come with zones="codes".
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

    `zones` says how the model knows a place; where config does not say it, settings.py takes "map" for a service with
    a zone file and "codes" for one without. "map" reads the centres of the two zones and the straight line between
    them, and no zone number: a pair that training never saw, or a trip whose meter wrote 0 miles, still has a length.
    Target encodings of zones and pairs on top of that gained nothing. "codes" is for data without a zone map (all of
    MAP missing, or zones that are hashes): the two zones as categories, and the mean minutes of the pair.

    Few large trees did as well as more and smaller ones, and time to predict grows with the number of trees. The
    other settings tried near these moved the error by about 0.01 minutes or less. Squared error is what is judged;
    Poisson and gamma loss were worse at it, and so was a duration forced to rise with distance. No early stopping:
    the bits are then equal on 1 and 2 threads. A missing value goes to the side of a split that suits it, so nothing
    is imputed.
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
    """Return what makes the columns for boosting, and which of them are categories. Columns are picked by name."""
    # Boosting refuses a column that is missing in every training row, so constant and empty columns leave here.
    numbers = VarianceThreshold()
    if zones == "map":
        return ColumnTransformer([("numbers", numbers, TRIP + MAP)]), None
    if zones != "codes":
        raise ValueError(f"zones is 'map' or 'codes', not {zones!r}")
    # Boosting takes at most 255 categories: the rarest share one; a zone that training never saw counts as missing.
    category = OrdinalEncoder(max_categories=255, handle_unknown="use_encoded_value", unknown_value=float("nan"))
    # Cross-fitted, with fixed folds: a training trip never sees its own minutes.
    minutes = TargetEncoder(target_type="continuous", cv=KFold(5, shuffle=True, random_state=seed))
    parts = [("zones", category, ZONES), ("pair", minutes, ["pair"]), ("numbers", numbers, TRIP)]
    return ColumnTransformer(parts), [0, 1]  # the two that ColumnTransformer puts first
