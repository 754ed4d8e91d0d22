"""Hybrid fusion: what an early model says and what a late one says, pooled."""

import torch
from torch import Tensor

from ..checks import invalid, listed
from ..data import ModalityBatch
from .base import FusionModel


class HybridFusion(FusionModel):
    """The normalized geometric mean of several fusion models of the same targets, such as an early and a late one.

    Example:
        >>> from graphfuse import EarlyFusion, HybridFusion, LogarithmicPool, ModalityBatch, Variable
        >>> from graphfuse.encoders import MLP
        >>> target = Variable("label", 2)
        >>> early = EarlyFusion(MLP(3, 2), ["ecg"], target)
        >>> late = LogarithmicPool({"ecg": nn.Linear(3, 2)}, target, torch.tensor([0.5, 0.5]))
        >>> HybridFusion(early, late)(ModalityBatch({"ecg": torch.zeros(4, 3)}))["label"].shape
        torch.Size([4, 2])

    Reference: Atrey et al. (2010), Multimodal fusion for multimedia analysis, section 3.1.
    """

    def __init__(self, *models: FusionModel) -> None:
        if not models:
            raise invalid("models", "hold at least one fusion model", "none")
        super().__init__(list(models[0].targets.values()))
        for model in models:
            if model.targets != self.targets:
                raise invalid("models", f"all predict {listed(self.targets)}", listed(model.targets))
        self.models = torch.nn.ModuleList(models)

    def forward(self, batch: ModalityBatch) -> dict[str, Tensor]:
        answers = [model(batch) for model in self.models]
        return {
            name: torch.stack([answer[name] for answer in answers]).mean(0).log_softmax(-1) for name in self.targets
        }
