"""Missing not at random: a modality is lost depending on its own value."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...checks import check_name
from ..batch import ModalityBatch
from .base import Missingness, check_strength, checked_rate, drop
from .logistic import check_numbers, loss_probabilities, row_scores


@dataclass(frozen=True)
class ValueMNAR(Missingness):
    """A modality is lost with probability ``sigmoid(bias + strength · score)`` of its own value.

    The score of a row is the mean standardized value of the modality, standardized over the batch; the bias is solved
    so that the mean probability over the rows that have the modality is the rate. Neither the other modalities nor any
    label matters. What is lost cannot be seen in what is left: no method can recover the mechanism from the data alone.

    Args:
        modality: The one that goes missing; of a DataFrame the columns of numbers count.
        rate: Mean probability of a loss.
        strength: Log-odds of a loss per standard deviation of the score; 0 is ``MCAR``, below 0 low values are lost.
        at_least_one: Whether a row that loses everything gets a modality back.

    Raises:
        TypeError: If a number is none.
        ValueError: If the rate is outside [0, 1] or, in ``apply``, the modality is unknown or holds no numbers.

    Example:
        >>> batch = ModalityBatch({"income": torch.linspace(0, 1, 1000), "age": torch.zeros(1000)})
        >>> gaps = ValueMNAR("income", rate=0.3, strength=5.0).apply(batch, torch.Generator().manual_seed(0))
        >>> seen = gaps.inputs["income"][gaps.present["income"]]
        >>> bool(seen.mean() < 0.4)
        True

    Reference: Little and Rubin (2019), Statistical Analysis with Missing Data, chapter 15.
    """

    modality: str
    rate: float
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_name("modality", self.modality)
        object.__setattr__(self, "rate", checked_rate("rate", self.rate))
        check_strength(self.strength)

    def _draw(self, batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
        check_numbers("modality", self.modality, batch)
        rows = batch.present[self.modality]
        scores = row_scores(batch, (self.modality,)).to(rows.device)
        return drop(batch, {self.modality: loss_probabilities(scores, rows, self.rate, self.strength)}, generator)
