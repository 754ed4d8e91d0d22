"""The missing rate of CPM-Nets, met exactly: a share of all entries goes missing, and every row keeps one."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor

import torch

from ...checks import invalid
from ..batch import ModalityBatch
from .base import Missingness, checked_rate, uniform

_ROUNDING = 1e-9


@dataclass(frozen=True)
class ExactRate(Missingness):
    """Of all present entries (a modality of a row), this share goes missing, exact up to rounding to whole entries.

    One entry of each row, drawn uniformly, is protected; the missing ones are drawn uniformly among the rest. So of N
    complete rows of V modalities at most the share (V-1)/V can go missing, and each row then keeps one. Rows are not
    independent, and patterns that keep many modalities are likelier than if they were drawn uniformly among all
    patterns of the same rate that leave no row empty.

    Args:
        rate: Missing entries / (V·N), where V·N counts the entries that were present.
        at_least_one: If False, nothing is protected and any rate up to 1 can be reached.

    Raises:
        TypeError: If the rate is no number.
        ValueError: If the rate is outside [0, 1] or, in ``apply``, above what the batch allows.

    Example:
        >>> batch = ModalityBatch({name: torch.zeros(100) for name in ("ecg", "age", "scan", "text")})
        >>> gaps = ExactRate(0.6).apply(batch, torch.Generator().manual_seed(0))
        >>> kept = torch.stack(list(gaps.present.values()))
        >>> int((~kept).sum()), int(kept.sum(0).min())
        (240, 1)

    Reference: Zhang et al. (2019), CPM-Nets: Cross Partial Multi-View Networks.
    """

    rate: float
    at_least_one: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", checked_rate("rate", self.rate))

    def _draw(self, batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
        present = torch.stack([mask.to(generator.device) for mask in batch.present.values()])
        shielding, ranking = (uniform(present.shape, generator) for _ in range(2))
        free = present.clone()
        if self.at_least_one:
            free.scatter_(0, shielding.masked_fill(~present, -1).argmax(0, keepdim=True), False)
        num_present, num_free = int(present.sum()), int(free.sum())
        if num_present and self.rate > num_free / num_present + _ROUNDING:
            maximum = floor(1e4 * num_free / num_present) / 1e4
            must = f"be at most {maximum:g}, the most that leaves one modality to each row that has any"
            raise invalid("rate", must, f"{self.rate:g}")
        num_missing = min(round(self.rate * num_present), num_free)
        missing = torch.zeros_like(present).flatten()
        missing[ranking.masked_fill(~free, torch.inf).flatten().argsort()[:num_missing]] = True
        kept = ~missing.reshape(present.shape)
        return batch.keep({name: kept[i].to(batch.present[name].device) for i, name in enumerate(batch.modalities)})
