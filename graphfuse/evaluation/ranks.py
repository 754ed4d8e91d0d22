"""Many models on many data sets: mean ranks, whether they differ at all, and which of them do."""

from __future__ import annotations

from math import inf, sqrt
from typing import TYPE_CHECKING

import numpy as np

from ..checks import check_count, check_type, invalid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def mean_ranks(scores: ArrayLike, higher_is_better: bool) -> list[float]:
    """The rank of each model, averaged over blocks such as data sets; the best of a block has rank 1.

    Models with equal scores in a block share the mean of their ranks. Infinite scores are ranked like others.

    Args:
        scores: One a block and model, ``(num_blocks, num_models)``.
        higher_is_better: Whether a higher score is a better one.

    Returns:
        One mean rank a model, from 1 to ``num_models``.

    Raises:
        TypeError: If ``higher_is_better`` is neither True nor False.
        ValueError: If there is no block, there are fewer than two models, or a score is ``nan``.

    Example:
        >>> mean_ranks([[0.9, 0.8, 0.7], [0.6, 0.6, 0.5]], higher_is_better=True)
        [1.25, 1.75, 3.0]

    Reference: Demšar (2006), Statistical comparisons of classifiers over multiple data sets.
    """
    return [float(each) for each in _ranks(scores, higher_is_better).mean(0)]


def friedman_test(scores: ArrayLike, higher_is_better: bool) -> tuple[float, float]:
    """Whether all models rank alike, by Friedman's chi-squared with its correction for ties.

    The p-value is that of the chi-squared distribution, too coarse for few blocks and models, say below ten and five.
    If every block is one tie the statistic is 0 and the p-value 1.

    Args:
        scores: One a block and model, ``(num_blocks, num_models)``; blocks are independent, as data sets are.
        higher_is_better: Whether a higher score is a better one; the answer is the same for both.

    Returns:
        The statistic and the p-value.

    Raises:
        TypeError: As for ``mean_ranks``.
        ValueError: As for ``mean_ranks``.

    Example:
        >>> statistic, p_value = friedman_test([[0.9, 0.8, 0.7], [0.6, 0.5, 0.4], [0.8, 0.7, 0.9]], True)
        >>> round(statistic, 4), round(p_value, 4)
        (2.0, 0.3679)

    Reference: Friedman (1937), The use of ranks to avoid the assumption of normality implicit in the analysis of
    variance.
    """
    from scipy.stats import chi2

    ranks = _ranks(scores, higher_is_better)
    num_models = ranks.shape[1]
    off_center = ranks - (num_models + 1) / 2
    spread = float(np.square(off_center).sum())
    if not spread:
        return 0.0, 1.0
    statistic = (num_models - 1) * float(np.square(off_center.sum(0)).sum()) / spread
    return statistic, float(chi2.sf(statistic, num_models - 1))


def critical_difference(num_models: int, num_blocks: int, level: float = 0.05) -> float:
    """By how much mean ranks of two models must differ for the models to differ, by Nemenyi's test of all pairs.

    Args:
        num_models: How many models were ranked.
        num_blocks: In how many blocks, such as data sets.
        level: How likely one false difference or more may be, strictly between 0 and 1.

    Returns:
        A difference of mean ranks.

    Raises:
        TypeError: If a number is no integer.
        ValueError: If there are fewer than two models or no block, or the level is not between 0 and 1.

    Example:
        >>> round(critical_difference(num_models=4, num_blocks=14), 2)
        1.25

    Reference: Demšar (2006), Statistical comparisons of classifiers over multiple data sets.
    """
    from scipy.stats import studentized_range

    check_count("num_models", num_models, 2)
    check_count("num_blocks", num_blocks)
    if not 0.0 < level < 1.0:
        raise invalid("level", "lie strictly between 0 and 1", level)
    quantile = float(studentized_range.ppf(1.0 - level, num_models, inf)) / sqrt(2.0)
    return quantile * sqrt(num_models * (num_models + 1) / (6.0 * num_blocks))


def cliques(ranks: ArrayLike, difference: float) -> list[tuple[int, ...]]:
    """The largest groups of models whose mean ranks all lie closer together than the critical difference.

    Groups may overlap, and none lies within another; a model that differs from all others is in none.

    Args:
        ranks: One mean rank a model, ``(num_models,)``.
        difference: The critical difference, above 0.

    Returns:
        Groups of two models or more as their positions in ``ranks``, best rank first, within a group and among groups.

    Raises:
        ValueError: If there is no rank, a number is not finite, or the difference is not above 0.

    Example:
        >>> cliques([3.2, 1.0, 1.5, 2.4], difference=1.0)
        [(1, 2), (2, 3), (3, 0)]

    Reference: Demšar (2006), Statistical comparisons of classifiers over multiple data sets.
    """
    found = np.asarray(ranks, dtype=np.float64)
    if found.ndim != 1:
        raise invalid("ranks", "have one dimension, one mean rank a model", f"shape {found.shape}")
    check_count("the number of ranks", len(found))
    if not np.isfinite(found).all():
        raise invalid("ranks", "be finite", float(found[~np.isfinite(found)][0]))
    if not 0.0 < difference < inf:
        raise invalid("difference", "be finite and above 0", difference)
    order = found.argsort(kind="stable")
    groups, end = [], 0
    for start, first in enumerate(order):
        stop = int((found[order] - found[first] < difference).sum())  # the sorted ranks before it are all close enough
        if stop > max(end, start + 1):
            groups.append(tuple(int(each) for each in order[start:stop]))
            end = stop
    return groups


def _ranks(scores: ArrayLike, higher_is_better: bool) -> NDArray[np.float64]:
    from scipy.stats import rankdata

    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2:
        raise invalid("scores", "have shape (num_blocks, num_models)", table.shape)
    check_count("the number of blocks", table.shape[0])
    check_count("the number of models", table.shape[1], 2)
    if np.isnan(table).any():
        block, model = np.argwhere(np.isnan(table))[0]
        raise invalid("scores", "be free of nan", f"nan of model {model} in block {block}")
    check_type("higher_is_better", higher_is_better, (bool, np.bool_), "be True or False")
    return np.asarray(rankdata(-table if higher_is_better else table, axis=1), dtype=np.float64)
