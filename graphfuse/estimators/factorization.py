"""Low-rank representations of tables with gaps, to put in front of any encoder of a scikit-learn pipeline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ..checks import check_count
from ..encoders.low_rank import LowRank, fit_low_rank
from ..encoders.nonnegative import NonnegativeFactors, fit_nonnegative


class _Factorization(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """Fits factors to the observed cells, and turns rows with gaps into scores without gaps."""

    def __init__(self, num_components: int = 2, ridge: float = 0.1) -> None:
        self.num_components = num_components
        self.ridge = ridge

    @abstractmethod
    def _learn(self, table: np.ndarray, num_components: int) -> LowRank | NonnegativeFactors:
        """The factors of a table."""

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn the components of a table ``(rows, columns)``; ``nan`` is a gap, ``y`` is not read."""
        check_count("num_components", self.num_components)
        table = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        self.factors_ = self._learn(table, min(self.num_components, *table.shape))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Scores ``(rows, num_components)``, without gaps."""
        check_is_fitted(self)
        return self.factors_.transform(
            validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        )

    def inverse_transform(self, X: Any) -> np.ndarray:
        """The complete rows ``(rows, columns)`` that scores ``(rows, num_components)`` stand for."""
        check_is_fitted(self)
        return self.factors_.inverse_transform(np.asarray(X, dtype=np.float64))

    @property
    def components_(self) -> np.ndarray:
        """Components ``(num_components, columns)``."""
        return self.factors_.components

    @property
    def _n_features_out(self) -> int:
        return len(self.factors_.components)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class MaskedSVD(_Factorization):
    """Truncated singular value decomposition over the observed cells.

    On a complete table with ``ridge`` zero the scores are those of scikit-learn's ``TruncatedSVD``, up to the sign of
    a component. Nothing is centered or scaled; ``StandardScaler`` before it does both and keeps gaps.

    Args:
        num_components: Scores per row; fewer if the table has fewer rows or columns.
        ridge: As for ``encoders.low_rank.fit_low_rank``.

    Example:
        >>> table = np.outer(np.arange(1.0, 7.0), [1.0, -1.0, 2.0])
        >>> table[0, 2] = nan
        >>> MaskedSVD(1, ridge=0.0).fit_transform(table).ravel().round(2)
        array([ 2.45,  4.9 ,  7.35,  9.8 , 12.25, 14.7 ])

    Reference: Hastie, Mazumder, Lee and Zadeh (2015), Matrix completion and low-rank SVD via fast alternating least
    squares.
    """

    def _learn(self, table: np.ndarray, num_components: int) -> LowRank:
        return fit_low_rank(table, num_components, self.ridge)


class MaskedNMF(_Factorization):
    """Non-negative matrix factorization over the observed cells.

    Args:
        num_components: Scores per row; fewer if the table has fewer rows or columns.
        ridge: As for ``encoders.nonnegative.fit_nonnegative``.

    Raises:
        ValueError: If a value is negative.

    Example:
        >>> table = np.outer(np.arange(1.0, 7.0), [1.0, 0.0, 2.0])
        >>> table[0, 2] = nan
        >>> scores = MaskedNMF(1, ridge=0.0).fit_transform(table).ravel()
        >>> (scores / scores[0]).round(2)
        array([1., 2., 3., 4., 5., 6.])

    Reference: Cichocki and Phan (2009), Fast local algorithms for large scale nonnegative matrix and tensor
    factorizations.
    """

    def _learn(self, table: np.ndarray, num_components: int) -> NonnegativeFactors:
        if np.fmin.reduce(table, axis=None) < 0:
            raise ValueError(f"Negative values in data passed to {type(self).__name__}: X must be at least 0.")
        return fit_nonnegative(table, num_components, self.ridge)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags
