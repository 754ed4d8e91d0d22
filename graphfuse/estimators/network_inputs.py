"""The modalities of a batch as tensors that networks read: tables scaled, categories and words counted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import ModalityBatch
from ..encoders.bag_of_words import log_counts
from ..encoders.text import Vocabulary, tokenize
from .tables import Tables

_MOST_WORDS, _LEAST_COUNT = 1000, 2  # of the vocabulary of a column
_LARGEST = 1e6  # standard deviations from the mean at which a number is cut, so that float32 holds it


@dataclass(frozen=True, eq=False)
class NetworkInputs:
    """What was learned of the training rows, and what makes tensors of any rows.

    Of a table, numbers are scaled to mean zero and deviation one and keep ``nan`` for gaps; a category becomes one
    column for each that the training rows show. Strings of two words and more on average, of which most differ, are
    text: log(1 + count) of the most frequent words. Modalities that are no table are left as they are.

    Args:
        tables: The columns of tables that are no text.
        words: By modality, by the position of a column of text, its vocabulary.
        dtypes: By modality that is no table, the dtype of what reads it; None leaves that of the values.

    Example:
        >>> batch = ModalityBatch({"blood": torch.tensor([[1.0], [3.0], [nan]]), "image": torch.ones(3, 8, 8)})
        >>> found = NetworkInputs.learn(batch, ["blood"], {"image": torch.float32})(batch)
        >>> found.inputs["blood"].flatten(), found.present["blood"], found.inputs["image"].shape
        (tensor([-1.,  1., nan]), tensor([ True,  True, False]), torch.Size([3, 8, 8]))
    """

    tables: Tables
    words: Mapping[str, Mapping[int, Vocabulary]]
    dtypes: Mapping[str, torch.dtype | None]

    @classmethod
    def learn(
        cls, batch: ModalityBatch, tables: Collection[str], dtypes: Mapping[str, torch.dtype | None]
    ) -> NetworkInputs:
        """From training rows; ``tables`` names the modalities that are read as tables."""
        words = {name: _vocabularies(batch.inputs[name], batch.present[name]) for name in tables}
        found = Tables({})
        for name in tables:
            if (rest := _without(batch, name, words[name])) is not None:
                found = Tables(found.columns | Tables.learn(rest).columns)
        return cls(found, words, dtypes)

    def __call__(self, batch: ModalityBatch) -> ModalityBatch:
        """By modality, a tensor ``(rows, *features)``; presence as it was."""
        inputs = {name: self._table(batch, name) for name in self.words}
        for name, dtype in self.dtypes.items():
            values = batch.inputs[name]
            inputs[name] = values.to(dtype) if dtype is not None and values.is_floating_point() else values
        names = [name for name in batch.modalities if name in inputs]
        return ModalityBatch({name: inputs[name] for name in names}, {name: batch.present[name] for name in names})

    def _table(self, batch: ModalityBatch, name: str) -> Tensor:
        parts = []
        if (rest := _without(batch, name, self.words[name])) is not None:
            columns = self.tables.columns[name]
            widths = [1 if column.categories is None else len(column.categories) for column in columns]
            mean, scale = (np.repeat([getattr(each, of) for each in columns], widths) for of in ("mean", "scale"))
            numbers = Tables({name: columns}).numbers(rest)[name]
            parts.append(torch.from_numpy(np.clip((numbers - mean) / scale, -_LARGEST, _LARGEST)))
        for position, vocabulary in self.words[name].items():
            texts = _strings(batch.inputs[name].iloc[:, position])
            counts = log_counts(vocabulary(texts), vocabulary.num_tokens)
            missing = torch.tensor([text is None for text in texts])
            parts.append(counts.masked_fill(missing[:, None], torch.nan))
        return torch.cat(parts, 1).float()


def _without(batch: ModalityBatch, name: str, columns: Collection[int]) -> ModalityBatch | None:
    """One modality without some columns of its DataFrame; None if none is left."""
    one = batch.select([name])
    if not columns:
        return one
    values = one.inputs[name]
    kept = [i for i in range(values.shape[1]) if i not in columns]
    return ModalityBatch({name: values.iloc[:, kept]}, {name: one.present[name]}) if kept else None


def _vocabularies(values: Any, present: Tensor) -> dict[int, Vocabulary]:
    """By position of a column of text, its words."""
    if isinstance(values, Tensor):
        return {}
    shown = values.iloc[present.numpy()]
    found = {i: [text for text in _strings(shown.iloc[:, i]) if text is not None] for i in range(shown.shape[1])}
    return {i: Vocabulary.learn(each, _MOST_WORDS, _LEAST_COUNT) for i, each in found.items() if _is_text(each)}


def _is_text(strings: list[str]) -> bool:
    if 2 * len(set(strings)) <= len(strings):
        return False
    return sum(len(tokenize(each)) for each in strings) >= 2 * len(strings)


def _strings(column: Any) -> list[str | None]:
    """The strings of a column, None for all else."""
    return [value if isinstance(value, str) else None for value in column.astype(object)]
