"""The objective of evidential models: fit the target, withdraw misleading evidence, and settle conflicts."""

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence
from torch.nn.functional import one_hot

from ..checks import check_type, invalid
from ..data import ModalityBatch
from ..fusion import EvidentialFusion, FusionModel


@dataclass(frozen=True)
class EvidentialLoss:
    """Loss in nats per row of the combined opinion, plus that of each present modality's own, plus their conflict.

    The loss of a Dirichlet is the expected negative log-probability of the target, plus the divergence from the prior's
    Dirichlet that is left when the evidence for the target is removed. An objective for ``fit``. A row with an unknown
    target has only its conflict.

    Args:
        divergence_weight: Factor of the divergence; the papers raise it from 0 to 1 over the first epochs. More of it
            leaves rows that resemble rows of other states more uncertain, at a cost in likelihood.
        conflict_weight: Factor of the mean conflict between the opinions of present modalities: half the distance of
            their probabilities, times their certainties.

    Raises:
        TypeError: If the model is no ``EvidentialFusion``.
        ValueError: If a weight is below zero.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import DempsterFusion
        >>> model = DempsterFusion({"a": nn.Identity()}, Variable("y", 2), torch.tensor([0.5, 0.5]))
        >>> batch = ModalityBatch({"a": torch.tensor([[nan, nan]])}, targets={"y": [0]})
        >>> EvidentialLoss()(model, batch, torch.Generator())  # digamma(2) - digamma(1)
        tensor(1.0000)

    Reference: Han et al. (2021), Trusted multi-view classification; Xu et al. (2024), Reliable conflictive multi-view
    learning.
    """

    divergence_weight: float = 1.0
    conflict_weight: float = 0.0

    def __post_init__(self) -> None:
        for name in ("divergence_weight", "conflict_weight"):
            if not getattr(self, name) >= 0:
                raise invalid(name, "be at least 0", getattr(self, name))

    def __call__(self, model: FusionModel, batch: ModalityBatch, generator: torch.Generator) -> Tensor:
        check_type("model", model, EvidentialFusion, "be an EvidentialFusion")
        assert isinstance(model, EvidentialFusion)
        model.check_targets(batch)
        evidence = model.evidence(batch)
        present = torch.stack([batch.present[name] for name in model.modalities], -1)
        base = model.prior.to(evidence.dtype) * model.target.num_states
        most = log(torch.finfo(evidence.dtype).max) / 2  # where concentrations would overflow
        combined = model.log_concentration(batch).clamp(max=most).exp()
        states = batch.targets[model.target.name]
        alone = self._loss(evidence + base, states.unsqueeze(-1), base)
        loss = self._loss(combined, states, base) + torch.where(present, alone, 0.0).sum(-1)
        loss = torch.where(states >= 0, loss, 0.0)
        if self.conflict_weight:
            loss = loss + self.conflict_weight * conflict(evidence, present, base)
        return loss.mean()

    def _loss(self, concentration: Tensor, states: Tensor, base: Tensor) -> Tensor:
        """Loss ``(*batch,)`` of Dirichlets ``(*batch, num_states)``; of no meaning where the state is unknown."""
        chosen = one_hot(states.clamp(min=0), len(base)).to(concentration.dtype)
        surprise = concentration.sum(-1).digamma() - (chosen * concentration.digamma()).sum(-1)
        misleading = torch.where(chosen > 0, base, concentration)
        prior = Dirichlet(base.expand_as(misleading), validate_args=False)
        divergence = kl_divergence(Dirichlet(misleading, validate_args=False), prior)
        return surprise + self.divergence_weight * divergence


def conflict(evidence: Tensor, present: Tensor, base: Tensor) -> Tensor:
    """Mean conflict ``(*batch,)`` in [0, 1] over pairs of present modalities; zero where fewer than two are present.

    Args:
        evidence: ``(*batch, modalities, num_states)``.
        present: Bool ``(*batch, modalities)``.
        base: Concentration ``(num_states,)`` without evidence.
    """
    concentration = evidence + base
    strength = concentration.sum(-1)
    probabilities = concentration / strength.unsqueeze(-1)
    certainty = torch.where(present, 1 - base.sum() / strength, 0.0)
    distance = (probabilities.unsqueeze(-2) - probabilities.unsqueeze(-3)).abs().sum(-1) / 2
    pairs = distance * certainty.unsqueeze(-1) * certainty.unsqueeze(-2)  # zero between a modality and itself
    count = present.sum(-1)
    return pairs.sum((-1, -2)) / (count * (count - 1)).clamp(min=1)
