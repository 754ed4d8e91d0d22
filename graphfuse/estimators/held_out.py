"""How likely rows are that were held out, and whether one model makes them more likely than another beyond chance."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

import numpy as np

from ..learning.sample_weights import weights_of_rows

_STANDARD_ERRORS = 1.0  # by which a model must improve on another one to be preferred
_ROUNDING = 1e-9  # nats, of models that say the same


@dataclass(frozen=True, eq=False)
class HeldOutLoss:
    """The negative log-likelihood of rows that a model was not fitted to.

    Args:
        values: In nats ``(rows,)``.
        weights: How much each row counts ``(rows,)``.
        groups: What each row belongs to ``(rows,)``; rows of one group are not independent.
    """

    values: np.ndarray
    weights: np.ndarray
    groups: np.ndarray

    @property
    def mean(self) -> float:
        """By the weights, in nats; ``nan`` without rows."""
        return mean_and_error(self.values, self.weights, self.groups)[0]

    def improvement_on(self, other: HeldOutLoss) -> tuple[float, float]:
        """How far the mean is lower than that of another model on the same rows, and its standard error, in nats."""
        return mean_and_error(other.values - self.values, self.weights, self.groups)

    def improves_on(self, other: HeldOutLoss) -> bool:
        """Whether it is lower by more than one standard error of the paired difference, and by more than rounding.

        Reference: Breiman et al. (1984), Classification and Regression Trees, section 3.4.3.
        """
        gain, error = self.improvement_on(other)
        return gain > max(_STANDARD_ERRORS * error, _ROUNDING)


def mean_and_error(values: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """The weighted mean of values ``(rows,)`` and its standard error, where rows of one group are not independent.

    With one group the error is infinite; without rows both are ``nan``.

    Example:
        >>> mean_and_error(np.array([1.0, 3.0]), np.ones(2), np.arange(2))
        (2.0, 1.0)
        >>> mean_and_error(np.array([1.0, 1.0, 3.0, 3.0]), np.ones(4), np.array([0, 0, 1, 1]))
        (2.0, 1.0)

    Reference: Liang and Zeger (1986), Longitudinal data analysis using generalized linear models.
    """
    if not len(values):
        return nan, nan
    mean = float(np.average(values, weights=weights))
    _, group = np.unique(groups, return_inverse=True)
    sums = np.bincount(group, weights * (values - mean))
    if len(sums) < 2:
        return mean, inf
    return mean, float(np.sqrt(len(sums) / (len(sums) - 1) * np.square(sums).sum()) / weights.sum())


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
