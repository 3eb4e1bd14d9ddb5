"""Write and read model files with skops, which does not execute code on load; limit BLAS to one thread."""

from __future__ import annotations

import zipfile
from contextlib import AbstractContextManager
from pathlib import Path

import skops.io
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from ..base.exits import BadData
from . import recipes


def one_blas_thread() -> AbstractContextManager[object]:
    """Limit BLAS to one thread, because with two the last digits differ. OpenMP (used by boosting) is not limited."""
    limit: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limit


def dump(model: BaseEstimator, path: str | Path) -> None:
    """Write a fitted model."""
    skops.io.dump(model, path)


def load(path: str | Path, recipe: str | None = None) -> BaseEstimator:
    """Return the model in a file; without a `recipe`, the baseline.

    Raises BadData if the file is not a model file, or contains types that the recipe does not trust.
    """
    trusted = recipes.trusted_types(recipe) if recipe else ["monthwise.baseline.GroupMean"]
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
