"""Modalities that go missing at different rates, up to one that hardly any training row has."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ...checks import invalid
from ...data import MCAR, Dataset, ModalityBatch
from .base import Protocol, Trial
from .levels import checked_number, needs_two_modalities


@dataclass(frozen=True)
class ImbalancedRates(Protocol):
    """Each modality has a missing rate of its own, in training and test rows alike; then the rates change.

    Under ``"ascending"`` the rates are spread evenly from ``low`` for the first modality to ``high`` for the last,
    under ``"descending"`` the other way round; entries are lost independently, and a row that loses everything gets a
    modality back, so realised rates are a little lower. Test rows have the same rates (the reference), equal rates of
    the same mean, or lose nothing. Under ``"severe"`` the share ``severe_present`` of the rows has the last modality,
    exact up to rounding: more if more have nothing else, fewer if fewer came with it. Test rows then have it as rarely
    (the reference), or lose nothing.

    Args:
        low: The lowest rate.
        high: The highest rate.
        severe_present: Share of the rows that keep the last modality under ``"severe"``; 10 to 20 % in SMIL.

    Raises:
        TypeError: If a setting is no number.
        ValueError: If one is outside [0, 1], or ``low`` is above ``high``.

    Example:
        >>> from graphfuse import load
        >>> from graphfuse.data import missing_rates
        >>> data = load("breast_cancer")
        >>> trial = ImbalancedRates().draw(data[:400], data[400:], "severe", torch.Generator().manual_seed(0))
        >>> missing_rates(trial.train.batch), tuple(trial.tests)
        ({'mean': 0.0, 'error': 0.0, 'worst': 0.85}, ('same rates', 'complete'))

    Reference: Ma et al. (2021), SMIL: Multimodal Learning with Severely Missing Modality; MissBench, arXiv 2603.09874.
    """

    question = "What if one modality is missing far more often than another?"

    low: float = 0.1
    high: float = 0.7
    severe_present: float = 0.15

    def __post_init__(self) -> None:
        for name in ("low", "high", "severe_present"):
            object.__setattr__(self, name, checked_number(name, getattr(self, name)))
        if self.low > self.high:
            raise invalid("low", f"be at most high, {self.high:g}", self.low)

    def refusal(self, dataset: Dataset) -> str | None:
        return needs_two_modalities(dataset)

    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        return ("ascending", "descending", "severe")

    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        self._check_condition(train, condition)
        if condition == "severe":
            same, scarce = (replace(rows, batch=self._scarce(rows.batch, generator)) for rows in (test, train))
            return Trial(scarce, {"same rates": same, "complete": test})
        names = train.batch.modalities
        rates = np.linspace(self.low, self.high, len(names)).tolist()
        own = MCAR(dict(zip(names, rates if condition == "ascending" else rates[::-1], strict=True)), at_least_one=True)
        equal = MCAR((self.low + self.high) / 2, at_least_one=True)
        tests = {
            "same rates": replace(test, batch=own.apply(test.batch, generator)),
            "equal rates": replace(test, batch=equal.apply(test.batch, generator)),
            "complete": test,
        }
        return Trial(replace(train, batch=own.apply(train.batch, generator)), tests)

    def _scarce(self, batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
        *others, last = batch.modalities
        needed = batch.present[last] & ~torch.stack([batch.present[name] for name in others]).any(0)
        ranking = torch.rand(len(batch), generator=generator) - needed.float()
        ranking = ranking.masked_fill(~batch.present[last], torch.inf)
        num_kept = max(round(self.severe_present * len(batch)), int(needed.sum()))
        kept = torch.zeros(len(batch), dtype=torch.bool)
        kept[ranking.argsort(stable=True)[:num_kept]] = True
        return batch.keep({last: kept})
