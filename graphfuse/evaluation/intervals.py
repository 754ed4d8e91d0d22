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

    mean, error, num_splits = mean_and_error("values", values, test_fraction)
    if not 0.0 < level < 1.0:
        raise invalid("level", "lie strictly between 0 and 1", level)
    return mean, float(t.ppf((1.0 + level) / 2.0, num_splits - 1)) * error


def mean_and_error(argument: str, values: ArrayLike, test_fraction: float) -> tuple[float, float, int]:
    """The mean of scores over splits, its corrected standard error, and the number of splits."""
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1:
        raise invalid(argument, "have one dimension, one score a split", f"shape {scores.shape}")
    check_count(f"the number of {argument}", len(scores), 2)
    if not np.isfinite(scores).all():
        raise invalid(argument, "be finite", float(scores[~np.isfinite(scores)][0]))
    if not 0.0 < test_fraction < 1.0:
        raise invalid("test_fraction", "lie strictly between 0 and 1", test_fraction)
    if (scores == scores[0]).all():  # their mean may be rounded, which would leave a spread
        return float(scores[0]), 0.0, len(scores)
    factor = 1.0 / len(scores) + test_fraction / (1.0 - test_fraction)
    return float(scores.mean()), sqrt(factor * float(scores.var(ddof=1))), len(scores)
