"""Columns of any kind as numbers: what an encoder learns of each column, kept as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import invalid
from ..data.frames import as_numbers, is_frame


@dataclass(frozen=True)
class Column:
    """How one column becomes numbers: scaled beside an indicator of gaps, or one-hot over the categories seen.

    Args:
        categories: Those seen, sorted; None for numbers.
        mean: Of the observed numbers; scaling subtracts it.
        scale: Their standard deviation, one if they are constant.
        has_gaps: Whether a number was missing, so that scaling adds an indicator.
        is_empty: Whether nothing was observed, which tells neither kind nor anything else: the column becomes zeros.
    """

    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0
    has_gaps: bool = False
    is_empty: bool = False

    @staticmethod
    def learn(values: Any, sample_weight: np.ndarray | None = None) -> Column:
        """The column of a Series, or of a vector of floats, in rows that count by their weights."""
        if not np.any(values.notna() if hasattr(values, "iloc") else ~np.isnan(values)):
            return Column(is_empty=True)
        numbers = as_numbers(values) if hasattr(values, "iloc") else values
        if numbers is None:
            return Column(tuple(sorted({label for label in _labels(values) if label is not None})))
        known = ~np.isnan(numbers)
        observed = numbers[known].astype(np.float64)
        mean, spread = _moments(observed, None if sample_weight is None else sample_weight[known])
        scale = spread if spread > 1e-12 * max(abs(mean), 1e-300) else 1.0
        return Column(None, mean, scale, len(observed) < len(numbers))

    def numbers(self, values: Any) -> np.ndarray:
        """``(rows, width)``: numbers with ``nan`` where missing; categories one-hot, zeros if new or missing."""
        if self.is_empty:
            return np.zeros((len(values), 1))
        if self.categories is not None:
            return (_labels(values)[:, None] == np.array(self.categories, dtype=object)[None]).astype(np.float64)
        numbers = as_numbers(values) if hasattr(values, "iloc") else values
        if numbers is None:
            raise invalid(f"column {values.name!r}", "hold numbers, as in fit", f"{values.dtype} values")
        return numbers[:, None].astype(np.float64)

    def scaled(self, values: Any) -> np.ndarray:
        """``(rows, width)``: as ``numbers``, but scaled, zero where missing, and with an indicator if fit had gaps."""
        numbers = self.numbers(values)
        if self.is_empty or self.categories is not None:
            return numbers
        missing = np.isnan(numbers)
        scaled = np.where(missing, 0.0, (numbers - self.mean) / self.scale)
        return np.concatenate([scaled, missing], axis=1) if self.has_gaps else scaled


def learn_columns(X: Any, sample_weight: np.ndarray | None = None) -> tuple[Column, ...]:
    """Every column of an array or DataFrame ``(rows, columns)``, in rows that count by their weights."""
    return tuple(Column.learn(values, sample_weight) for values in _split(X))


def scaled(columns: tuple[Column, ...], X: Any) -> np.ndarray:
    """Scaled numbers, indicators and one-hot categories, side by side, without gaps."""
    return np.concatenate([column.scaled(values) for column, values in _paired(columns, X)], axis=1)


def with_gaps(columns: tuple[Column, ...], X: Any) -> np.ndarray:
    """Numbers as they are, with ``nan`` for gaps, and one-hot categories, side by side."""
    return np.concatenate([column.numbers(values) for column, values in _paired(columns, X)], axis=1)


def _moments(values: np.ndarray, sample_weight: np.ndarray | None) -> tuple[float, float]:
    """Mean and standard deviation."""
    if sample_weight is None:
        return float(values.mean()), float(values.std())
    mean = np.average(values, weights=sample_weight)
    return float(mean), float(np.sqrt(np.average(np.square(values - mean), weights=sample_weight)))


def _paired(columns: tuple[Column, ...], X: Any) -> list[tuple[Column, Any]]:
    values = _split(X, any(column.categories is not None for column in columns))
    if len(values) != len(columns):
        raise invalid("X", f"have {len(columns)} columns, as in fit", len(values))
    return list(zip(columns, values, strict=True))


def _split(X: Any, as_text: bool = False) -> list[Any]:
    """The columns: vectors of floats where all of them are numbers and none is wanted as text, else Series."""
    if is_frame(X):
        if as_text or not all(isinstance(each, np.dtype) and each.kind in "biuf" for each in X.dtypes):
            return [X.iloc[:, i] for i in range(X.shape[1])]
        X = X.to_numpy(dtype=np.float64)
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
