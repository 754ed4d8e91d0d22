"""The objective of a multimodal autoencoder: lower bounds given all, one and some of the modalities."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_count, check_type, invalid
from ..data import ModalityBatch, random_subsets
from ..fusion import FusionModel, MultimodalVAE


@dataclass(frozen=True)
class SubsampledELBO:
    """Negative lower bound in nats per row, the mean over complete rows, each modality alone, and random subsets.

    An objective for ``fit``. A subset explains its own modalities only.

    Args:
        num_subsets: How many random subsets to draw per row and step, besides all and each.
        target_weight: Factor of the log-probability of the target; inputs of many cells need more than one.
        divergence_weight: Factor of the divergence of the posterior from the prior.

    Raises:
        TypeError: If the model is no ``MultimodalVAE``.
        ValueError: If a count or a weight is below zero.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import MultimodalVAE
        >>> encoders, decoders = {"ecg": nn.Linear(3, 4)}, {"ecg": nn.Linear(2, 3)}
        >>> model = MultimodalVAE(encoders, decoders, nn.Linear(2, 2), 2, Variable("ill", 2))
        >>> batch = ModalityBatch({"ecg": torch.randn(5, 3)}, targets={"ill": [0, 1, 1, 0, -1]})
        >>> SubsampledELBO()(model, batch, torch.Generator().manual_seed(0)).shape
        torch.Size([])

    Reference: Wu and Goodman (2018), Multimodal generative models for scalable weakly-supervised learning, section 2.2.
    """

    num_subsets: int = 1
    target_weight: float = 1.0
    divergence_weight: float = 1.0

    def __post_init__(self) -> None:
        check_count("num_subsets", self.num_subsets, minimum=0)
        for name in ("target_weight", "divergence_weight"):
            if not getattr(self, name) >= 0:
                raise invalid(name, "be at least 0", getattr(self, name))

    def __call__(self, model: FusionModel, batch: ModalityBatch, generator: torch.Generator) -> Tensor:
        check_type("model", model, MultimodalVAE, "be a MultimodalVAE")
        assert isinstance(model, MultimodalVAE)
        views = [batch]
        if len(model.modalities) > 1:
            views += [_alone(batch, name, model.modalities) for name in model.modalities]
        views += [random_subsets(batch, generator) for _ in range(self.num_subsets)]
        stacked = ModalityBatch.stack(views)  # one pass through the networks, not one a view
        return -model.elbo(stacked, generator, self.target_weight, self.divergence_weight).mean()


def _alone(batch: ModalityBatch, kept: str, modalities: tuple[str, ...]) -> ModalityBatch:
    return batch.keep({name: torch.zeros_like(batch.present[name]) for name in modalities if name != kept})
