"""The default encoder: regularized logistic regression over columns of any kind, with gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.validation import check_is_fitted

from ..checks import invalid, listed
from ..data.frames import as_numbers, is_frame

_STRENGTHS = np.logspace(-4, 1, 6)


class TabularEncoder(ClassifierMixin, BaseEstimator):
    """Scales numbers, one-hot encodes text and categories, marks what is missing, and fits a logistic regression.

    Missing numbers are set to the mean beside an indicator; a missing or new category is none of the known ones; a
    column without any value in ``fit`` says nothing. The
    strength of the regularization is chosen by inner cross-validation of the log-likelihood.

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

    def fit(self, X: Any, y: Any) -> TabularEncoder:
        """Learn the columns, then the regression, from an array or DataFrame ``(rows, columns)`` and its labels."""
        self.columns_ = [_Column(values) for values in _columns(X)]
        features = self._features(X)
        classes, counts = np.unique(y, return_counts=True)
        if len(classes) < 2:
            raise invalid("y", "have at least two classes", listed(classes.tolist()))
        num_folds = min(self.num_folds, int(counts.min()))
        if num_folds < 2:
            self.regression_ = LogisticRegression(max_iter=1000).fit(features, y)
        else:
            num_parameters = features.shape[1] * (len(classes) if len(classes) > 2 else 1)
            self.regression_ = LogisticRegressionCV(
                Cs=_STRENGTHS,
                solver="newton-cholesky" if num_parameters <= 100 or len(classes) == 2 else "lbfgs",
                cv=StratifiedKFold(num_folds),
                scoring=_mean_log_likelihood,
                max_iter=1000,
                l1_ratios=(0.0,),
                use_legacy_attributes=False,
            ).fit(features, y)
        self.classes_ = self.regression_.classes_
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(rows, num_classes)``."""
        check_is_fitted(self)
        return self.regression_.predict_proba(self._features(X))

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def _features(self, X: Any) -> np.ndarray:
        columns = _columns(X)
        if len(columns) != len(self.columns_):
            raise invalid("X", f"have {len(self.columns_)} columns, as in fit", len(columns))
        return np.concatenate([column(values) for column, values in zip(self.columns_, columns, strict=True)], axis=1)


def _mean_log_likelihood(regression: LogisticRegression, features: np.ndarray, y: np.ndarray) -> float:
    """The score that strengths are chosen by; scikit-learn's own log-loss spends most of a small fit on its checks."""
    states = np.searchsorted(regression.classes_, y)
    probabilities = regression.predict_proba(features)[np.arange(len(y)), states]
    return float(np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)).mean())


class _Column:
    """How one column becomes numbers: scaled with an indicator of gaps, or one-hot over the categories seen.

    A column without any value tells neither its kind nor anything else: it becomes zeros.
    """

    def __init__(self, values: Any) -> None:
        self.is_empty = not np.any(values.notna() if hasattr(values, "iloc") else ~np.isnan(values))
        numbers = as_numbers(values) if hasattr(values, "iloc") else values
        self.categories: np.ndarray | None = None
        if numbers is None:
            labels = _labels(values)
            self.categories = np.array(sorted({label for label in labels if label is not None}), dtype=object)
            return
        observed = numbers[~np.isnan(numbers)].astype(np.float64)
        self.mean = observed.mean() if len(observed) else 0.0
        spread = observed.std() if len(observed) else 0.0
        self.scale = spread if spread > 1e-12 * max(abs(self.mean), 1e-300) else 1.0
        self.has_gaps = len(observed) < len(numbers)

    def __call__(self, values: Any) -> np.ndarray:
        if self.is_empty:
            return np.zeros((len(values), 1))
        if self.categories is not None:
            return (_labels(values)[:, None] == self.categories[None, :]).astype(np.float64)
        numbers = as_numbers(values) if hasattr(values, "iloc") else values
        if numbers is None:
            raise invalid(f"column {values.name!r}", "hold numbers, as in fit", f"{values.dtype} values")
        missing = np.isnan(numbers)
        scaled = np.where(missing, 0.0, (numbers - self.mean) / self.scale)
        return np.stack([scaled, missing], axis=1).astype(np.float64) if self.has_gaps else scaled[:, None]


def _columns(X: Any) -> list[Any]:
    if is_frame(X):
        return [X.iloc[:, i] for i in range(X.shape[1])]
    array = np.asarray(X, dtype=np.float64)
    if array.ndim != 2:
        raise invalid("X", "have shape (rows, columns)", array.shape)
    return list(array.T)


def _labels(values: Any) -> np.ndarray:
    """Categories as strings, None where missing; numbers in a column of text count as text."""
    if not hasattr(values, "iloc"):
        return np.array([None if value != value else str(value) for value in values], dtype=object)
    if getattr(values.dtype, "kind", "O") in "mM":
        raise invalid(f"column {values.name!r}", "hold numbers, booleans, text or categories", f"{values.dtype} values")
    labels = np.full(len(values), None, dtype=object)
    observed = values.notna().to_numpy()
    labels[observed] = [str(value) for value in values[observed]]
    return labels
