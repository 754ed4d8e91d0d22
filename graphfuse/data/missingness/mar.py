"""Missing at random: a modality is lost depending on what other modalities are seen to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...checks import check_known, check_name, check_names, invalid
from ..batch import ModalityBatch
from .base import Missingness, check_strength, checked_rate, drop
from .logistic import check_numbers, loss_probabilities, row_scores


@dataclass(frozen=True)
class MAR(Missingness):
    """A modality is lost with probability ``sigmoid(bias + strength · score)`` of the observed values of its drivers.

    The score of a row is the mean standardized value of its drivers, standardized over the batch, and 0 where it has
    none of them; the bias is solved so that the mean probability over the rows that have the modality is the rate.
    Neither the modality's own values nor any label matters. Losses are at random as long as the drivers stay observed:
    drop them as well, and they depend on what is not seen. Scores and bias are those of the batch given.

    Args:
        modality: The one that goes missing.
        drivers: The modalities on whose observed values it depends; of a DataFrame the columns of numbers count.
        rate: Mean probability of a loss.
        strength: Log-odds of a loss per standard deviation of the score; 0 is ``MCAR``, below 0 low values are lost.
        at_least_one: Whether a row that loses everything gets a modality back.

    Raises:
        TypeError: If the drivers are a bare string, or a number is none.
        ValueError: If the rate is outside [0, 1], the modality drives itself, there is no driver or, in ``apply``, a
            modality is unknown or a driver holds no numbers.

    Example:
        >>> batch = ModalityBatch({"age": torch.linspace(20, 90, 1000), "ecg": torch.zeros(1000, 2)})
        >>> gaps = MAR("ecg", ["age"], rate=0.4, strength=3.0).apply(batch, torch.Generator().manual_seed(0))
        >>> lost = ~gaps.present["ecg"]
        >>> bool(lost[:500].sum() < 100), bool(lost[500:].sum() > 300), bool(gaps.present["age"].all())
        (True, True, True)

    Reference: Rubin (1976), Inference and Missing Data; Little and Rubin (2019), Statistical Analysis with Missing
    Data, chapter 1.
    """

    modality: str
    drivers: Sequence[str]
    rate: float
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_name("modality", self.modality)
        object.__setattr__(self, "drivers", check_names("drivers", self.drivers))
        if not self.drivers:
            raise invalid("drivers", "name at least one modality", "none")
        if self.modality in self.drivers:
            must = f"not hold the modality itself, {self.modality!r} (ValueMNAR depends on its own value)"
            raise invalid("drivers", must, self.drivers)
        object.__setattr__(self, "rate", checked_rate("rate", self.rate))
        check_strength(self.strength)

    def _draw(self, batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
        check_known("modality", self.modality, batch.inputs)
        for name in self.drivers:
            check_numbers("each of drivers", name, batch)
        rows = batch.present[self.modality]
        scores = row_scores(batch, tuple(self.drivers)).to(rows.device)
        return drop(batch, {self.modality: loss_probabilities(scores, rows, self.rate, self.strength)}, generator)
