"""The baseline recipe: one number per zone pair, and one per mile.

It is the model of the published results (docs/models.md), and is here to reproduce them.
"""

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

TRUSTED = ["numpy.dtype"]  # the imputer keeps one


def pipeline(solver: str = "least_squares", tol: float = 1.0e-6, alpha: float = 0.01) -> Pipeline:
    """Return the unfitted pipeline.

    `tol` is part of the model: sparse least squares is solved step by step, and distances of 200,000 miles, if the
    cleaning rule is off, make it stop early or late. Only least_squares reads `tol`, only lasso reads `alpha`.
    """
    if solver == "least_squares":
        model = LinearRegression(tol=tol)
    elif solver == "lasso":
        model = Lasso(alpha=alpha)
    else:
        raise ValueError(f"solver is 'least_squares' or 'lasso', not {solver!r}")
    columns = ColumnTransformer(
        [
            # The median stands in for a missing distance; 0 if a whole month has none.
            ("distance", SimpleImputer(strategy="median", keep_empty_features=True), ["distance_mi"]),
            # A pair that training never saw is a row of zeros.
            ("pair", OneHotEncoder(handle_unknown="ignore"), ["pair"]),
        ],
        sparse_threshold=1.0,  # always sparse: another solver would give other numbers
    )
    return Pipeline([("columns", columns), ("model", model)])
