"""Deep ensembles: the mean of the probabilities of several trainings of one model."""

from math import log

import torch
from torch import Tensor

from ..checks import invalid, listed
from ..data import ModalityBatch
from .base import FusionModel


class Ensemble(FusionModel):
    """The mean of the probabilities of several fusion models of the same targets, each target by itself.

    Its negative log-likelihood of a target is never above the mean of those of its models (Jensen's inequality).

    Example:
        >>> from graphfuse import LogarithmicPool, ModalityBatch, Variable
        >>> target, even = Variable("label", 2), torch.tensor([0.5, 0.5])
        >>> models = [LogarithmicPool({"ecg": nn.Linear(3, 2)}, target, even) for _ in range(3)]
        >>> Ensemble(*models)(ModalityBatch({"ecg": torch.zeros(4, 3)}))["label"].shape
        torch.Size([4, 2])

    Reference: Lakshminarayanan, Pritzel and Blundell (2017), Simple and scalable predictive uncertainty estimation
    using deep ensembles.
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
            name: torch.stack([answer[name] for answer in answers]).logsumexp(0) - log(len(answers))
            for name in self.targets
        }
