"""Non-negative factorization of a table with gaps, by coordinate descent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..checks import invalid
from .factorization import check_rank, check_width, normal_equations, observed_cells, residual

_SWEEPS = 4  # over the coordinates of one factor before the other has its turn


@dataclass(frozen=True, eq=False)
class NonnegativeFactors:
    """Parts that rows are sums of: ``components`` (num_components, columns), at least zero.

    ``penalty`` is the weight of a squared score, in the units of the table.
    """

    components: np.ndarray
    penalty: float

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Scores ``(rows, num_components)``, at least zero, of rows with gaps; zero where nothing was observed."""
        table, observed = _nonnegative(values)
        check_width(table, self.components)
        products, moments = normal_equations(table, observed, self.components)
        scores = np.zeros_like(moments)
        for _ in range(250):
            before = scores.copy()
            _descend(scores, products, moments, self.penalty, _SWEEPS)
            if np.abs(scores - before).max(initial=0.0) <= 1e-10 * np.abs(scores).max(initial=0.0):
                break
        return scores

    def inverse_transform(self, scores: np.ndarray) -> np.ndarray:
        """The complete rows ``(rows, columns)`` that scores stand for."""
        return scores @ self.components


def fit_nonnegative(
    values: np.ndarray, num_components: int, ridge: float = 0.1, num_iterations: int = 500, tolerance: float = 1e-5
) -> NonnegativeFactors:
    """Non-negative scores and components whose product is near the observed cells; the other cells do not count.

    The answer is a local optimum, and the same for the same table: descent starts from the positive parts of singular
    vectors. Gaps are taken to say nothing: where they depend on the values they hide, the fit is biased.

    Args:
        values: ``(rows, columns)``, at least zero; ``nan`` is a gap.
        num_components: The number of parts.
        ridge: Weight of the squared factors, in units of the root mean square of the observed cells.
        num_iterations: Rounds at most.
        tolerance: Relative fall of the penalized error at which the rounds end.

    Raises:
        ValueError: If a value is negative or infinite, none is observed, or there are too many components.

    Example:
        >>> table = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 2.0])
        >>> table[0, 2] = nan
        >>> fitted = fit_nonnegative(table, 1, ridge=0.0)
        >>> fitted.inverse_transform(fitted.transform(table))[0].round(3)
        array([1., 0., 2.])

    Reference: Cichocki and Phan (2009), Fast local algorithms for large scale nonnegative matrix and tensor
    factorizations; Boutsidis and Gallopoulos (2008), SVD based initialization.
    """
    table, observed = _nonnegative(values)
    check_rank(num_components, table, observed, ridge)
    penalty = ridge * float(np.sqrt((table**2).sum() / observed.sum()))
    means = table.sum(axis=0) / np.maximum(observed.sum(axis=0), 1)
    scores, components = _start(np.where(observed, table, means), num_components)
    last = np.inf
    for _ in range(num_iterations):
        _descend(scores, *normal_equations(table, observed, components), penalty, _SWEEPS)
        columns = np.ascontiguousarray(components.T)
        _descend(columns, *normal_equations(table.T, observed.T, scores.T), penalty, _SWEEPS)
        components = columns.T
        error = residual(table, observed, scores, components) + penalty * ((scores**2).sum() + (components**2).sum())
        if last - error <= tolerance * error or error <= tolerance**2 * (table**2).sum():
            break
        last = error
    return NonnegativeFactors(np.ascontiguousarray(components), penalty)


def _descend(scores: np.ndarray, products: np.ndarray, moments: np.ndarray, penalty: float, num_sweeps: int) -> None:
    """Set each score in turn to its best value at least zero, in place."""
    for _ in range(num_sweeps):
        for j in range(scores.shape[1]):
            own = products[:, j, j]
            pull = moments[:, j] - np.einsum("rk,rk->r", products[:, j], scores) + own * scores[:, j]
            curvature = own + penalty
            scores[:, j] = np.where(curvature > 0, np.maximum(pull, 0.0) / np.where(curvature > 0, curvature, 1.0), 0.0)


def _start(table: np.ndarray, num_components: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each pair of singular vectors, the larger of the positive and the negative part."""
    left, singular, right = np.linalg.svd(table, full_matrices=False)
    scores, components = np.zeros((len(table), num_components)), np.zeros((num_components, table.shape[1]))
    for j in range(num_components):
        sides = [(np.maximum(sign * left[:, j], 0), np.maximum(sign * right[j], 0)) for sign in (1, -1)]
        column, row = max(sides, key=lambda pair: np.linalg.norm(pair[0]) * np.linalg.norm(pair[1]))
        share = np.sqrt(singular[j])
        scores[:, j], components[j] = share * column, share * row
    return scores, components


def _nonnegative(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    table, observed = observed_cells(values)
    if table.min(initial=0.0) < 0:
        raise invalid("values", "be at least 0", table.min())
    return table, observed
