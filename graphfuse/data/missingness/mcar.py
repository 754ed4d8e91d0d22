"""Missing completely at random: each modality of each row is lost by a coin that looks at nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ..batch import ModalityBatch
from .base import Missingness, by_modality, checked_rates, drop


@dataclass(frozen=True)
class MCAR(Missingness):
    """Each present modality of each row is lost independently; a row may lose everything.

    Whatever the data, the draws are the same: neither values, nor labels, nor gaps matter.

    Args:
        rate: Probability of a loss, for all modalities or by modality (one left out is kept).
        at_least_one: Whether a row that loses everything gets a modality back. A rate near 1 is then not reached;
            ``ExactRate`` reaches what can be reached.

    Raises:
        TypeError: If a rate is no number.
        ValueError: If a rate is outside [0, 1] or, in ``apply``, names an unknown modality.

    Example:
        >>> batch = ModalityBatch({"ecg": torch.zeros(1000, 2), "age": torch.zeros(1000)})
        >>> gaps = MCAR({"ecg": 0.3}).apply(batch, torch.Generator().manual_seed(0))
        >>> 650 < int(gaps.present["ecg"].sum()) < 750, bool(gaps.present["age"].all())
        (True, True)

    Reference: Rubin (1976), Inference and Missing Data.
    """

    rate: float | Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", checked_rates(self.rate))

    def _draw(self, batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
        return drop(batch, by_modality(self.rate, batch), generator)


def drop_modalities(
    batch: ModalityBatch, rate: float | Mapping[str, float], generator: torch.Generator
) -> ModalityBatch:
    """The batch in which each present modality of each row is dropped independently; a row may lose everything.

    This is ``MCAR(rate)``, applied.

    Args:
        batch: Any batch.
        rate: Probability of a drop, for all modalities or by modality (one left out is kept).
        generator: Source of the draws.

    Raises:
        ValueError: If a rate is outside [0, 1] or names an unknown modality.

    Example:
        >>> batch = ModalityBatch({"age": torch.zeros(1000)})
        >>> kept = drop_modalities(batch, 0.3, torch.Generator().manual_seed(0)).present["age"]
        >>> 650 < int(kept.sum()) < 750
        True
    """
    return MCAR(by_modality(rate, batch)).apply(batch, generator)
