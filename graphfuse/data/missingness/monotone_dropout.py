"""Monotone drop-out: once a modality in an order is missing, all later ones are, as visits after a patient has left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ...checks import check_known, check_names, invalid
from ..batch import ModalityBatch
from .base import Missingness, checked_rates, uniform


@dataclass(frozen=True)
class MonotoneDropout(Missingness):
    """A row that still has everything so far drops out at the next modality of the order with the given probability.

    After k modalities with the rate r a row is still in with probability (1-r)^k. A gap that was there is a drop-out
    as well: what follows it is lost. Modalities outside the order are kept. Neither values nor labels matter.

    Args:
        order: Modalities, first to last.
        rate: Probability of dropping out at a modality, of the rows still in: for all of the order, or by modality (one
            left out has no drop-outs of its own).
        at_least_one: Whether a row keeps the first of the order if it has nothing outside the order. (One that lacks
            the first already gets any of its modalities back.)

    Raises:
        TypeError: If the order is a bare string, or a rate no number.
        ValueError: If a rate is outside [0, 1] or of a modality outside the order, the order is empty or repeats a
            modality or, in ``apply``, names an unknown modality.

    Example:
        >>> batch = ModalityBatch({name: torch.zeros(1000) for name in ("first", "second", "third")})
        >>> visits = MonotoneDropout(["first", "second", "third"], {"second": 0.2, "third": 0.5})
        >>> kept = visits.apply(batch, torch.Generator().manual_seed(0)).present
        >>> bool(kept["first"].all()), bool((kept["third"] & ~kept["second"]).any())
        (True, False)
        >>> 350 < int(kept["third"].sum()) < 450
        True

    Reference: Little and Rubin (2019), Statistical Analysis with Missing Data, chapter 1.
    """

    order: Sequence[str]
    rate: float | Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", check_names("order", self.order))
        if not self.order:
            raise invalid("order", "name at least one modality", "none")
        object.__setattr__(self, "rate", checked_rates(self.rate))
        if isinstance(self.rate, Mapping):
            for name in self.rate:
                check_known("each modality in rate", name, self.order)

    def _draw(self, batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
        for name in self.order:
            check_known("each of order", name, batch.inputs)
        present = {name: mask.to(generator.device) for name, mask in batch.present.items()}
        still_in = torch.ones(batch.shape, dtype=torch.bool, device=generator.device)
        kept = {}
        for name in self.order:
            rate = self.rate.get(name, 0.0) if isinstance(self.rate, Mapping) else self.rate
            still_in = still_in & present[name] & (uniform(batch.shape, generator) >= rate)
            kept[name] = still_in
        if self.at_least_one:
            outside = torch.zeros_like(still_in)
            for name in set(batch.modalities) - set(self.order):
                outside |= present[name]
            kept[self.order[0]] = kept[self.order[0]] | ~outside
        return batch.keep({name: mask.to(batch.present[name].device) for name, mask in kept.items()})
