"""Impute, then a logistic regression over all columns: what practitioners do first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...data import Dataset, ModalityBatch
from ...estimators.logistic_fit import fit_logistic
from ...estimators.tables import Tables
from .adapting import SeenClasses
from .base import ModelEntry

_NUM_FOLDS = 5
_NUM_NEIGHBORS = 10
_MOST_CELLS = 400_000  # of the training rows that neighbors are sought among
_FEW_COLUMNS, _MANY_COLUMNS = 50, 300
_NEAREST_COLUMNS = 20
_STEPS_PER_UNIT, _BOUND = 4096, 256.0

MakeImputer = Callable[[np.ndarray, int], Any]


class ImputedLogistic(SeenClasses):
    """Scales the columns, imputes their gaps, and fits a regression whose strength is chosen among training rows.

    Args:
        make_imputer: From scaled training columns ``(rows, width)`` and a seed to an unfitted imputer.
    """

    def __init__(self, make_imputer: MakeImputer) -> None:
        self.make_imputer = make_imputer

    def _fit(self, train: Dataset, places: np.ndarray, seed: int) -> None:
        from sklearn.preprocessing import StandardScaler

        self.tables = Tables.learn(train.batch)
        numbers = self.tables.side_by_side(train.batch)
        self.scaler = StandardScaler().fit(numbers)
        scaled = self.scaler.transform(numbers)
        self.imputer = self.make_imputer(scaled, seed)
        self.regression = fit_logistic(self.imputer.fit_transform(scaled), places, _NUM_FOLDS)

    def _probabilities(self, batch: ModalityBatch) -> np.ndarray:
        scaled = self.scaler.transform(self.tables.side_by_side(batch))
        return self.regression.probabilities(self.imputer.transform(scaled))


class MeanWithIndicators:
    """The mean, beside one indicator for each set of columns that are missing together in training.

    A modality that goes missing as a whole has one indicator, not one for each of its columns, which would weigh the
    more the wider it is.
    """

    def fit_transform(self, scaled: np.ndarray) -> np.ndarray:
        from sklearn.impute import SimpleImputer

        self.imputer = SimpleImputer(keep_empty_features=True).fit(scaled)
        gaps = np.isnan(scaled)
        some = np.flatnonzero(gaps.any(axis=0))
        _, first = np.unique(gaps[:, some], axis=1, return_index=True)
        self.told_by = np.sort(some[first])
        return self.transform(scaled)

    def transform(self, scaled: np.ndarray) -> np.ndarray:
        return np.hstack([self.imputer.transform(scaled), np.isnan(scaled[:, self.told_by])])


class NearestRows:
    """The mean over the nearest training rows that have the cell, by the distance over the cells in common.

    Distances are summed over values on a grid, a small part of a standard deviation wide, on which sums are exact: so
    ties are broken in the same way whichever rows are asked for together. Wide tables seek among fewer training rows.

    Args:
        seed: Of the choice of training rows.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit_transform(self, scaled: np.ndarray) -> np.ndarray:
        from sklearn.impute import KNNImputer

        num_kept = max(10 * _NUM_NEIGHBORS, _MOST_CELLS // scaled.shape[1])
        kept = np.sort(np.random.default_rng(self.seed).permutation(len(scaled))[:num_kept])
        self.imputer = KNNImputer(n_neighbors=_NUM_NEIGHBORS, keep_empty_features=True).fit(_on_grid(scaled[kept]))
        return self.transform(scaled)

    def transform(self, scaled: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(scaled), self.imputer.transform(_on_grid(scaled)), scaled)


def _on_grid(scaled: np.ndarray) -> np.ndarray:
    return np.clip(np.round(scaled * _STEPS_PER_UNIT) / _STEPS_PER_UNIT, -_BOUND, _BOUND)


def chained_regressions(scaled: np.ndarray, seed: int) -> Any:
    """Each column from the others in turn, by Bayesian ridge regression; wide tables take few others and few rounds."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    width = scaled.shape[1]
    return IterativeImputer(
        max_iter=10 if width <= _FEW_COLUMNS else 5 if width <= _MANY_COLUMNS else 2,
        n_nearest_features=None if width <= _FEW_COLUMNS else _NEAREST_COLUMNS,
        keep_empty_features=True,
        random_state=seed,
    )


MODELS = {
    "logistic-mean-indicator": ModelEntry(
        "logistic regression over all columns, gaps at the mean, an indicator for what is missing together",
        lambda cache: ImputedLogistic(lambda scaled, seed: MeanWithIndicators()),
        0.1,
    ),
    "logistic-knn": ModelEntry(
        "logistic regression over all columns, gaps from the 10 nearest rows (of fewer rows where columns are many)",
        lambda cache: ImputedLogistic(lambda scaled, seed: NearestRows(seed)),
        0.4,
    ),
    "logistic-mice": ModelEntry(
        "logistic regression over all columns, gaps by chained regressions (from 20 columns each beyond 50)",
        lambda cache: ImputedLogistic(chained_regressions),
        1.2,
    ),
}
