"""A growing share of the training rows, and the same test rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...checks import invalid
from ...data import Dataset
from .base import Protocol, Trial
from .levels import checked_levels, level_name, level_of


@dataclass(frozen=True)
class LearningCurves(Protocol):
    """A model is trained on a random share of the training rows, and tested on all test rows as they come.

    The share is one of each class, so the labels of the training rows are read; a class keeps at least two rows, if it
    has them. Rows stay in their order. Conditions drawn with one seed are nested: a larger share holds the smaller.

    Args:
        fractions: Shares of the training rows, above 0 and of at most two decimals.

    Raises:
        TypeError: If a fraction is no number.
        ValueError: If a fraction is outside (0, 1], has more than two decimals or is given twice, or there is none.

    Example:
        >>> from graphfuse import load
        >>> data = load("breast_cancer")
        >>> trial = LearningCurves().draw(data[:400], data[400:], "fraction 0.25", torch.Generator().manual_seed(0))
        >>> len(trial.train), trial.levels
        (100, {'fraction 0.25': 0.25})

    Reference: Perlich, Provost and Simonoff (2003), Tree Induction vs. Logistic Regression: A Learning-Curve Analysis.
    """

    question = "How much does a model gain from more training rows?"
    axis = "share of the training rows"
    reads_labels = True

    fractions: tuple[float, ...] = (0.1, 0.25, 0.5, 1.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fractions", checked_levels("fractions", self.fractions, highest=1.0))
        if 0.0 in self.fractions:
            raise invalid("each of fractions", "be above 0", 0.0)

    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        return tuple(level_name("fraction", fraction) for fraction in self.fractions)

    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        self._check_condition(train, condition)
        _, fraction = level_of(condition, "fraction")
        order = torch.randperm(len(train), generator=generator).numpy()
        states = train.batch.targets[train.target.name].numpy()[order]
        kept = []
        for state in np.unique(states):
            rows = order[states == state]
            kept.append(rows[: max(2, round(fraction * len(rows)))])
        return Trial(train[np.sort(np.concatenate(kept))], {condition: test}, {condition: fraction})
