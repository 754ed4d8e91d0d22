"""Low-rank tensor fusion: the outer product of all features, weighed without ever being built."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..checks import check_count
from ..graph import Variable
from .encoded import EncodedFusion


class LowRankFusion(EncodedFusion):
    """Logits linear in the outer product of the modalities' features, with a weight tensor of low rank.

    Each vector of features is extended by a one, so products of any subset of the modalities take part. The tensor is a
    sum over the rank of outer products, hence the logits a sum of elementwise products of one term per modality; the
    term of a missing modality is the neutral element, one, and without any the bias answers. Caveat: products of many
    terms soon vanish or explode. Terms start near one, and features should be of unit scale.

    Args:
        encoders: By modality, any module from ``(rows, *features)`` to features ``(rows, size)``.
        sizes: By modality, the size of its features.
        target: The variable to predict.
        rank: How many outer products make the weight tensor.

    Raises:
        ValueError: If a size is missing, or the rank is below one.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import LowRankFusion
        >>> encoders = {"ecg": nn.Linear(3, 4), "age": nn.Linear(1, 2)}
        >>> model = LowRankFusion(encoders, {"ecg": 4, "age": 2}, Variable("ill", 2), rank=3)
        >>> model(ModalityBatch({"ecg": torch.zeros(2, 3), "age": torch.tensor([[nan], [1.0]])}))["ill"].shape
        torch.Size([2, 2])

    Reference: Liu et al. (2018), Efficient low-rank multimodal fusion with modality-specific factors.
    """

    def __init__(
        self, encoders: Mapping[str, nn.Module], sizes: Mapping[str, int], target: Variable, rank: int = 4
    ) -> None:
        super().__init__(encoders, target, sizes)
        check_count("rank", rank)
        self.factors = nn.ParameterList(torch.empty(rank, size + 1, target.num_states) for size in self.sizes)
        for factor, size in zip(self.factors, self.sizes, strict=True):
            nn.init.normal_(factor[:, :-1], std=(size * rank) ** -0.5)
            nn.init.ones_(factor[:, -1])
        self.bias = nn.Parameter(torch.zeros(target.num_states))

    def log_probs(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        terms = []
        for output, mask, factor in zip(outputs, present.unbind(-1), self.factors, strict=True):
            term = torch.einsum("ns,rsk->nrk", output, factor[:, :-1]) + factor[:, -1]
            terms.append(torch.where(mask[:, None, None], term, torch.ones_like(term)))
        return (torch.stack(terms).prod(0).sum(1) + self.bias).log_softmax(-1)
