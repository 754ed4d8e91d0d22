"""Folds of rows: every training part shows every class, and rows that belong together stay together."""

from __future__ import annotations

import numpy as np


def stratified_folds(states: np.ndarray, num_folds: int, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """The fold of every row ``(rows,)``, drawn so that the training part of every fold shows every class.

    A row that is alone in its class, or whose group is, is held out by no fold, -1. No row is held out if all are.

    Args:
        states: Integer classes ``(rows,)``.
        num_folds: Folds at most; as many as the commonest class has rows, or groups with some, if that is fewer.
        seed: Of the draw.
        groups: What each row belongs to ``(rows,)``, such as a person; rows of one group are in one fold.

    Example:
        >>> stratified_folds(np.array([0, 1, 0, 1, 2]), 5, seed=0).max()
        np.int64(1)
        >>> stratified_folds(np.array([0, 1, 0, 1, 2]), 5, seed=0)[4]
        np.int64(-1)
        >>> stratified_folds(np.array([0, 0, 1, 1, 0, 0, 1, 1]), 5, seed=0, groups=np.arange(8) // 2).tolist()
        [1, 1, 0, 0, 0, 0, 1, 1]
    """
    if groups is not None:
        return _grouped_folds(states, num_folds, seed, groups)
    counts = np.bincount(states)
    order = np.random.default_rng(seed).permutation(len(states))
    order = order[np.argsort(states[order], kind="stable")]
    order = order[counts[states[order]] > 1]
    fold = np.full(len(states), -1)
    fold[order] = np.arange(len(order)) % min(num_folds, counts.max())
    return fold


def _grouped_folds(states: np.ndarray, num_folds: int, seed: int, groups: np.ndarray) -> np.ndarray:
    """Groups are stratified by the class that most of their rows have."""
    _, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((group.max() + 1, states.max() + 1), dtype=np.int64)
    np.add.at(counts, (group, states), 1)
    num_folds = min(num_folds, (counts > 0).sum(axis=0).max())
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(counts[order].argmax(axis=1), kind="stable")]
    fold = np.empty(len(counts), dtype=np.int64)
    fold[order] = np.arange(len(order)) % num_folds
    for k in range(num_folds):
        lost = (counts[fold != k].sum(axis=0) == 0) & (counts.sum(axis=0) > 0)
        fold[(fold == k) & (counts[:, lost] > 0).any(axis=1)] = -1
    kept = np.unique(fold[fold >= 0])
    return np.where(fold >= 0, np.searchsorted(kept, fold), -1)[group]
