"""Folds of rows, and how likely rows are that were held out."""

from __future__ import annotations

import numpy as np

from ..learning.sample_weights import weights_of_rows


def stratified_folds(states: np.ndarray, num_folds: int, seed: int) -> np.ndarray:
    """The fold of every row ``(rows,)``, drawn so that the training part of every fold shows every class.

    A row that is alone in its class is held out by no fold, -1. No row is held out if all are alone.

    Args:
        states: Integer classes ``(rows,)``.
        num_folds: Folds at most; as many as the largest class has rows if that is fewer.
        seed: Of the draw.

    Example:
        >>> stratified_folds(np.array([0, 1, 0, 1, 2]), 5, seed=0).max()
        np.int64(1)
        >>> stratified_folds(np.array([0, 1, 0, 1, 2]), 5, seed=0)[4]
        np.int64(-1)
    """
    counts = np.bincount(states)
    order = np.random.default_rng(seed).permutation(len(states))
    order = order[np.argsort(states[order], kind="stable")]
    order = order[counts[states[order]] > 1]
    fold = np.full(len(states), -1)
    fold[order] = np.arange(len(order)) % min(num_folds, counts.max())
    return fold


def mean_log_likelihood(
    probabilities: np.ndarray, states: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Of states ``(rows,)`` under probabilities ``(rows, num_classes)``, in nats; rows of ``nan`` do not count.

    With weights ``(rows,)`` it is a weighted mean.
    """
    found = probabilities[np.arange(len(states)), states]
    known = ~np.isnan(found)
    log_likelihoods = np.log(np.maximum(found[known], np.finfo(np.float64).tiny))
    return float(np.average(log_likelihoods, weights=weights_of_rows(sample_weight, known)))
