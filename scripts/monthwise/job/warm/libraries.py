"""What each warm process imports, and what it does with it once: a first call costs as much as an import."""

from __future__ import annotations

import contextlib
import importlib
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

# What each process imports on top of the one before; the stages that it forks for are in the stage table.
LIBRARIES = {
    "data": ("urllib3", "numpy", "pyarrow.parquet", "pyarrow.compute"),
    "models": (
        "pandas",
        "pyarrow.pandas_compat",
        "sklearn.compose",
        "sklearn.ensemble",
        "sklearn.linear_model",
        "skops.io",
        "scipy.stats",
        "scipy.spatial.distance",
    ),
    "tracking": ("mlflow.sklearn", "mlflow.store.tracking.sqlalchemy_workspace_store", "alembic.command", "git"),
}
TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


def load(kind: str, report_alive: Callable[[], None]) -> None:
    """Import the libraries of a warm process; raises what an import raises, for then its jobs had better start cold."""
    for library in LIBRARIES[kind]:
        if library == "git" and not shutil.which("git"):
            continue  # it cannot be imported then, which MLflow is prepared for
        importlib.import_module(library)
        report_alive()


def use(kind: str) -> None:
    """Call what is slow when it is called for the first time."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "models":
            _use_models()
        elif kind == "tracking":
            _use_tracking()
    logging.disable(logging.NOTSET)


def _use_models() -> tuple[Pipeline, pd.DataFrame]:
    """Fit, write and read next to nothing. Return model and features."""
    import pandas as pd
    import skops.io
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    features = pd.DataFrame({"a": range(100)}, dtype="float32")
    trees = HistGradientBoostingRegressor(max_iter=1, early_stopping=False)
    model = Pipeline([("columns", ColumnTransformer([("a", "passthrough", ["a"])])), ("trees", trees)])
    model.fit(features, features["a"]).predict(features)
    skops.io.loads(skops.io.dumps(model), trusted=TRUSTED)
    return model, features


def _use_tracking() -> None:
    """Write and read a model as MLflow does; opens no store, so that no connection is inherited."""
    import mlflow

    model, features = _use_models()
    options = {"serialization_format": "skops", "skops_trusted_types": TRUSTED, "pip_requirements": []}
    # Without room for temporary files the first job does it.
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(prefix="monthwise-") as folder:
        mlflow.sklearn.save_model(model, f"{folder}/mlflow", input_example=features[:2], **options)
        mlflow.pyfunc.load_model(f"{folder}/mlflow").predict(features[:2])
