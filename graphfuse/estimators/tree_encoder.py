"""Boosted trees and forests of scikit-learn as an encoder that keeps arrays of nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.utils.validation import check_is_fitted

from ..checks import invalid, listed
from ..encoders.logistic import logistic_probabilities
from ..encoders.tree_ensemble import TreeEnsemble
from ..learning.sample_weights import class_frequencies
from .columns import learn_columns, with_gaps
from .counted_rows import counted
from .table_encoder import TableEncoder

_KINDS = (HistGradientBoostingClassifier, ExtraTreesClassifier, RandomForestClassifier)


class TreeEncoder(TableEncoder):
    """Fits an ensemble of trees, and keeps its nodes as plain arrays that are evaluated without scikit-learn.

    Gaps reach the trees as they are; text and categories are one-hot, as in ``TabularEncoder``. A column with one
    observed value is read as an indicator of its gaps, and left out if it has none; if nothing is left, every row gets
    the class frequencies. What is learned is kept as ``columns_``, ``used_``, ``only_gaps_``, ``trees_``,
    ``is_forest_`` and ``classes_``; probabilities equal those of the ensemble to rounding. Leaves of few rows are
    over-confident: score rows that the trees were not fitted on.

    Args:
        estimator: An unfitted ``HistGradientBoostingClassifier``, ``ExtraTreesClassifier`` or
            ``RandomForestClassifier``; the first, without early stopping (which needs rows of its own), if None.
        random_state: Seed of an estimator that has none of its own.

    Raises:
        TypeError: If the estimator is of another kind.

    Example:
        >>> X = np.array([[0.0, 1.0], [nan, 2.0], [3.0, nan], [4.0, 1.0]] * 20)
        >>> TreeEncoder(random_state=0).fit(X, [0, 0, 1, 1] * 20).predict(X[:4])
        array([0, 0, 1, 1])

    Reference: Friedman (2001), Greedy function approximation; Geurts, Ernst and Wehenkel (2006), Extremely randomized
    trees; Breiman (2001), Random forests.
    """

    def __init__(self, estimator: Any = None, random_state: Any = None) -> None:
        self.estimator = estimator
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TreeEncoder:
        """Fit the ensemble to an array or DataFrame ``(rows, columns)`` and its labels, and take its nodes.

        A row counts by its weight as in the ensemble, whose leaves hold rows whatever these weigh; one of weight zero
        is as if it were absent.
        """
        X, y, sample_weight = counted(X, y, sample_weight)
        self.columns_ = learn_columns(X, sample_weight)
        features = with_gaps(self.columns_, X)
        self.classes_, states = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise invalid("y", "have at least two classes", listed(self.classes_.tolist()))
        estimator = self._unfitted()
        lowest, highest = np.fmin.reduce(features), np.fmax.reduce(features)  # nan where nothing was observed
        self.only_gaps_ = (lowest == highest) & np.isnan(features).any(axis=0)
        self.used_ = self.only_gaps_ | (lowest < highest)
        self.is_forest_ = not isinstance(estimator, HistGradientBoostingClassifier)
        if not self.used_.any():
            self.is_forest_ = True
            self.trees_ = _no_trees(class_frequencies(states, len(self.classes_), sample_weight))
            return self
        estimator.fit(self._features(X), y, sample_weight)
        self.trees_ = forest_nodes(estimator) if self.is_forest_ else boosted_nodes(estimator)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(rows, num_classes)``."""
        check_is_fitted(self)
        scores = self.trees_.scores(self._features(X))
        return scores if self.is_forest_ else logistic_probabilities(scores)

    def _features(self, X: Any) -> np.ndarray:
        features = with_gaps(self.columns_, X)
        return np.where(self.only_gaps_, np.isnan(features), features)[:, self.used_]

    def _unfitted(self) -> Any:
        if self.estimator is None:
            return HistGradientBoostingClassifier(early_stopping=False, random_state=self.random_state)
        if not isinstance(self.estimator, _KINDS):
            must = f"be one of {listed(kind.__name__ for kind in _KINDS)}"
            raise invalid("estimator", must, repr(self.estimator), TypeError)
        estimator = clone(self.estimator)
        return estimator.set_params(random_state=self.random_state) if estimator.random_state is None else estimator


