"""The naive baseline that every model is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt


class PairMean(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Predict the mean duration of the zone pair; if the pair is new, of the pick-up zone; else of all trips."""

    __module__ = "monthwise.baseline"  # its name in model files

    def fit(self, features: pd.DataFrame, duration_min: pd.Series[float]) -> PairMean:
        """Learn the means from `features` (columns `pair`, `pickup_zone`) and durations in minutes."""
        self.pairs_, self.pair_means_ = _means(features["pair"], duration_min)
        self.zones_, self.zone_means_ = _means(features["pickup_zone"], duration_min)
        self.mean_ = float(np.mean(duration_min))
        return self

    def predict(self, features: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return durations in minutes, one for each trip."""
        check_is_fitted(self)
        by_zone = _look_up(features["pickup_zone"], self.zones_, self.zone_means_, self.mean_)
        return _look_up(features["pair"], self.pairs_, self.pair_means_, by_zone)

    def knows_pair(self, features: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Return for each trip whether its zone pair occurs in the training data."""
        return np.isin(features["pair"].to_numpy(), self.pairs_)


def _means(
    keys: pd.Series[int], values: pd.Series[float]
) -> tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.float64]]:
    unique_keys, position = np.unique(keys.to_numpy(), return_inverse=True)
    return unique_keys, np.bincount(position, weights=values.to_numpy()) / np.bincount(position)


def _look_up(
    keys: pd.Series[int],
    known: npt.NDArray[np.integer[Any]],
    means: npt.NDArray[np.float64],
    otherwise: npt.NDArray[np.float64] | float,
) -> npt.NDArray[np.float64]:
    wanted = keys.to_numpy()
    position = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[position] == wanted, means[position], otherwise)
