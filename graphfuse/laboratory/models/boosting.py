"""Gradient boosting over all columns side by side, which takes gaps as they are."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch

from ...data import Dataset, ModalityBatch, random_subsets
from ...estimators.tables import Tables
from .adapting import SeenClasses
from .base import ModelEntry
from .validation import held_out

_ENOUGH_ROWS = 200  # to hold some out and choose the number of iterations by them
_PATIENCE, _NUM_LEAVES, _ROWS_IN_LEAF = 15, 8, 20
_NUM_DROPPED = 4
_MOST_OUTCOMES = 1000  # columns times classes that are boosted slowly


@dataclass(frozen=True)
class Growth:
    """How trees are grown.

    Args:
        fixed: Iterations where too few rows are there to choose by.
        most: Iterations at most.
        learning_rate: Share of a tree that is added.
        num_bins: Values of a column that are told apart.
        column_share: Share of the columns that is drawn for a split, or for a tree.
        rows_in_leaf: Rows in a leaf at least.
        seed: Of all that draws.
    """

    fixed: int
    most: int
    learning_rate: float
    num_bins: int
    column_share: float
    rows_in_leaf: int
    seed: int


class Boosting(SeenClasses):
    """Small trees. How many is chosen by the rows held out, where there are enough; then all rows are fitted.

    Tables of many columns and classes take larger steps, fewer bins and a random share of the columns.

    Args:
        num_dropped: How many copies of each training row lose a random subset of the modalities; the row itself stays.

    Reference: Friedman (2001), Greedy function approximation: a gradient boosting machine.
    """

    def __init__(self, num_dropped: int = 0) -> None:
        self.num_dropped = num_dropped

    def _fit(self, train: Dataset, places: np.ndarray, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        copies = 1 + self.num_dropped
        self.tables = Tables.learn(train.batch)
        features, labels = self._features(train.batch, generator), np.tile(places, copies)
        growth = self._growth(features.shape[1], copies, seed)
        num_iterations = growth.fixed
        if len(train) >= _ENOUGH_ROWS:
            held = held_out(train, generator)
            if held.any() and len(np.unique(places[~held])) == len(self.classes):
                held = np.tile(held, copies)
                kept = _with_values(features[~held])
                fitted, judged = ((features[rows][:, kept], labels[rows]) for rows in (~held, held))
                num_iterations = self._best_number(fitted, judged, growth)
        self.kept = _with_values(features)
        self.trees = self._grown((features[:, self.kept], labels), num_iterations, growth)

    def _probabilities(self, batch: ModalityBatch) -> np.ndarray:
        found: np.ndarray = self.trees.predict_proba(self.tables.side_by_side(batch)[:, self.kept])
        return found

    def _features(self, batch: ModalityBatch, generator: torch.Generator) -> np.ndarray:
        """The rows, then their copies that lose modalities."""
        dropped = [random_subsets(batch, generator) for _ in range(self.num_dropped)]
        return np.concatenate([self.tables.side_by_side(each) for each in (batch, *dropped)])

    def _growth(self, width: int, copies: int, seed: int) -> Growth:
        """Slow and fine, or fast and coarse where there are many columns and classes, whose trees are dear."""
        slow = width * len(self.classes) <= _MOST_OUTCOMES
        settings = (100, 300, 0.05, 255, 1.0) if slow else (50, 100, 0.1, 63, 0.3)
        return Growth(*settings, rows_in_leaf=copies * _ROWS_IN_LEAF, seed=seed)

    @abstractmethod
    def _best_number(self, fitted: Any, judged: Any, growth: Growth) -> int:
        """The number of iterations, at least one, at which the features and labels ``judged`` are most likely."""

    @abstractmethod
    def _grown(self, fitted: Any, num_iterations: int, growth: Growth) -> Any:
        """A fitted classifier of so many iterations."""


class HistogramBoosting(Boosting):
    """scikit-learn's boosting over binned columns."""

    def _best_number(self, fitted: Any, judged: Any, growth: Growth) -> int:
        booster = self._unfitted(growth.most, growth)
        booster.set_params(early_stopping=True, n_iter_no_change=_PATIENCE)
        booster.fit(*fitted, X_val=judged[0], y_val=judged[1])
        return max(1, int(np.argmax(booster.validation_score_)))  # the first score is of no tree

    def _grown(self, fitted: Any, num_iterations: int, growth: Growth) -> Any:
        return self._unfitted(num_iterations, growth).fit(*fitted)

    def _unfitted(self, num_iterations: int, growth: Growth) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            learning_rate=growth.learning_rate,
            max_iter=num_iterations,
            max_leaf_nodes=_NUM_LEAVES,
            max_bins=growth.num_bins,
            max_features=growth.column_share,
            min_samples_leaf=growth.rows_in_leaf,
            early_stopping=False,
            random_state=growth.seed,
        )


class LightBoosting(Boosting):
    """LightGBM, on one thread.

    Reference: Ke et al. (2017), LightGBM: a highly efficient gradient boosting decision tree.
    """

    def _best_number(self, fitted: Any, judged: Any, growth: Growth) -> int:
        booster = self._unfitted(growth.most, growth)
        booster.fit(
            *fitted, eval_set=[judged], callbacks=[import_module("lightgbm").early_stopping(_PATIENCE, verbose=False)]
        )
        return max(1, int(booster.best_iteration_))

    def _grown(self, fitted: Any, num_iterations: int, growth: Growth) -> Any:
        return self._unfitted(num_iterations, growth).fit(*fitted)

    def _unfitted(self, num_iterations: int, growth: Growth) -> Any:
        return import_module("lightgbm").LGBMClassifier(
            learning_rate=growth.learning_rate,
            n_estimators=num_iterations,
            num_leaves=_NUM_LEAVES,
            max_bin=growth.num_bins,
            colsample_bytree=growth.column_share,
            min_child_samples=growth.rows_in_leaf,
            n_jobs=1,
            verbosity=-1,
            deterministic=True,
            force_row_wise=True,
            random_state=growth.seed,
        )


def _with_values(features: np.ndarray) -> np.ndarray:
    """Which columns have a value at all; binning refuses the others."""
    found: np.ndarray = ~np.isnan(features).all(axis=0)
    return found


MODELS = {
    "hgb-native-nan": ModelEntry(
        "histogram boosting over all columns, gaps as they are", lambda cache: HistogramBoosting(), 1.1
    ),
    "hgb-modality-dropout": ModelEntry(
        f"histogram boosting, also on {_NUM_DROPPED} copies of each row without a random subset of the modalities",
        lambda cache: HistogramBoosting(_NUM_DROPPED),
        1.3,
    ),
    "lightgbm": ModelEntry(
        "LightGBM over all columns, gaps as they are", lambda cache: LightBoosting(), 0.8, requires="lightgbm"
    ),
}
