"""Boosted trees of few leaves, as many as inner validation wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils import check_random_state

from ..checks import check_count
from ..encoders.logistic import logistic_probabilities
from ..encoders.tree_ensemble import TreeEnsemble
from ..learning.folds import stratified_folds
from .counted_rows import counted
from .table_encoder import TunedEncoder
from .tree_encoder import TreeEncoder

_STEPS = (1 / 12, 1 / 6, 1 / 3, 2 / 3, 1)  # shares of the stages that are compared


class BoostedEncoder(TunedEncoder, TreeEncoder):
    """A ``TreeEncoder`` of small boosted trees, which are as many as leave held-out rows most likely.

    Five, ten, twenty, forty or all of 60 stages by default; the later trees are cut off, which costs no other fit.
    Beside what ``TreeEncoder`` keeps, ``num_stages_`` tells how many.

    Args:
        num_stages: At most; a stage adds one tree, or one for each of more than two classes.
        max_leaf_nodes: Leaves of a tree.
        learning_rate: Of every stage.
        num_folds: Inner folds; all stages are kept if every class has one row.
        random_state: Of the folds.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(300, 2))
        >>> encoder = BoostedEncoder(random_state=0).fit(X, X[:, 0] > 0.5)
        >>> encoder.num_stages_ in (5, 10, 20, 40, 60)
        True

    Reference: Friedman (2001), Greedy function approximation: a gradient boosting machine.
    """

    def __init__(
        self,
        num_stages: int = 60,
        max_leaf_nodes: int = 4,
        learning_rate: float = 0.2,
        num_folds: int = 3,
        random_state: Any = None,
    ) -> None:
        self.num_stages = num_stages
        self.max_leaf_nodes = max_leaf_nodes
        self.learning_rate = learning_rate
        self.num_folds = num_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> BoostedEncoder:
        """Fit the trees to an array or DataFrame ``(rows, columns)`` and its labels, and cut off the late ones.

        Rows count by their weights as in ``TreeEncoder``, also where they are held out.
        """
        check_count("num_folds", self.num_folds, minimum=2)
        X, y, sample_weight = counted(X, y, sample_weight)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        fold = stratified_folds(np.unique(y, return_inverse=True)[1], self.num_folds, seed)
        self.fit_held_out(X, y, fold, sample_weight)
        return self

    def _settings(self) -> Sequence[float]:
        return sorted({max(1, round(step * self.num_stages)) for step in _STEPS})

    def _unchosen(self) -> float:
        return self.num_stages

    def _path(self, X: Any, states: np.ndarray, classes: np.ndarray, sample_weight: np.ndarray | None) -> _Path:
        check_count("num_stages", self.num_stages, minimum=1)
        return _Path(TreeEncoder(self._unfitted()).fit(X, states, sample_weight), classes, self.num_stages)

    def _unfitted(self) -> Any:
        return HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_iter=self.num_stages,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=10,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=0,
        )


class _Path:
    """Trees of some rows, of which fewer may be kept."""

    def __init__(self, whole: TreeEncoder, classes: np.ndarray, num_stages: int) -> None:
        self.whole, self.classes, self.num_stages = whole, classes, num_stages

    def features(self, X: Any) -> np.ndarray:
        return self.whole._features(X)

    def probabilities(self, setting: float, features: np.ndarray) -> np.ndarray:
        scores = self._first(setting).scores(features)
        return scores if self.whole.is_forest_ else logistic_probabilities(scores)

    def keep(self, encoder: BoostedEncoder, setting: float) -> None:
        encoder.columns_, encoder.used_, encoder.only_gaps_ = (
            self.whole.columns_,
            self.whole.used_,
            self.whole.only_gaps_,
        )
        encoder.is_forest_, encoder.classes_ = self.whole.is_forest_, self.classes
        encoder.num_stages_, encoder.trees_ = int(setting), self._first(setting)

    def _first(self, num_stages: float) -> TreeEnsemble:
        trees = self.whole.trees_
        return first_trees(trees, int(num_stages) * len(trees.roots) // self.num_stages)


def first_trees(trees: TreeEnsemble, num_trees: int) -> TreeEnsemble:
    """The ensemble of the first trees alone, and of their nodes."""
    if num_trees >= len(trees.roots):
        return trees
    nodes = ("feature", "threshold", "left", "right", "missing_go_left", "values")
    cut = {name: getattr(trees, name)[: trees.roots[num_trees]] for name in nodes}
    return replace(trees, **cut, roots=trees.roots[:num_trees], outputs=trees.outputs[:num_trees])
