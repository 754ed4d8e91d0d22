"""Evidential fusion: every modality gives an opinion, a Dirichlet, and opinions are combined."""

from abc import abstractmethod
from collections.abc import Mapping
from math import log

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..data import ModalityBatch
from ..graph import Variable
from .encoded import EncodedFusion, check_positive_prior


class EvidentialFusion(EncodedFusion):
    """Evidence for each state by modality, combined into one Dirichlet, whose mean is the answer.

    Evidence ``e`` stands for the opinion with belief ``e_k / S`` in state ``k`` and uncertainty ``num_states / S``,
    where ``S = sum_k e_k + num_states``, and for the Dirichlet of concentration ``e + num_states * prior``: with a
    uniform prior the one of the papers, ``e + 1``. A missing modality has no evidence; without any, the answer is the
    prior.

    Args:
        encoders: By modality, any module from ``(rows, *features)`` to ``(rows, num_states)``; evidence is its
            softplus.
        target: The variable to predict.
        prior: Base rates ``(num_states,)`` above zero.
    """

    prior: Tensor

    def __init__(self, encoders: Mapping[str, nn.Module], target: Variable, prior: Tensor) -> None:
        super().__init__(encoders, target, dict.fromkeys(encoders, target.num_states))
        check_positive_prior(prior, target.num_states)
        self.register_buffer("prior", prior.detach().clone())

    @abstractmethod
    def combine(self, evidence: Tensor, present: Tensor) -> Tensor:
        """Log-concentration ``(rows, num_states)`` of evidence ``(rows, modalities, num_states)``, zero if missing."""

    def evidence(self, batch: ModalityBatch) -> Tensor:
        """Evidence ``(*batch, modalities, num_states)`` of each modality; zero where it is missing."""
        found = self._evidence(*self.encode(batch))
        return found.reshape(*batch.shape, *found.shape[1:])

    def log_concentration(self, batch: ModalityBatch) -> Tensor:
        """Logarithm ``(*batch, num_states)`` of the concentration of the combined Dirichlet."""
        outputs, present = self.encode(batch)
        return self.combine(self._evidence(outputs, present), present).reshape(*batch.shape, -1)

    def uncertainty(self, batch: ModalityBatch) -> Tensor:
        """Mass ``(*batch,)`` in [0, 1] of the combined opinion that is on no single state; one without evidence."""
        return (log(self.target.num_states) - self.log_concentration(batch).logsumexp(-1)).exp()

    def log_probs(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        return self.combine(self._evidence(outputs, present), present).log_softmax(-1)

    def _evidence(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        return torch.where(present.unsqueeze(-1), softplus(torch.stack(outputs, 1)), 0.0)


class DempsterFusion(EvidentialFusion):
    """Opinions combined by Dempster's rule (TMC).

    On masses of single states and of the whole frame the rule is commutative and associative: ``1 + e_k / num_states``
    multiplies over the modalities. Computed as that product, the order of the modalities cannot matter, and no evidence
    is a factor of one. Caveats: sources are taken as independent, so every further modality, even a conflicting or a
    repeated one, lowers the uncertainty; and conflict is normalized away, which can favour a state that no source
    finds likely. Train by ``EvidentialLoss``; by likelihood alone the evidence is not calibrated.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import DempsterFusion
        >>> encoders = {"a": nn.Identity(), "b": nn.Identity()}
        >>> model = DempsterFusion(encoders, Variable("y", 2), prior=torch.tensor([0.5, 0.5]))
        >>> scores = {"a": torch.tensor([[2.0, -9.0], [2.0, -9.0]]), "b": torch.tensor([[2.0, -9.0], [nan, nan]])}
        >>> model.uncertainty(ModalityBatch(scores))
        tensor([0.2349, 0.4846])

    Reference: Han et al. (2021), Trusted multi-view classification; Shafer (1976), A Mathematical Theory of Evidence.
    """

    def combine(self, evidence: Tensor, present: Tensor) -> Tensor:
        num_states = self.target.num_states
        growth = (evidence / num_states).log1p().sum(1)
        # num_states * (exp(growth) - 1 + prior), with the exponential taken out, so that nothing overflows
        return growth + log(num_states) + torch.log(1 - (1 - self.prior.to(growth.dtype)) * (-growth).exp())


class AveragingFusion(EvidentialFusion):
    """Opinions combined by averaging the evidence of the present modalities (ECML).

    One mean over all present modalities: averaging pairwise, one after the other, would weigh the last most. A
    conflicting modality can raise the uncertainty. Caveat: so can an agreeing but less certain one, and witnesses who
    agree add no certainty. Train by ``EvidentialLoss`` with a ``conflict_weight``.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import AveragingFusion
        >>> encoders = {"a": nn.Identity(), "b": nn.Identity()}
        >>> model = AveragingFusion(encoders, Variable("y", 2), prior=torch.tensor([0.5, 0.5]))
        >>> scores = {"a": torch.tensor([[2.0, -9.0], [2.0, -9.0]]), "b": torch.tensor([[2.0, -9.0], [nan, nan]])}
        >>> model.uncertainty(ModalityBatch(scores))
        tensor([0.4846, 0.4846])

    Reference: Xu et al. (2024), Reliable conflictive multi-view learning.
    """

    def combine(self, evidence: Tensor, present: Tensor) -> Tensor:
        mean = evidence.sum(1) / present.sum(1, keepdim=True).clamp(min=1)
        return torch.log(mean + self.target.num_states * self.prior.to(mean.dtype))
