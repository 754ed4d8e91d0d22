"""DataFrames as they come: groups of columns, what is missing, what is a number; pandas is never imported here."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..checks import check_known, check_name, check_type, check_unique, invalid, listed

if TYPE_CHECKING:
    import pandas as pd


def is_frame(value: object) -> bool:
    """Whether a value is a pandas DataFrame or Series, told without importing pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series)


def column_groups(frame: pd.DataFrame, modalities: Mapping[str, Sequence[Any]] | None) -> dict[str, list[Any]]:
    """By modality, its columns: those given, else the first level of the columns, else all in ``"features"``.

    Raises:
        ValueError: If a column is unknown, is listed twice in a group, or a group is empty.
    """
    if not is_frame(frame) or frame.ndim != 2:
        raise invalid("frame", "be a pandas DataFrame", type(frame).__name__, TypeError)
    check_unique("columns of frame", list(frame.columns))
    if modalities is None:
        if frame.columns.nlevels == 1:
            return {"features": list(frame.columns)}
        groups: dict[str, list[Any]] = {}
        for column in frame.columns:
            groups.setdefault(str(column[0]), []).append(column)
        return groups
    check_type("modalities", modalities, Mapping, "be a mapping from modalities to columns")
    known = set(frame.columns)
    for name, group in modalities.items():
        check_name("each modality in modalities", name)
        if isinstance(group, str) or not len(group):
            raise invalid(f"modalities[{name!r}]", "be a list of at least one column", repr(group))
        check_unique(f"modalities[{name!r}]", list(group))
        for column in group:
            if column not in known:
                check_known(f"each column in modalities[{name!r}]", column, list(frame.columns))
    return {name: list(group) for name, group in modalities.items()}


def column_names(group: Sequence[Any], inner: bool) -> list[str]:
    """Columns as text: several levels are joined, of which the first is left out if ``inner``."""
    levels = [column[inner:] if isinstance(column, tuple) else (column,) for column in group]
    return [" ".join(map(str, level)) for level in levels]


def as_column(value: Any) -> Any:
    """A Series as one column, a vector if it holds numbers; a DataFrame as it is."""
    if value.ndim == 2:
        return value
    numbers = as_numbers(value)
    return value.to_frame() if numbers is None else torch.from_numpy(numbers)


def observed_rows(frame: pd.DataFrame) -> np.ndarray:
    """Bool per row: whether any cell is observed; of a single row (a Series), one bool."""
    return np.asarray(frame.notna().any(axis=1) if frame.ndim == 2 else frame.notna().any())


def as_tensor_or_frame(frame: pd.DataFrame) -> Any:
    """A float tensor ``(rows, columns)`` if every column holds numbers or booleans, else the frame as it is."""
    columns = [as_numbers(frame.iloc[:, i]) for i in range(frame.shape[1])]
    if any(column is None for column in columns):
        return frame
    return torch.from_numpy(np.stack([column for column in columns if column is not None], axis=1))


def as_numbers(column: pd.Series) -> np.ndarray | None:
    """A column as floats with ``nan`` where missing; None if it holds anything but numbers and booleans."""
    kind = getattr(column.dtype, "kind", "O")
    if kind in "biuf":
        dtype = np.float32 if column.dtype in (np.float32, np.float16) else np.float64
        return np.array(column.to_numpy(dtype=dtype, na_value=np.nan))
    if column.dtype == object:
        observed = column.dropna()
        if all(isinstance(value, bool | int | float | np.number | np.bool_) for value in observed):
            numbers = np.full(len(column), np.nan)
            numbers[column.notna().to_numpy()] = observed.to_numpy(dtype=np.float64)
            return numbers
    return None


def check_finite_frame(argument: str, frame: pd.DataFrame) -> None:
    """Refuse infinities in the numeric columns."""
    columns = [frame.iloc[:, i] for i in range(frame.shape[1])] if frame.ndim == 2 else []
    infinite = [str(column.name) for column in columns if (n := as_numbers(column)) is not None and np.isinf(n).any()]
    if infinite:
        raise invalid(argument, "be finite, or nan where a cell is missing", f"infinity in {listed(infinite)}")
