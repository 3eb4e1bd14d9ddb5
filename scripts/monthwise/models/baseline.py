"""The naive baseline that every model is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

SMOOTHING = 20  # rows of the coarser group that are added to a group of classes: no share is 0


class GroupMean(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Predict the mean target, or the share of each class, of the rows with the same value of a feature.

    `by` names features, from the finest to the coarsest: where a value does not occur in the training data, the next
    one is used, at last all rows. `classes` is the number of classes; 0 predicts a number.
    """

    __module__ = "monthwise.baseline"  # its name in model files

    def __init__(self, by: Sequence[str] = (), classes: int = 0):
        self.by, self.classes = by, classes

    def fit(self, features: pd.DataFrame, target: pd.Series[float]) -> GroupMean:
        """Learn the means from `features`, with a column for each name in `by`, and targets."""
        values = target.to_numpy(np.float64)
        columns = [values == code for code in range(self.classes)] if self.classes else [values]
        if self.classes:
            counts = np.array([np.count_nonzero(column) for column in columns])
            self.overall_ = (counts + 1) / (len(values) + self.classes)
        else:
            self.overall_ = np.array([float(np.mean(values))])
        self.values_: list[npt.NDArray[Any]] = []
        self.means_: list[npt.NDArray[np.float64]] = []
        for position in reversed(range(len(self.by))):  # a group of classes is smoothed towards the coarser one
            codes, uniques = pd.factorize(_keys(features[self.by[position]]), use_na_sentinel=False)
            rows = np.bincount(codes)
            sums = np.array([np.bincount(codes, weights=column) for column in columns]).T
            if self.classes:
                first_row = np.unique(codes, return_index=True)[1]
                coarser = self._look_up(features.iloc[first_row], position + 1)
                means = (sums + SMOOTHING * coarser) / (rows + SMOOTHING)[:, None]
            else:
                means = sums / rows[:, None]
            self.values_.insert(0, np.asarray(uniques, str if uniques.dtype.kind == "O" else None))
            self.means_.insert(0, means)
        return self

    def predict(self, features: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return one number for each row."""
        check_is_fitted(self)
        return self._look_up(features, 0)[:, 0]

    def predict_proba(self, features: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the share of each class for each row."""
        check_is_fitted(self)
        return self._look_up(features, 0)

    def knows(self, features: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Return for each row whether the value of its finest feature occurs in the training data."""
        if not self.by:
            return np.ones(len(features), bool)
        is_known: npt.NDArray[np.bool_] = pd.Index(self.values_[0]).get_indexer(_keys(features[self.by[0]])) >= 0
        return is_known

    def _look_up(self, features: pd.DataFrame, first: int) -> npt.NDArray[np.float64]:
        """Return the means of each row by the features from position `first` on."""
        means = np.repeat(self.overall_[None, :], len(features), axis=0)
        levels = self._levels(first)
        for name, values, value_means in reversed(levels):
            position = pd.Index(values).get_indexer(_keys(features[name]))
            means = np.where((position >= 0)[:, None], value_means[position], means)
        return means

    def _levels(self, first: int) -> list[tuple[str, npt.NDArray[Any], npt.NDArray[np.float64]]]:
        """Return the levels from `first` on; while fitting, only those are known."""
        names = self.by[first:]
        skipped = len(self.values_) - len(names)
        return list(zip(names, self.values_[skipped:], self.means_[skipped:], strict=True))


def _keys(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return the values of a feature, with a missing text as an empty one."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    return column.fillna("").astype(object) if column.dtype.kind == "O" else column
