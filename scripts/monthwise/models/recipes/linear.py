"""The baseline recipe: one number per zone pair, and one per mile.

It is the model of the published results (docs/models.md) and serves to reproduce them.
"""

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

TRUSTED = ["numpy.dtype"]  # used by the imputer


def pipeline(solver: str = "least_squares", tol: float = 1.0e-6, alpha: float = 0.01) -> Pipeline:
    """Return the unfitted pipeline.

    `tol` is part of the model: the sparse least squares solver is iterative, and distances of 200,000 miles (if the
    cleaning rule is off) make it stop early or late. Only least_squares uses `tol`; only lasso uses `alpha`.
    """
    if solver == "least_squares":
        model = LinearRegression(tol=tol)
    elif solver == "lasso":
        model = Lasso(alpha=alpha)
    else:
        raise ValueError(f"solver is 'least_squares' or 'lasso', not {solver!r}")
    columns = ColumnTransformer(
        [
            # A missing distance is replaced by the median, or by 0 if all distances are missing.
            ("distance", SimpleImputer(strategy="median", keep_empty_features=True), ["distance_mi"]),
            # A pair that is not in the training data becomes a row of zeros.
            ("pair", OneHotEncoder(handle_unknown="ignore"), ["pair"]),
        ],
        sparse_threshold=1.0,  # always sparse: a dense matrix would select another solver with other results
    )
    return Pipeline([("columns", columns), ("model", model)])
