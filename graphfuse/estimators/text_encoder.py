"""The encoder of text: regularized logistic regression over the words of each column."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ..checks import check_type, invalid
from ..data.frames import is_frame
from ..encoders.bag_of_words import log_counts
from ..encoders.logistic import logistic_probabilities
from ..encoders.text import Vocabulary
from .counted_rows import counted
from .logistic_fit import fit_logistic


class TextEncoder(ClassifierMixin, BaseEstimator):
    """Counts the words of every column of a DataFrame, and fits a logistic regression to log(1 + count).

    A missing text has no words; words that ``fit`` did not list share one count. The strength of the regularization
    is chosen by inner cross-validation of the log-likelihood. What is learned is kept as plain values:
    ``vocabularies_``, ``coef_``, ``intercept_``, ``classes_``, and the strength ``C_``. Word order is not seen.

    Args:
        max_words: Words at most per column, the most frequent ones.
        min_count: Occurrences that a word needs.
        num_folds: Inner folds; fewer when a class has fewer rows, and the strength is 1 when it has one.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"report": ["no opacity", "clear lungs", "an opacity", "dense opacity", None] * 4})
        >>> TextEncoder(min_count=1).fit(frame, [0, 0, 1, 1, 0] * 4).predict(frame[:5])
        array([0, 0, 1, 1, 0])

    Reference: Harris (1954), Distributional structure.
    """

    def __init__(self, max_words: int = 5000, min_count: int = 2, num_folds: int = 5) -> None:
        self.max_words = max_words
        self.min_count = min_count
        self.num_folds = num_folds

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TextEncoder:
        """Learn the words, then the regression, from a DataFrame of text ``(rows, columns)`` and its labels.

        A weight says for how many rows one counts in the regression; words are listed by how often they occur in rows
        of positive weight.
        """
        X, y, sample_weight = counted(X, y, sample_weight)
        self.vocabularies_ = tuple(Vocabulary.learn(texts, self.max_words, self.min_count) for texts in _texts(X))
        fitted = fit_logistic(self._features(X), y, self.num_folds, sample_weight)
        self.coef_, self.intercept_, self.classes_, self.C_ = fitted.coef, fitted.intercept, fitted.classes, fitted.C
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(rows, num_classes)``."""
        check_is_fitted(self)
        return logistic_probabilities(self._features(X) @ self.coef_.T + self.intercept_)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = True
        return tags

    def _features(self, X: Any) -> np.ndarray:
        columns = _texts(X)
        if len(columns) != len(self.vocabularies_):
            raise invalid("X", f"have {len(self.vocabularies_)} columns, as in fit", len(columns))
        counts = [
            log_counts(vocabulary(texts), vocabulary.num_tokens).numpy()
            for vocabulary, texts in zip(self.vocabularies_, columns, strict=True)
        ]
        return np.concatenate(counts, axis=1)


def _texts(X: Any) -> list[list[Any]]:
    if not is_frame(X) or X.ndim != 2:
        check_type("X", X, (), "be a DataFrame with columns of text")
    return [X.iloc[:, i].astype(object).tolist() for i in range(X.shape[1])]
