"""Sparse experts with a missing-modality bank: gaps are completed by learned features, a router picks the experts."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from ..checks import check_count, invalid
from ..data import ModalityBatch
from ..graph import Variable
from .encoded import EncodedFusion

_MOST_MODALITIES = 12


class SparseExpertsFusion(EncodedFusion):
    """Features of each modality, those of a missing one from a bank, refined by the few experts that a router picks.

    The bank holds features for every missing modality under every pattern of present ones, also under none. Caveats:
    the bank grows as two to the number of modalities, and features of a pattern that training did not show stay at
    their random start. Routers tend to use few experts, and only balancing keeps the others in use: train by
    ``RoutedNLL``, which also teaches the router to send the rows of a pattern to the pattern's own expert. The networks
    of the paper are transformers; here one layer of experts stands on the features, and one router serves complete and
    incomplete rows.

    Args:
        encoders: By modality, any module from ``(rows, *features)`` to features ``(rows, size)``; at most 12.
        size: The size of the features.
        target: The variable to predict.
        num_experts: How many experts there are.
        num_active: How many of them work on the features of one modality of one row.
        hidden_size: The hidden layer of an expert; twice the size if None.

    Raises:
        ValueError: If there are too many modalities, or more experts active than there are.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import SparseExpertsFusion
        >>> encoders = {"ecg": nn.Linear(3, 4), "age": nn.Linear(1, 4)}
        >>> model = SparseExpertsFusion(encoders, 4, Variable("ill", 2), num_experts=3, num_active=1)
        >>> model(ModalityBatch({"ecg": torch.zeros(2, 3), "age": torch.tensor([[nan], [1.0]])}))["ill"].shape
        torch.Size([2, 2])

    Reference: Yun et al. (2024), Flex-MoE: modeling arbitrary modality combination via the flexible mixture-of-experts;
    Shazeer et al. (2017), Outrageously large neural networks: the sparsely-gated mixture-of-experts layer.
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        size: int,
        target: Variable,
        num_experts: int = 4,
        num_active: int = 2,
        hidden_size: int | None = None,
    ) -> None:
        super().__init__(encoders, target, dict.fromkeys(encoders, size))
        hidden_size = 2 * size if hidden_size is None else hidden_size
        for argument, count in (("num_experts", num_experts), ("num_active", num_active), ("hidden_size", hidden_size)):
            check_count(argument, count)
        if num_active > num_experts:
            raise invalid("num_active", f"be at most num_experts, {num_experts}", num_active)
        num_modalities = len(self.modalities)
        if num_modalities > _MOST_MODALITIES:
            must = f"hold at most {_MOST_MODALITIES} modalities (the bank grows as two to their number)"
            raise invalid("encoders", must, num_modalities)
        self.num_active = num_active
        self.bank = nn.Parameter(torch.empty(2**num_modalities, num_modalities, size))
        nn.init.normal_(self.bank)
        self.router = nn.Linear(size, num_experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, size))
            for _ in range(num_experts)
        )
        self.output = nn.Linear(num_modalities * size, target.num_states)

    def patterns(self, present: Tensor) -> Tensor:
        """The number ``(*batch,)`` of the pattern of presence ``(*batch, modalities)``; the last one is complete."""
        return (present * 2 ** torch.arange(present.shape[-1], device=present.device)).sum(-1)

    def routing(self, batch: ModalityBatch) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the router ``(*batch, modalities, num_experts)`` and patterns ``(*batch,)``."""
        outputs, present = self.encode(batch)
        logits = self.router(self._tokens(outputs, present)).log_softmax(-1)
        return logits.reshape(*batch.shape, *logits.shape[1:]), self.patterns(present).reshape(batch.shape)

    def log_probs(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        tokens = self._tokens(outputs, present)
        refined = tokens + self._refine(tokens.flatten(0, 1)).reshape(tokens.shape)
        return self.output(refined.flatten(1)).log_softmax(-1)

    def _tokens(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        """Features ``(rows, modalities, size)`` without gaps."""
        completed = embedding(self.patterns(present), self.bank.flatten(1)).unflatten(-1, self.bank.shape[1:])
        return torch.where(present.unsqueeze(-1), torch.stack(outputs, 1), completed)

    def _refine(self, tokens: Tensor) -> Tensor:
        """What the active experts make of each token ``(tokens, size)``; the others are not run."""
        scores, active = self.router(tokens).topk(self.num_active, -1)
        weights = scores.softmax(-1)
        total = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            rows, places = (active == number).nonzero(as_tuple=True)
            total = total.index_add(0, rows, weights[rows, places].unsqueeze(-1) * expert(tokens[rows]))
        return total
