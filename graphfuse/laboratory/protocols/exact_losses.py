"""Rows that lose an exact share of what they have, as far as each may keep one modality."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch

from ...data import Dataset, ExactRate, ModalityBatch

MAX_RATE = 0.7  # the highest that the literature sweeps to


def reachable_rate(*batches: ModalityBatch) -> float:
    """The highest share of the present entries that can go missing if every row keeps one; 0 where nothing is present.

    Example:
        >>> reachable_rate(ModalityBatch({"ecg": [0.1, 0.2, nan], "age": [61.0, 48.0, 50.0]}))
        0.4
    """
    present = torch.cat([torch.stack(list(batch.present.values())) for batch in batches], dim=1)
    num_present = int(present.sum())
    return (num_present - int(present.any(0).sum())) / num_present if num_present else 0.0


def reachable_levels(rates: Iterable[float], *batches: ModalityBatch) -> tuple[float, ...]:
    """The rates, each above 0.7 or above what these rows allow replaced by that, to two decimals; each of them once."""
    highest = round(min(MAX_RATE, reachable_rate(*batches)), 2)
    return tuple(dict.fromkeys(min(rate, highest) for rate in rates))


def lose_exactly(dataset: Dataset, rate: float, generator: torch.Generator) -> Dataset:
    """The rows without this share of their present entries; without all that can be lost, if that is less."""
    mechanism = ExactRate(min(rate, reachable_rate(dataset.batch)))
    return replace(dataset, batch=mechanism.apply(dataset.batch, generator))
