"""Training and test rows that lose the same share of their entries: the sweep of CPM-Nets."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...data import Dataset
from .base import Protocol, Trial
from .exact_losses import lose_exactly, reachable_levels, reachable_rate
from .levels import checked_levels, level_name, level_of, needs_two_modalities


@dataclass(frozen=True)
class MissingRates(Protocol):
    """Of training and of test rows the same share of the present entries goes missing, and every row keeps one.

    Rates are those of ``ExactRate``: of the entries that were there, whatever gaps the rows came with. A rate above
    0.7, or above what the rows of the data set allow (half of the entries if they have two modalities and no gaps), is
    replaced by that maximum. Where a side of a split allows less than the data set does, both sides lose that.

    Args:
        rates: Shares of the entries, of at most two decimals.

    Raises:
        TypeError: If a rate is no number.
        ValueError: If a rate is outside [0, 1], has more than two decimals or is given twice, or there is none.

    Example:
        >>> from graphfuse import load
        >>> from graphfuse.data import missing_rates
        >>> data, protocol = load("breast_cancer"), MissingRates(rates=(0.0, 0.5, 0.9))
        >>> protocol.conditions(data)
        ('rate 0.00', 'rate 0.50', 'rate 0.67')
        >>> trial = protocol.draw(data[:400], data[400:], "rate 0.50", torch.Generator().manual_seed(0))
        >>> sum(missing_rates(trial.train.batch).values()) / 3
        0.5

    Reference: Zhang et al. (2019), CPM-Nets: Cross Partial Multi-View Networks.
    """

    question = "How do scores fall as more goes missing, in training and test rows alike?"
    axis = "share of the entries that are missing"

    rates: tuple[float, ...] = (0.0, 0.3, 0.6)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", checked_levels("rates", self.rates, highest=1.0))

    def refusal(self, dataset: Dataset) -> str | None:
        return needs_two_modalities(dataset)

    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        return tuple(level_name("rate", rate) for rate in reachable_levels(self.rates, dataset.batch))

    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        _, rate = level_of(condition, "rate")
        lost = min(rate, reachable_rate(train.batch), reachable_rate(test.batch))
        test, train = (lose_exactly(rows, lost, generator) for rows in (test, train))
        return Trial(train, {condition: test}, {condition: rate})
