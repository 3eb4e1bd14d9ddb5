"""A linear model: one number per category, and one per unit of a number.

With a category and a number it is the model of the published results (config/reference.yaml, docs/models.md).
"""

from collections.abc import Sequence

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TRUSTED = ["numpy.dtype"]  # used by the imputer


def pipeline(
    task: str,
    numbers: Sequence[str],
    categories: Sequence[str],
    solver: str = "least_squares",
    tol: float = 1.0e-6,
    alpha: float = 0.01,
    C: float = 1.0,
) -> Pipeline:
    """Return the unfitted pipeline for a task and the names of its features.

    `tol` is part of the model: the sparse least squares solver is iterative, and numbers of very different sizes make
    it stop early or late. Only least_squares uses `tol`; only lasso uses `alpha`; only classes use `C`.
    """
    if solver not in ("least_squares", "lasso"):
        raise ValueError(f"solver is 'least_squares' or 'lasso', not {solver!r}")
    # A missing number is replaced by the median, or by 0 if all are missing.
    number = SimpleImputer(strategy="median", keep_empty_features=True)
    if task != "regression":
        number = make_pipeline(number, StandardScaler())
        model = LogisticRegression(C=C, max_iter=1_000)
    elif solver == "least_squares":
        model = LinearRegression(tol=tol)
    else:
        model = Lasso(alpha=alpha)
    parts = [("numbers", number, list(numbers))] if numbers else []
    # A category that is not in the training data becomes a row of zeros.
    parts += [("categories", OneHotEncoder(handle_unknown="ignore"), list(categories))] if categories else []
    # Sparse with any category: a dense matrix would select another solver with other results.
    columns = ColumnTransformer(parts, sparse_threshold=1.0)
    return Pipeline([("columns", columns), ("model", model)])
