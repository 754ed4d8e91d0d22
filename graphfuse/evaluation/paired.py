"""Is one model better than another? Tests of paired differences, and what many tests at once do to their p-values."""

from __future__ import annotations

from math import copysign, inf
from typing import TYPE_CHECKING

import numpy as np

from ..checks import check_count, invalid
from .intervals import mean_and_error

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def corrected_t_test(differences: ArrayLike, test_fraction: float) -> tuple[float, float]:
    """Whether the mean difference over random splits of one data set is zero, by a two-sided t test.

    The variance of the mean is that of ``mean_interval``, so the p-value is below 1 minus the level exactly if the
    interval at that level leaves out zero. Differences that are all equal have no variance: if they are all zero the
    statistic is 0 and the p-value 1, else the statistic is infinite and the p-value 0.

    Args:
        differences: Score of one model minus that of the other, one a split, ``(num_splits,)``.
        test_fraction: The share of all rows that a split holds out, strictly between 0 and 1.

    Returns:
        The statistic and the p-value.

    Raises:
        ValueError: As for ``mean_interval``.

    Example:
        >>> statistic, p_value = corrected_t_test([0.02, 0.04, 0.01, 0.05, 0.03], test_fraction=0.2)
        >>> round(statistic, 3), round(p_value, 3)
        (2.828, 0.047)

    Reference: Nadeau and Bengio (2003), Inference for the generalization error.
    """
    from scipy.stats import t

    mean, error, num_splits = mean_and_error("differences", differences, test_fraction)
    statistic = mean / error if error else copysign(inf, mean) if mean else 0.0
    return statistic, 2.0 * float(t.sf(abs(statistic), num_splits - 1))


def wilcoxon_test(differences: ArrayLike) -> float:
    """The two-sided p-value of Wilcoxon's signed-rank test that differences lie symmetrically about zero.

    Differences must be independent, as of different data sets; those of splits of one data set are not. Zeros are
    ranked and then dropped, after Pratt; if all are zero the p-value is 1. Whether the p-value is exact or by a normal
    approximation, which many differences or tied ones bring about, is left to ``scipy.stats.wilcoxon``. Differences tie
    only if exactly equal, so round those of rounded scores.

    Args:
        differences: Score of one model minus that of the other, ``(num_differences,)``.

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: If there is no difference, or one is not finite.

    Example:
        >>> wilcoxon_test([0.02, 0.04, 0.01, 0.05, 0.03])
        0.0625

    Reference: Wilcoxon (1945), Individual comparisons by ranking methods; Pratt (1959), Remarks on zeros and ties in
    the Wilcoxon signed rank procedures.
    """
    from scipy.stats import wilcoxon

    found = _numbers("differences", differences)
    if not np.isfinite(found).all():
        raise invalid("differences", "be finite", float(found[~np.isfinite(found)][0]))
    return float(wilcoxon(found, zero_method="pratt").pvalue) if found.any() else 1.0


def holm(p_values: ArrayLike) -> list[float]:
    """P-values adjusted so that, rejecting those up to a level, a false rejection is at most as likely as the level.

    The smallest of m is multiplied by m, the next by m - 1 and so on; none falls below a smaller one's, or above 1. It
    holds however the tests depend on each other.

    Args:
        p_values: One a test, ``(num_tests,)``.

    Returns:
        Adjusted p-values, in the order given.

    Raises:
        ValueError: If there is no p-value, or one is not between 0 and 1.

    Example:
        >>> [round(each, 3) for each in holm([0.04, 0.01, 0.03])]
        [0.06, 0.03, 0.06]

    Reference: Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    found = _numbers("p_values", p_values)
    outside = found[~((found >= 0.0) & (found <= 1.0))]
    if len(outside):
        raise invalid("p_values", "be between 0 and 1", float(outside[0]))
    order = found.argsort()
    adjusted = np.empty_like(found)
    adjusted[order] = np.maximum.accumulate(found[order] * np.arange(len(found), 0, -1)).clip(max=1.0)
    return [float(each) for each in adjusted]


def _numbers(argument: str, values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1:
        raise invalid(argument, "have one dimension", f"shape {numbers.shape}")
    check_count(f"the number of {argument}", len(numbers))
    return numbers
