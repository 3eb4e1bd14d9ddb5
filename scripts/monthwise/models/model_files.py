"""Model files: written and read by skops, which loads no code, and fitted with linear algebra on one thread."""

import zipfile
from contextlib import AbstractContextManager
from pathlib import Path

import skops.io
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from ..base.exits import BadData
from . import recipes


def one_blas_thread() -> AbstractContextManager:
    """Hold linear algebra to one thread: on two, the last digits differ. OpenMP, which boosting uses, may have more."""
    return threadpool_limits(1, user_api="blas")


def dump(model: BaseEstimator, path: str | Path) -> None:
    """Write a fitted model."""
    skops.io.dump(model, path)


def load(path: str | Path, recipe: str | None = None) -> BaseEstimator:
    """Return the model in a file; of `recipe`, whose trusted types it may hold, or the baseline without one.

    Raises BadData where the file holds other types or is no model file.
    """
    trusted = recipes.trusted_types(recipe) if recipe else ["monthwise.baseline.PairMean"]
    try:
        return skops.io.load(path, trusted=trusted)
    except skops.io.exceptions.UntrustedTypesFoundException as error:
        raise BadData(
            f"model {path} holds types that are not trusted: {' '.join(str(error).split())}; train the month again, or"
            f" name them as TRUSTED in the recipe, if they are yours"
        ) from error
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise BadData(f"model {path} cannot be read ({' '.join(str(error).split())}); train the month again") from error
