"""The rows that count in a fit, and how much: weights that users give, checked, without the rows of weight zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import invalid
from ..learning.cross_fit import take_rows


@dataclass(frozen=True, eq=False)
class CountedRows:
    """The rows that count in a fit, how much, and what they belong to.

    Args:
        rows: Which of the rows of X, by index.
        sample_weight: How much each of them counts, positive ``(rows,)`` and of mean one; alike if None.
        groups: What each of them belongs to, as numbers ``(rows,)``; every row alone if None.
    """

    rows: np.ndarray
    sample_weight: np.ndarray | None
    groups: np.ndarray | None

    def some(self, places: np.ndarray) -> CountedRows:
        """Some of these rows, by index among them; the mean of their weights is one again."""
        weights = None if self.sample_weight is None else self.sample_weight[places]
        if weights is not None:
            weights = None if (weights == weights[:1]).all() else weights / weights.mean()
        return CountedRows(self.rows[places], weights, None if self.groups is None else self.groups[places])


def counted_rows(sample_weight: Any, groups: Any, num_rows: int) -> CountedRows:
    """The rows of positive weight of a fit.

    Args:
        sample_weight: As users give it, at least 0 ``(rows,)``; None where all rows count alike.
        groups: As users give it, the name of what each row belongs to ``(rows,)``; None where every row is alone.
        num_rows: Rows of X.

    Raises:
        ValueError: As for ``checked_weights`` and ``group_numbers``.
        TypeError: If weights are no numbers.

    Example:
        >>> found = counted_rows([0.0, 1.0, 3.0], ["ann", "bob", "ann"], 3)
        >>> found.rows, found.sample_weight, found.groups
        (array([1, 2]), array([0.5, 1.5]), array([1, 0]))
    """
    rows, weights = relative_weights(sample_weight, num_rows)
    return CountedRows(rows, weights, None if groups is None else group_numbers(groups, num_rows)[rows])


def checked_weights(sample_weight: Any, num_rows: int) -> np.ndarray:
    """Weights as float64 ``(rows,)``.

    Raises:
        ValueError: If they are not one finite number of at least 0 per row, or all are zero.
        TypeError: If they are no numbers.
    """
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        found = type(sample_weight).__name__
        raise invalid("sample_weight", "be numbers, one per row of X, or None", f"a {found}", TypeError) from None
    if weights.shape != (num_rows,):
        raise invalid("sample_weight", f"have shape ({num_rows},), one weight per row of X", f"{weights.shape}")
    refused = ~np.isfinite(weights) | (weights < 0)
    if refused.any():
        raise invalid("sample_weight", "be finite and at least 0", float(weights[refused.argmax()]))
    if not weights.any():
        raise invalid("sample_weight", "be above 0 in at least one row", "weights that are all zero")
    return weights


def relative_weights(sample_weight: Any, num_rows: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows of positive weight, by index, and their weights, of mean one; None for weights that are all the same.

    Example:
        >>> relative_weights([0.0, 1.0, 3.0], 3)
        (array([1, 2]), array([0.5, 1.5]))
        >>> relative_weights(None, 3)
        (array([0, 1, 2]), None)
    """
    if sample_weight is None:
        return np.arange(num_rows), None
    weights = checked_weights(sample_weight, num_rows)
    weights = weights / weights.max()  # so that no sum overflows
    rows = np.flatnonzero(weights)
    kept = weights[rows]
    return rows, None if (kept == 1).all() else kept / kept.mean()


def group_numbers(groups: Any, num_rows: int) -> np.ndarray:
    """What each row belongs to, as numbers ``(rows,)`` in the order of the sorted names.

    Raises:
        ValueError: If there is not one group per row.

    Example:
        >>> group_numbers(["ann", "bob", "ann"], 3)
        array([0, 1, 0])
    """
    names = np.asarray(groups)
    if names.shape != (num_rows,):
        raise invalid("groups", f"have shape ({num_rows},), one group per row of X", f"{names.shape}")
    return np.unique(names.astype(str), return_inverse=True)[1]


def counted(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, np.ndarray | None]:
    """Rows of positive weight of a table and its labels, and their weights; None for weights that are all one.

    Args:
        X: Array or DataFrame ``(rows, columns)``.
        y: Labels ``(rows,)``.
        sample_weight: For how many rows each one counts ``(rows,)``; None leaves all as it is.

    Raises:
        ValueError: As for ``checked_weights``, or if there is not one label per row.
    """
    if sample_weight is None:
        return X, y, None
    weights, labels = checked_weights(sample_weight, np.shape(X)[0]), np.asarray(y)
    if len(labels) != len(weights):
        raise invalid("y", f"have one label per row of X, {len(weights)}", f"{len(labels)} labels")
    if not weights.all():
        rows = np.flatnonzero(weights)
        X, labels, weights = take_rows(X if hasattr(X, "iloc") else np.asarray(X), rows), labels[rows], weights[rows]
    return X, labels, None if (weights == 1).all() else weights
