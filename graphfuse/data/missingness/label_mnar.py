"""Missing not at random: a modality is lost depending on the state of a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ...checks import check_known, check_name, check_type, invalid
from ..batch import ModalityBatch
from .base import Missingness, checked_rate, drop


@dataclass(frozen=True)
class LabelMNAR(Missingness):
    """Each modality is lost with a probability that the state of the target decides, independently given the state.

    That a modality is missing then says something of the target: a model that reads the gaps does well as long as the
    mechanism stays, and badly when it changes. Compare the same rates, equal rates and exchanged rates at test time.

    Args:
        target: The target whose state decides; it must be known in every row.
        rates: By modality, the probability of a loss in each state; a modality left out is kept.
        at_least_one: Whether a row that loses everything gets a modality back.

    Raises:
        TypeError: If the rates of a modality are not a sequence of numbers.
        ValueError: If a rate is outside [0, 1], there is none or, in ``apply``, a modality or the target is unknown, a
            row's state is unknown, or has no rate.

    Example:
        >>> batch = ModalityBatch({"scan": torch.zeros(2000)}, targets={"ill": torch.arange(2000) % 2})
        >>> mechanism = LabelMNAR("ill", {"scan": (0.1, 0.8)})
        >>> lost = ~mechanism.apply(batch, torch.Generator().manual_seed(0)).present["scan"]
        >>> 70 < int(lost[0::2].sum()) < 130, 750 < int(lost[1::2].sum()) < 850
        (True, True)

    Reference: Little and Rubin (2019), Statistical Analysis with Missing Data, chapter 15; Swamy et al. (2023),
    MultiModN: Multimodal, Multi-Task, Interpretable Modular Networks.
    """

    target: str
    rates: Mapping[str, Sequence[float]]

    def __post_init__(self) -> None:
        check_name("target", self.target)
        check_type("rates", self.rates, Mapping, "be a mapping from modalities to a rate per state")
        found = {}
        for name, each in self.rates.items():
            check_name("each modality in rates", name)
            if isinstance(each, str) or not hasattr(each, "__iter__"):
                raise invalid(f"rates[{name!r}]", "be a sequence of a rate per state", repr(each), TypeError)
            found[name] = tuple(checked_rate(f"rates[{name!r}][{i}]", rate) for i, rate in enumerate(each))
            if not found[name]:
                raise invalid(f"rates[{name!r}]", "hold a rate per state", "none")
        object.__setattr__(self, "rates", found)

    def _draw(self, batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
        check_known("target", self.target, batch.targets)
        states = batch.targets[self.target]
        if num_unknown := int((states < 0).sum()):
            must = "be known in every row (hide labels after modalities)"
            raise invalid(f"targets[{self.target!r}]", must, f"-1 in {num_unknown} of {states.numel()} rows")
        probabilities = {}
        for name, rates in self.rates.items():
            check_known("each modality in rates", name, batch.inputs)
            if states.numel() and int(states.max()) >= len(rates):
                must = f"hold a rate for each state of {self.target!r}, up to state {int(states.max())}"
                raise invalid(f"rates[{name!r}]", must, f"{len(rates)} rates")
            table = torch.tensor(rates, dtype=torch.float64, device=states.device)
            probabilities[name] = table[states].to(batch.present[name].device)
        return drop(batch, probabilities, generator)
