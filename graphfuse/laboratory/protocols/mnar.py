"""A modality whose absence tells of the label in training, and not, or the opposite, at test time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ...data import MCAR, Dataset, LabelMNAR
from .base import Protocol, Trial
from .levels import checked_number, needs_two_modalities


@dataclass(frozen=True)
class Mnar(Protocol):
    """In training the first modality goes missing by label; at test time it does so too, at one rate, or the other way.

    It is missing with probability ``high`` in the upper half of the classes (of two, the second; the middle one of an
    odd number is in the lower half), with probability ``low`` in the others. All other modalities are missing with
    probability ``others``, and a row that loses everything gets a modality back. Test rows are ``"same"`` (the
    reference), ``"MCAR"``, where the first modality is missing with the mean of the two probabilities whatever the
    label, and ``"flipped"``, where the two are exchanged.

    Args:
        high: Probability of a loss in the upper classes.
        low: Probability of a loss in the lower classes.
        others: Probability of a loss of each other modality.

    Raises:
        TypeError: If a probability is no number.
        ValueError: If it is outside [0, 1].

    Example:
        >>> from graphfuse import load
        >>> data = load("breast_cancer")
        >>> trial = Mnar().draw(data[:400], data[400:], "MNAR", torch.Generator().manual_seed(0))
        >>> malignant = trial.train.batch.targets["diagnosis"] == 1
        >>> bool(trial.train.batch.present["mean"][malignant].double().mean() < 0.3), tuple(trial.tests)
        (True, ('same', 'MCAR', 'flipped'))

    Reference: Swamy et al. (2023), MultiModN: Multimodal, Multi-Task, Interpretable Modular Networks.
    """

    question = "Does a model rely on what the gaps tell of the label, and fail when they tell something else?"
    reads_labels = True

    high: float = 0.8
    low: float = 0.1
    others: float = 0.2

    def __post_init__(self) -> None:
        for name in ("high", "low", "others"):
            object.__setattr__(self, name, checked_number(name, getattr(self, name)))

    def refusal(self, dataset: Dataset) -> str | None:
        return needs_two_modalities(dataset)

    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        return ("MNAR",)

    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        self._check_condition(train, condition)
        first, *rest = train.batch.modalities
        mnar, flipped = (self._by_label(train, *rates) for rates in ((self.low, self.high), (self.high, self.low)))
        rates = {first: (self.low + self.high) / 2, **dict.fromkeys(rest, self.others)}
        mechanisms = {"same": mnar, "MCAR": MCAR(rates, at_least_one=True), "flipped": flipped}
        tests = {name: replace(test, batch=each.apply(test.batch, generator)) for name, each in mechanisms.items()}
        return Trial(replace(train, batch=mnar.apply(train.batch, generator)), tests)

    def _by_label(self, dataset: Dataset, lower: float, upper: float) -> LabelMNAR:
        first, *rest = dataset.batch.modalities
        num_states = dataset.target.num_states
        rates = {first: [upper if 2 * state >= num_states else lower for state in range(num_states)]}
        return LabelMNAR(
            dataset.target.name, rates | {name: [self.others] * num_states for name in rest}, at_least_one=True
        )
