"""Columns of any kind as numbers with gaps, in front of a classifier that reads neither text nor gaps."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .columns import learn_columns, with_gaps


class ColumnNumbers(TransformerMixin, BaseEstimator):
    """Numbers as they are, ``nan`` where missing; text and categories one-hot, zeros where missing or new.

    A column without any value in ``fit`` becomes zeros.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"age": [40.0, None, 61.0], "sex": ["f", "m", None]})
        >>> ColumnNumbers().fit(frame).transform(frame)
        array([[40.,  1.,  0.],
               [nan,  0.,  1.],
               [61.,  0.,  0.]])
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the kind and the categories of every column of an array or DataFrame ``(rows, columns)``."""
        self.columns_ = learn_columns(X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Float64 ``(rows, width)``."""
        check_is_fitted(self)
        return with_gaps(self.columns_, X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        return tags
