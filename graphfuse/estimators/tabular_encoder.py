"""The default encoder: regularized logistic regression over columns of any kind, with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..encoders.logistic import logistic_probabilities
from ..threads import share_out
from .columns import Column, ScaledRows, learn_columns, scaled
from .counted_rows import counted
from .logistic_fit import FAIR, ROUGH, STRENGTHS, Regression, fit_logistic
from .table_encoder import TunedEncoder

_AT_ONCE = 512  # rows that stay in a processor's cache


class TabularEncoder(TunedEncoder):
    """Scales numbers, one-hot encodes text and categories, marks what is missing, and fits a logistic regression.

    Missing numbers are set to the mean beside an indicator; a missing or new category is none of the known ones; a
    column without any value in ``fit`` says nothing. The strength of the regularization is chosen by inner
    cross-validation of the log-likelihood. What is learned is kept as plain arrays: ``columns_``, ``coef_``,
    ``intercept_``, ``classes_``, and the strength ``C_``.

    Args:
        num_folds: Inner folds; fewer when a class has fewer rows, and the strength is 1 when it has one.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"age": [40.0, None, 61.0, 58.0], "sex": ["f", "m", "m", None]})
        >>> TabularEncoder().fit(frame, ["no", "no", "yes", "yes"]).predict(frame).shape
        (4,)

    Reference: Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, sections 4.4 and 7.10.
    """

    def __init__(self, num_folds: int = 5) -> None:
        self.num_folds = num_folds

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TabularEncoder:
        """Learn the columns, then the regression, from an array or DataFrame ``(rows, columns)`` and its labels.

        A weight says for how many rows one counts; one of weight zero is as if it were absent.
        """
        X, y, sample_weight = counted(X, y, sample_weight)
        self.columns_ = learn_columns(X, sample_weight)
        fitted = fit_logistic(scaled(self.columns_, X), y, self.num_folds, sample_weight)
        self.coef_, self.intercept_, self.classes_, self.C_ = fitted.coef, fitted.intercept, fitted.classes, fitted.C
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(rows, num_classes)``."""
        check_is_fitted(self)
        rows, coef = ScaledRows(self.columns_, X), self.coef_.T
        scores = np.empty((len(rows), len(self.intercept_)))

        def score(start: int, stop: int) -> None:
            features = np.empty((_AT_ONCE, rows.width))
            for first in range(start, stop, _AT_ONCE):
                some = features[: stop - first]
                rows.write(first, some)
                np.matmul(some, coef, out=scores[first : first + len(some)])

        share_out(score, len(rows))
        return logistic_probabilities(scores + self.intercept_)

    def _settings(self) -> Sequence[float]:
        return STRENGTHS.tolist()

    def _path(self, X: Any, states: np.ndarray, classes: np.ndarray, sample_weight: np.ndarray | None) -> _Path:
        return _Path(X, states, classes, sample_weight)


class _Path:
    """A regression over the columns of some rows, for whichever strength."""

    def __init__(self, X: Any, states: np.ndarray, classes: np.ndarray, sample_weight: np.ndarray | None) -> None:
        self.columns: tuple[Column, ...] = learn_columns(X, sample_weight)
        self.regression = Regression(scaled(self.columns, X), states, classes, sample_weight)

    def features(self, X: Any) -> np.ndarray:
        return scaled(self.columns, X)

    def probabilities(self, setting: float, features: np.ndarray) -> np.ndarray:
        return self.regression.solve(setting, ROUGH).probabilities(features)

    def keep(self, encoder: TabularEncoder, setting: float) -> None:
        fitted = self.regression.solve(setting, FAIR)
        encoder.columns_, encoder.coef_, encoder.intercept_ = self.columns, fitted.coef, fitted.intercept
        encoder.classes_, encoder.C_ = fitted.classes, fitted.C
