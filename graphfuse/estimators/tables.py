"""The columns of a batch as numbers, by modality or side by side, for models that read tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ..data import ModalityBatch
from .columns import Column, learn_columns


@dataclass(frozen=True, eq=False)
class Tables:
    """What was learned of every column of the training rows.

    Numbers stay as they are; text and categories become one column for each category of the training rows; arrays of
    more dimensions are flattened. A column without any training value is zero whatever it holds.

    Args:
        columns: By modality, its columns.

    Example:
        >>> batch = ModalityBatch({"ecg": np.array([[0.1, np.nan], [np.nan, np.nan]]), "age": np.array([61.0, 48.0])})
        >>> Tables.learn(batch).side_by_side(batch)
        array([[ 0.1,  0. , 61. ],
               [ nan,  0. , 48. ]])
    """

    columns: dict[str, tuple[Column, ...]]

    @classmethod
    def learn(cls, batch: ModalityBatch) -> Tables:
        """The columns of training rows."""
        return cls({name: learn_columns(_cells(batch, name)) for name in batch.modalities})

    def numbers(self, batch: ModalityBatch) -> dict[str, np.ndarray]:
        """By modality, float64 ``(rows, width)``, with ``nan`` where a cell is missing, or the whole modality."""
        return {name: _numbers(columns, _cells(batch, name)) for name, columns in self.columns.items()}

    def side_by_side(self, batch: ModalityBatch) -> np.ndarray:
        """All columns ``(rows, width)``."""
        return np.concatenate(list(self.numbers(batch).values()), axis=1)


def _cells(batch: ModalityBatch, name: str) -> Any:
    """An array or DataFrame ``(rows, columns)`` that holds nothing where the modality is missing."""
    values = batch.inputs[name]
    if not isinstance(values, Tensor):
        return batch.select([name]).to_frame()
    present = batch.present[name].cpu().numpy()
    cells = values.detach().cpu().numpy().reshape(len(batch), -1).astype(np.float64)
    return np.where(present[:, None], cells, np.nan)


def _numbers(columns: tuple[Column, ...], cells: Any) -> np.ndarray:
    if not hasattr(cells, "iloc"):
        return np.where([column.is_empty for column in columns], 0.0, cells)
    parts = []
    for i, column in enumerate(columns):
        numbers = column.numbers(cells.iloc[:, i])
        if column.categories is not None:
            numbers = np.where(cells.iloc[:, i].isna().to_numpy()[:, None], np.nan, numbers)
        parts.append(numbers)
    return np.concatenate(parts, axis=1)
