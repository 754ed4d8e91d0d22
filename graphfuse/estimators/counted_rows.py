"""The rows that count in a fit, and how much: weights that users give, checked, without the rows of weight zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import invalid
from ..learning.cross_fit import take_rows


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
