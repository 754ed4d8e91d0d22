"""The same share of cells, lost as whole modalities or one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isnan

import torch

from ...data import CellMCAR, Dataset, realised_cell_rates
from ...data.frames import is_frame
from .base import Protocol, Trial
from .exact_losses import lose_exactly, reachable_levels
from .levels import checked_levels, level_name, level_of, needs_two_modalities

_KINDS = ("modalities", "cells")


@dataclass(frozen=True)
class CellsOrModalities(Protocol):
    """Rows lose whole modalities or single cells, in training and at test time, or in one of the two only.

    Training conditions are ``"complete"`` and, by rate, ``"modalities 0.30"`` and ``"cells 0.30"``; each is tested on
    complete rows (the reference) and under every other condition. Whole modalities are lost as in ``MissingRates``,
    with its maximum. Each modality then loses as large a share of its observed cells under ``"cells"``, independently;
    a row that loses everything gets a modality back with its cells. Test rows are drawn first: conditions drawn with
    one seed are asked the same ones.

    Args:
        rates: Shares that are lost, of at most two decimals.

    Raises:
        TypeError: If a rate is no number.
        ValueError: If a rate is outside [0, 1], has more than two decimals or is given twice, or there is none.

    Example:
        >>> from graphfuse import load
        >>> data, protocol = load("breast_cancer"), CellsOrModalities(rates=(0.3,))
        >>> protocol.conditions(data)
        ('complete', 'modalities 0.30', 'cells 0.30')
        >>> trial = protocol.draw(data[:400], data[400:], "cells 0.30", torch.Generator().manual_seed(0))
        >>> rates = realised_cell_rates(data[:400].batch, trial.train.batch)
        >>> 0.25 < min(rates.values()) and max(rates.values()) < 0.35
        True

    Reference: MuteBench, arXiv 2605.15235.
    """

    question = "Does it matter whether modalities or single cells are lost, and does training on one help with both?"
    axis = "share of the cells that are lost"

    rates: tuple[float, ...] = (0.3, 0.6)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", checked_levels("rates", self.rates, highest=1.0))

    def refusal(self, dataset: Dataset) -> str | None:
        for name, value in dataset.batch.inputs.items():
            if not is_frame(value) and not value.is_floating_point():
                return f"cells must be able to be missing; {name!r} of {dataset.name!r} is a tensor of {value.dtype}"
        return needs_two_modalities(dataset)

    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        levels = reachable_levels(self.rates, dataset.batch)
        return ("complete", *(level_name(kind, level) for level in levels for kind in _KINDS))

    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        tests, levels = {"complete": test}, {"complete": 0.0}
        for level in reachable_levels(self.rates, train.batch, test.batch):
            for kind, rows in _lose(test, level, generator).items():
                name = level_name(kind, level)
                tests[name], levels[name] = rows, level
        if condition == "complete":
            return Trial(train, tests, levels)
        kind, level = level_of(condition, *_KINDS)
        return Trial(_lose(train, level, generator)[kind], tests, levels)


def _lose(dataset: Dataset, rate: float, generator: torch.Generator) -> dict[str, Dataset]:
    """The rows after either kind of loss."""
    without = lose_exactly(dataset, rate, generator)
    shares = realised_cell_rates(dataset.batch, without.batch)
    cells = CellMCAR({name: 0.0 if isnan(share) else share for name, share in shares.items()}, at_least_one=True)
    return {"modalities": without, "cells": replace(dataset, batch=cells.apply(dataset.batch, generator))}