def boosted_nodes(estimator: HistGradientBoostingClassifier) -> TreeEnsemble:
    """The trees of a fitted booster, which add to the log-odds of two classes or to the logits of more.

    Raises:
        ValueError: If it splits categories of its own; pass it one-hot columns.
    """
    trees = [tree.nodes for stage in estimator._predictors for tree in stage]
    if any(nodes["is_categorical"].any() for nodes in trees):
        raise invalid(
            "estimator", "read categories one-hot", f"categorical_features={estimator.categorical_features!r}"
        )
    per_stage = len(estimator._predictors[0]) if trees else 1
    return _joined(
        [np.where(nodes["is_leaf"], -1, nodes["feature_idx"]) for nodes in trees],
        [nodes["num_threshold"] for nodes in trees],
        [nodes["left"] for nodes in trees],
        [nodes["right"] for nodes in trees],
        [nodes["missing_go_to_left"] for nodes in trees],
        [nodes["value"][:, None] for nodes in trees],
        np.arange(len(trees)) % per_stage,
        np.ravel(estimator._baseline_prediction),
    )


def forest_nodes(estimator: ExtraTreesClassifier | RandomForestClassifier) -> TreeEnsemble:
    """The trees of a fitted forest, each of which adds its share of the probability of every class."""
    trees = [tree.tree_ for tree in estimator.estimators_]
    nodes = [tree.__getstate__()["nodes"] for tree in trees]
    return _joined(
        [np.where(each["left_child"] < 0, -1, each["feature"]) for each in nodes],
        [_in_double_precision(each["threshold"]) for each in nodes],
        [each["left_child"] for each in nodes],
        [each["right_child"] for each in nodes],
        [each["missing_go_to_left"] for each in nodes],
        [tree.value[:, 0, :] / len(trees) for tree in trees],
        np.zeros(len(trees), dtype=np.int64),
        np.zeros(len(estimator.classes_)),
    )


def _joined(
    features: list[np.ndarray],
    thresholds: list[np.ndarray],
    lefts: list[np.ndarray],
    rights: list[np.ndarray],
    missing_go_left: list[np.ndarray],
    values: list[np.ndarray],
    outputs: np.ndarray,
    baseline: np.ndarray,
) -> TreeEnsemble:
    """Trees with children counted from their own root, as one ensemble."""
    sizes = np.array([len(feature) for feature in features])
    roots = np.cumsum(sizes) - sizes
    feature, own, first = np.concatenate(features), np.arange(sizes.sum()), np.repeat(roots, sizes)
    left, right = (
        np.where(feature < 0, own, np.concatenate(each).astype(np.int64) + first) for each in (lefts, rights)
    )
    return TreeEnsemble(
        feature,
        np.concatenate(thresholds).astype(np.float64),
        left,
        right,
        np.concatenate(missing_go_left).astype(bool),
        np.concatenate(values),
        roots,
        outputs,
        baseline,
    )


def _in_double_precision(threshold: np.ndarray) -> np.ndarray:
    """The largest doubles that pass the thresholds once rounded to single precision, as a forest rounds its inputs."""
    below = threshold.astype(np.float32)
    below = np.where(below > threshold, np.nextafter(below, np.float32(-np.inf)), below)
    middle = (below.astype(np.float64) + np.nextafter(below, np.float32(np.inf)).astype(np.float64)) / 2
    rounds_down = middle.astype(np.float32) == below  # a tie is rounded to the even neighbor
    return np.where(rounds_down, middle, np.nextafter(middle, -np.inf))


def _no_trees(probabilities: np.ndarray) -> TreeEnsemble:
    none = np.zeros(0, dtype=np.int64)
    return TreeEnsemble(none, none, none, none, none, np.zeros((0, 1)), none, none, probabilities)
