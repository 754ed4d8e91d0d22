"""Inner folds that serve twice: they choose a strength, and leave honest probabilities for whatever weighs members."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from .logistic_fit import LogisticFit, _Regression

_ROUGH, _TIGHT = 1e-3, 1e-6  # gradients at which a fit stops, while strengths are compared and for the one chosen


def stratified_folds(states: np.ndarray, num_folds: int, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """The fold of every row ``(rows,)``, drawn so that the training part of every fold shows every class.

    A row that is alone in its class is held out by no fold, -1. No row is held out if all are alone.

    Args:
        states: Integer classes ``(rows,)``.
        num_folds: Folds at most; as many as the largest class has rows if that is fewer.
        seed: Of the draw.
        groups: Rows that stay together, and have one class; every row alone if None.

    Example:
        >>> stratified_folds(np.array([0, 1, 0, 1, 2]), 5, seed=0).max()
        np.int64(1)
        >>> stratified_folds(np.array([0, 1, 0, 1, 2]), 5, seed=0)[4]
        np.int64(-1)
    """
    if groups is not None:
        _, first, member_of = np.unique(groups, return_index=True, return_inverse=True)
        return stratified_folds(states[first], num_folds, seed)[member_of]
    counts = np.bincount(states)
    order = np.random.default_rng(seed).permutation(len(states))
    order = order[np.argsort(states[order], kind="stable")]
    order = order[counts[states[order]] > 1]
    fold = np.full(len(states), -1)
    fold[order] = np.arange(len(order)) % min(num_folds, counts.max())
    return fold


def mean_log_likelihood(probabilities: np.ndarray, states: np.ndarray) -> float:
    """Of states ``(rows,)`` under probabilities ``(rows, num_classes)``, in nats; rows of ``nan`` do not count."""
    known = probabilities[np.arange(len(states)), states]
    return float(np.log(np.maximum(known[~np.isnan(known)], np.finfo(np.float64).tiny)).mean())


def fit_logistic_held_out(
    features: np.ndarray, states: np.ndarray, classes: np.ndarray, fold: np.ndarray, strengths: Sequence[float]
) -> tuple[LogisticFit, np.ndarray]:
    """The regression of ``fit_logistic`` over given folds, and what it says of the rows that each fold holds out.

    The strength is the one of the best mean log-likelihood of held-out rows; the search ends early once it has fallen
    twice in a row. It is 1 if no row is held out.

    Args:
        features: ``(rows, num_features)``, finite and of similar scale.
        states: Integer classes ``(rows,)``, positions in ``classes``.
        classes: Labels, sorted.
        fold: As of ``stratified_folds``.
        strengths: Ascending.

    Returns:
        The fit to all rows; probabilities ``(rows, num_classes)`` at its strength, ``nan`` for rows never held out.

    Example:
        >>> features, states = np.arange(8.0)[:, None], np.arange(8) // 4
        >>> fitted, held = fit_logistic_held_out(features, states, np.array([0, 1]), np.arange(8) % 2, [0.1, 1.0])
        >>> fitted.C, held.shape
        (1.0, (8, 2))

    Reference: Wolpert (1992), Stacked generalization.
    """
    held = np.full((len(states), len(classes)), np.nan)
    with threadpool_limits(1, "blas"):  # the products are small: handing them to threads costs more than it saves
        parts = [
            (_Regression(features[fold != k], states[fold != k], classes), fold == k) for k in range(fold.max() + 1)
        ]
        scores: list[float] = []
        strength = 1.0
        for C in strengths if parts else ():
            found = np.full_like(held, np.nan)
            for regression, rows in parts:
                found[rows] = regression.solve(C, _ROUGH).probabilities(features[rows])
            scores.append(mean_log_likelihood(found, states))
            if scores[-1] == max(scores):
                held, strength = found, float(C)
            if len(scores) > 2 and scores[-1] < scores[-2] < scores[-3]:
                break
        return _Regression(features, states, classes).solve(strength, _TIGHT), held
