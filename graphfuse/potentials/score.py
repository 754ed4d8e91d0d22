"""Ready scores of a classifier, weighted by how far they can be trusted beside the others."""

import torch
from torch import Tensor, nn

from ..checks import check_name, invalid
from .base import Potential


class ScorePotential(Potential):
    """Scores per state times one trained, positive weight.

    With density ratios log p(y | x) - log p(y) as scores and a weight of one, a star of such potentials is the product
    of experts; smaller weights take back what correlated sources say twice.

    Args:
        num_states: States of the variable, and entries of a score.
        modality: The source whose values are the scores, ``(*batch, num_states)`` in nats.

    Example:
        >>> ScorePotential(2, "ecg")(torch.tensor([[0.5, -0.5]]))
        tensor([[ 0.5000, -0.5000]], grad_fn=<MulBackward0>)

    Reference: Hinton (2002), Training products of experts by minimizing contrastive divergence; Genest and Zidek
    (1986), Combining probability distributions, for weighted logarithmic pooling.
    """

    def __init__(self, num_states: int, modality: str) -> None:
        check_name("modality", modality)
        super().__init__(modality)
        self.num_states = num_states
        self.log_weight = nn.Parameter(torch.zeros(()))

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        if inputs is None or not inputs.ndim or inputs.shape[-1] != self.num_states:
            found = None if inputs is None else tuple(inputs.shape)
            raise invalid(f"scores of modality {self.modality!r}", f"have shape (*batch, {self.num_states})", found)
        return inputs * self.log_weight.exp()

    def extra_repr(self) -> str:
        return f"modality={self.modality!r}, num_states={self.num_states}"
