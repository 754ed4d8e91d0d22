"""The objective of sparse experts: likelihood, all experts in use, and an expert for each pattern of gaps."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_type, invalid
from ..data import ModalityBatch
from ..fusion import FusionModel, SparseExpertsFusion
from .objectives import target_nll


@dataclass(frozen=True)
class RoutedNLL:
    """Mean negative log-likelihood of the known targets in nats, plus what keeps the router balanced and specialized.

    An objective for ``fit``. Balance is the squared coefficient of variation of the experts' shares of the batch;
    specialization the surprise of the router, in nats, at the expert of the pattern of each incomplete row, which is
    the pattern's number modulo the number of experts.

    Args:
        balance_weight: Factor of the balance.
        specialization_weight: Factor of the specialization.

    Raises:
        TypeError: If the model is no ``SparseExpertsFusion``.
        ValueError: If a weight is below zero.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import SparseExpertsFusion
        >>> model = SparseExpertsFusion({"ecg": nn.Linear(3, 4)}, 4, Variable("ill", 2))
        >>> batch = ModalityBatch({"ecg": torch.randn(5, 3)}, targets={"ill": [0, 1, 1, 0, -1]})
        >>> RoutedNLL()(model, batch, torch.Generator()).shape
        torch.Size([])

    Reference: Shazeer et al. (2017), Outrageously large neural networks: the sparsely-gated mixture-of-experts layer,
    section 4; Yun et al. (2024), Flex-MoE: modeling arbitrary modality combination via the flexible mixture-of-experts.
    """

    balance_weight: float = 0.01
    specialization_weight: float = 0.01

    def __post_init__(self) -> None:
        for name in ("balance_weight", "specialization_weight"):
            if not getattr(self, name) >= 0:
                raise invalid(name, "be at least 0", getattr(self, name))

    def __call__(self, model: FusionModel, batch: ModalityBatch, generator: torch.Generator) -> Tensor:
        check_type("model", model, SparseExpertsFusion, "be a SparseExpertsFusion")
        assert isinstance(model, SparseExpertsFusion)
        log_routes, patterns = model.routing(batch)
        num_modalities, num_experts = log_routes.shape[-2:]
        shares = log_routes.exp().reshape(-1, num_experts).mean(0)
        balance = shares.var(correction=0) / shares.mean() ** 2
        own = (patterns % num_experts)[..., None, None].expand(*patterns.shape, num_modalities, 1)
        surprise = -log_routes.gather(-1, own).squeeze(-1).mean(-1)
        incomplete = patterns < 2**num_modalities - 1
        specialization = torch.where(incomplete, surprise, 0.0).sum() / incomplete.sum().clamp(min=1)
        penalty = self.balance_weight * balance + self.specialization_weight * specialization
        return target_nll(model, batch, generator) + penalty
