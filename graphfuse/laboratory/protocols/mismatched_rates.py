"""Training rows that lose one share of their entries, test rows that lose another."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...data import Dataset
from .base import Protocol, Trial
from .exact_losses import lose_exactly, reachable_levels
from .levels import checked_levels, level_name, level_of, needs_two_modalities


@dataclass(frozen=True)
class MismatchedRates(Protocol):
    """Every missing rate of the training rows meets every missing rate of the test rows.

    Rates are those of ``MissingRates``, with the same maximum; a side of a split that allows less than the data set
    does loses what it allows. The first test rate is the reference. Test rows are drawn first: conditions drawn with
    one seed are asked the same ones.

    Args:
        train_rates: Shares of the training rows' entries, of at most two decimals.
        test_rates: Shares of the test rows' entries.

    Raises:
        TypeError: If a rate is no number.
        ValueError: If a rate is outside [0, 1], has more than two decimals or is given twice, or there is none.

    Example:
        >>> from graphfuse import load
        >>> data, protocol = load("breast_cancer"), MismatchedRates(train_rates=(0.0, 0.3), test_rates=(0.0, 0.6))
        >>> protocol.conditions(data)
        ('rate 0.00', 'rate 0.30')
        >>> trial = protocol.draw(data[:400], data[400:], "rate 0.30", torch.Generator().manual_seed(0))
        >>> trial.levels
        {'rate 0.00': 0.0, 'rate 0.60': 0.6}

    Reference: Ma et al. (2022), Are Multimodal Transformers Robust to Missing Modality?
    """

    question = "What does a model trained on one missing rate do on rows with another?"
    axis = "share of the test rows' entries that are missing"

    train_rates: tuple[float, ...] = (0.0, 0.3, 0.6)
    test_rates: tuple[float, ...] = (0.0, 0.3, 0.6)

    def __post_init__(self) -> None:
        for name in ("train_rates", "test_rates"):
            object.__setattr__(self, name, checked_levels(name, getattr(self, name), highest=1.0))

    def refusal(self, dataset: Dataset) -> str | None:
        return needs_two_modalities(dataset)

    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        return tuple(level_name("rate", rate) for rate in reachable_levels(self.train_rates, dataset.batch))

    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        _, rate = level_of(condition, "rate")
        levels = {
            level_name("rate", level): level for level in reachable_levels(self.test_rates, train.batch, test.batch)
        }
        tests = {name: lose_exactly(test, level, generator) for name, level in levels.items()}
        return Trial(lose_exactly(train, rate, generator), tests, levels)
