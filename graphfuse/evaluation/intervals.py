"""How sure a mean score is, when it comes from repeated random splits of one data set."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from ..checks import check_count, invalid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def mean_interval(values: ArrayLike, test_fraction: float, level: float = 0.95) -> tuple[float, float]:
    """The mean of a score over random splits, and the half-width of its confidence interval.

    Splits of one data set share most of their training rows, so their scores are correlated and the usual t interval is
    far too narrow; here the variance of the mean is ``(1 / J + n_test / n_train)`` times the variance of the J scores.
    Scores of folds of a cross-validation with K folds are a case of it, with a test fraction of 1 / K.

    Args:
        values: One score a split, ``(num_splits,)``; of two models, the differences of their scores.
        test_fraction: The share of all rows that a split holds out, strictly between 0 and 1.
        level: Coverage of the interval, strictly between 0 and 1.

    Returns:
        The mean and the half-width, both in the unit of the scores.

    Raises:
        ValueError: If there are fewer than two scores, one is not finite, or a fraction is not between 0 and 1.

    Example:
        >>> mean, half_width = mean_interval([0.80, 0.84, 0.82, 0.86, 0.78], test_fraction=0.2)
        >>> round(mean, 3), round(half_width, 3)
        (0.82, 0.059)

    Reference: Nadeau and Bengio (2003), Inference for the generalization error.
    """
    from scipy.stats import t

    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1:
        raise invalid("values", "have one dimension, one score a split", f"shape {scores.shape}")
    check_count("the number of values", len(scores), 2)
    if not np.isfinite(scores).all():
        raise invalid("values", "be finite", float(scores[~np.isfinite(scores)][0]))
    for argument, value in (("test_fraction", test_fraction), ("level", level)):
        if not 0.0 < value < 1.0:
            raise invalid(argument, "lie strictly between 0 and 1", value)
    factor = 1.0 / len(scores) + test_fraction / (1.0 - test_fraction)
    quantile = float(t.ppf((1.0 + level) / 2.0, len(scores) - 1))
    return float(scores.mean()), quantile * sqrt(factor * float(scores.var(ddof=1)))
