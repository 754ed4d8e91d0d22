"""Columns of any kind as numbers: what an encoder learns of each column, kept as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import invalid
from ..data.frames import as_numbers, is_frame

_ROWS = 1024  # that are scaled together


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
            return Column(tuple(sorted(set(_coded(values)[1]))))
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
            codes, found = _coded(values)
            known = {label: place for place, label in enumerate(self.categories)}
            places = np.array([*(known.get(label, -1) for label in found), -1])[codes]
            return (places[:, None] == np.arange(len(known))).astype(np.float64)
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
    rows = ScaledRows(columns, X)
    found = np.empty((len(rows), rows.width))
    for start in range(0, len(rows), _ROWS):
        rows.write(start, found[start : start + _ROWS])
    return found


class ScaledRows:
    """Rows that are scaled a few at a time, so that what follows finds them in a processor's cache.

    Args:
        columns: As fit learned them.
        X: Array or DataFrame ``(rows, columns)``.
    """

    def __init__(self, columns: tuple[Column, ...], X: Any) -> None:
        values = _split_as(columns, X)
        self.is_ready = not isinstance(values, np.ndarray)
        if not isinstance(values, np.ndarray):
            values = np.concatenate([column.scaled(each) for column, each in zip(columns, values, strict=True)], axis=1)
        self.values = values
        self.means = np.array([column.mean for column in columns])
        self.scales = np.array([column.scale for column in columns])
        self.has_gaps = np.array([column.has_gaps for column in columns])
        self.places = np.arange(len(columns)) + np.cumsum(self.has_gaps) - self.has_gaps
        self.width = values.shape[1] + (0 if self.is_ready else int(self.has_gaps.sum()))

    def __len__(self) -> int:
        return len(self.values)

    def write(self, start: int, found: np.ndarray) -> None:
        """The rows from one on, as many as there is room for, into ``(rows, width)``."""
        values = self.values[start : start + len(found)]
        if self.is_ready:
            found[:] = values
            return
        numbers = np.empty(values.shape) if self.has_gaps.any() else found
        np.subtract(values, self.means, out=numbers)
        numbers /= self.scales
        missing = np.isnan(numbers)
        np.copyto(numbers, 0.0, where=missing)
        if numbers is not found:
            found[:, self.places] = numbers
            found[:, self.places[self.has_gaps] + 1] = missing[:, self.has_gaps]


def with_gaps(columns: tuple[Column, ...], X: Any) -> np.ndarray:
    """Numbers as they are, with ``nan`` for gaps, and one-hot categories, side by side."""
    values = _split_as(columns, X)
    if isinstance(values, np.ndarray):
        return values.astype(np.float64, copy=False)
    return np.concatenate([column.numbers(each) for column, each in zip(columns, values, strict=True)], axis=1)


def _moments(values: np.ndarray, sample_weight: np.ndarray | None) -> tuple[float, float]:
    """Mean and standard deviation."""
    if sample_weight is None:
        return float(values.mean()), float(values.std())
    mean = np.average(values, weights=sample_weight)
    return float(mean), float(np.sqrt(np.average(np.square(values - mean), weights=sample_weight)))


def _split_as(columns: tuple[Column, ...], X: Any) -> np.ndarray | list[Any]:
    """Numbers ``(rows, columns)`` where fit saw some in every column, else the columns one by one."""
    as_text = any(column.categories is not None for column in columns)
    array = None if as_text or any(column.is_empty for column in columns) else _numbers(X)
    values = _split(X, as_text) if array is None else array
    width = len(values) if isinstance(values, list) else values.shape[1]
    if width != len(columns):
        raise invalid("X", f"have {len(columns)} columns, as in fit", width)
    return values


def _split(X: Any, as_text: bool = False) -> list[Any]:
    """The columns: vectors of floats where all of them are numbers and none is wanted as text, else Series."""
    array = None if as_text and is_frame(X) else _numbers(X)
    return [X.iloc[:, i] for i in range(X.shape[1])] if array is None else list(array.T)


def _numbers(X: Any) -> np.ndarray | None:
    """An array or DataFrame as floats ``(rows, columns)``; None for one that holds other values than numbers.

    Single precision stays as it is, for whoever reads few rows at a time.
    """
    if is_frame(X):
        if not all(isinstance(each, np.dtype) and each.kind in "biuf" for each in X.dtypes):
            return None
        X = X.to_numpy(dtype=np.float64)
    array = np.asarray(X)
    array = array if array.dtype == np.float32 else array.astype(np.float64, copy=False)
    if array.ndim != 2:
        raise invalid("X", "have shape (rows, columns)", array.shape)
    return array


def _coded(values: Any) -> tuple[np.ndarray, list[str]]:
    """By row the place of its category among those named, -1 where it is missing; numbers count as text."""
    from pandas import factorize

    if getattr(getattr(values, "dtype", None), "kind", "O") in "mM":
        raise invalid(f"column {values.name!r}", "hold numbers, booleans, text or categories", f"{values.dtype} values")
    if not hasattr(values, "iloc") or values.dtype == object:  # what is equal may be written otherwise: 1, True
        missing = values.isna() if hasattr(values, "iloc") else [value != value for value in values]
        listed = [None if gap else str(value) for value, gap in zip(values.tolist(), missing, strict=True)]
        values = np.array(listed, dtype=object)
    codes, found = factorize(values)
    return codes, [str(value) for value in found]
