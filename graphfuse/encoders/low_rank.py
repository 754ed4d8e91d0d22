"""Truncated singular value decomposition of a table with gaps, by alternating ridge regressions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .factorization import check_rank, check_width, normal_equations, observed_cells, residual

_EASED = 20  # rounds in which the ridge falls to what was asked for, by halves: a shortcut past poor optima


@dataclass(frozen=True, eq=False)
class LowRank:
    """A subspace that rows lie near: orthonormal ``components`` (num_components, columns), ``singular_values``.

    ``penalty`` is the weight of a squared score over its singular value, in the units of the table.
    """

    components: np.ndarray
    singular_values: np.ndarray
    penalty: float

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Scores ``(rows, num_components)`` of rows with gaps ``(rows, columns)``; zero where nothing was observed.

        Each row is regressed on the components over its observed cells, and components with small singular values
        are shrunk the most. Without gaps and penalty this is the projection.
        """
        table, observed = observed_cells(values)
        check_width(table, self.components)
        scale = np.sqrt(self.singular_values)
        return _ridge(table, observed, self.components * scale[:, None], self.penalty) * scale

    def inverse_transform(self, scores: np.ndarray) -> np.ndarray:
        """The complete rows ``(rows, columns)`` that scores stand for."""
        return scores @ self.components


def fit_low_rank(
    values: np.ndarray, num_components: int, ridge: float = 0.1, num_iterations: int = 500, tolerance: float = 1e-9
) -> LowRank:
    """The low-rank table nearest to the observed cells, whose other cells do not count.

    On a complete table with ``ridge`` zero this is the truncated singular value decomposition, without centering. With
    gaps the problem is not convex, and the answer is a local optimum, the same for the same table. Gaps
    are taken to say nothing: where they depend on the values they hide, the fit is biased. Columns of large values
    dominate; scale them before.

    Args:
        values: ``(rows, columns)``; ``nan`` is a gap.
        num_components: The rank.
        ridge: Weight of the squared factors, in units of the root mean square of the observed cells. More is safer
            with many gaps or much noise.
        num_iterations: Rounds at most, once the ridge has fallen to what is asked for.
        tolerance: Relative fall of the penalized error at which the rounds end.

    Raises:
        ValueError: If ``values`` has another shape, an infinity or no observed cell, or the rank is too high.

    Example:
        >>> table = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, -1.0, 2.0])
        >>> table[0, 2] = nan
        >>> fitted = fit_low_rank(table, 1, ridge=0.0)
        >>> fitted.inverse_transform(fitted.transform(table))[0].round(3)
        array([ 1., -1.,  2.])

    Reference: Hastie, Mazumder, Lee and Zadeh (2015), Matrix completion and low-rank SVD via fast alternating least
    squares.
    """
    table, observed = observed_cells(values)
    check_rank(num_components, table, observed, ridge)
    unit = float(np.sqrt((table**2).sum() / observed.sum()))
    left, singular, right = np.linalg.svd(table, full_matrices=False)
    components = right[:num_components] * np.sqrt(singular[:num_components, None] / observed.mean())
    last = np.inf
    for round_ in range(_EASED + num_iterations):
        penalty = unit * max(ridge, 2.0**-round_ if round_ < _EASED else 0.0)
        scores = _ridge(table, observed, components, penalty)
        components = _ridge(table.T, observed.T, scores.T, penalty).T
        error = residual(table, observed, scores, components) + penalty * ((scores**2).sum() + (components**2).sum())
        if round_ >= _EASED and (last - error <= tolerance * error or error <= tolerance**2 * (table**2).sum()):
            break
        last = error
    left, within = np.linalg.qr(components.T)
    _, singular, turn = np.linalg.svd(scores @ within.T, full_matrices=False)
    axes = turn @ left.T
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1, keepdims=True), axis=1)
    return LowRank(np.where(largest < 0, -axes, axes), singular, ridge * unit)


def _ridge(table: np.ndarray, observed: np.ndarray, components: np.ndarray, penalty: float) -> np.ndarray:
    """Of every row, the scores that fit its observed cells best, ``(rows, num_components)``."""
    products, moments = normal_equations(table, observed, components)
    jitter = 1e-12 * (components**2).sum() + np.finfo(np.float64).tiny  # a row may have fewer cells than components
    return np.linalg.solve(products + (penalty + jitter) * np.eye(len(components)), moments[:, :, None])[:, :, 0]
