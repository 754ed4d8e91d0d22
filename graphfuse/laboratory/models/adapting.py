"""From the classes that have training rows to all states of the target: what every model of the laboratory shares."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from ...checks import invalid
from ...data import Dataset, ModalityBatch
from .base import Model

_FLOOR = 1e-9  # no probability is below about this


def spread(probabilities: np.ndarray, classes: np.ndarray, num_states: int, num_rows: int) -> Tensor:
    """Log-probabilities ``(rows, num_states)`` of all states, float64, from those of the classes seen.

    A state without training rows gets ``1 / (num_rows + num_states)``; no probability is zero.

    Args:
        probabilities: ``(rows, num_classes)``.
        classes: The states that the columns stand for.
        num_states: States of the target.
        num_rows: Training rows.

    Example:
        >>> spread(np.array([[0.5, 0.5]]), np.array([0, 2]), num_states=3, num_rows=7).exp()
        tensor([[0.4500, 0.1000, 0.4500]], dtype=torch.float64)
    """
    unseen = 1 / (num_rows + num_states)
    table = np.full((len(probabilities), num_states), unseen)
    table[:, classes] = probabilities * (1 - unseen * (num_states - len(classes)))
    table = np.maximum(table, _FLOOR)
    return torch.from_numpy(np.log(table / table.sum(axis=1, keepdims=True)))


class SeenClasses(Model):
    """A model that is fitted to the classes that have training rows; the other states get a little.

    With one class there is nothing to fit, and its frequency is the answer.

    Attributes:
        classes: The states that have training rows.
        frequencies: Their shares of the training rows.
    """

    classes: np.ndarray
    frequencies: np.ndarray

    def fit(self, train: Dataset, seed: int) -> SeenClasses:
        if not len(train):
            raise invalid("train", "hold at least one row", "none")
        states = train.batch.targets[train.target.name].numpy()
        self.classes, places, counts = np.unique(states, return_inverse=True, return_counts=True)
        if self.classes[0] < 0:
            raise invalid("train", "hold rows whose target is known", f"{counts[0]} rows whose target is not")
        self.num_states, self.num_rows = train.target.num_states, len(train)
        self.frequencies = counts / len(train)
        if len(self.classes) > 1:
            self._fit(train, places, seed)
        return self

    def log_probs(self, batch: ModalityBatch) -> Tensor:
        if len(self.classes) > 1 and len(batch):
            found = self._probabilities(batch)
        else:
            found = np.tile(self.frequencies, (len(batch), 1))
        return spread(found, self.classes, self.num_states, self.num_rows)

    @abstractmethod
    def _fit(self, train: Dataset, places: np.ndarray, seed: int) -> None:
        """Fit to rows of two classes or more; ``places`` says for each row which of ``classes`` it is of."""

    @abstractmethod
    def _probabilities(self, batch: ModalityBatch) -> np.ndarray:
        """Probabilities ``(rows, num_classes)`` of at least one row, in the order of ``classes``."""
