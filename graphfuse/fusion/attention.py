"""Attention fusion: one learned query attends to the features of the present modalities."""

from collections.abc import Mapping
from math import sqrt

import torch
from torch import Tensor, nn

from ..checks import check_count, invalid
from ..data import ModalityBatch
from ..graph import Variable
from .encoded import EncodedFusion


class AttentionFusion(EncodedFusion):
    """Masked attention over the present modalities and one learned token, which answers alone where none is present.

    Caveat: the weights say where the features came from, not what they contributed; for contributions in nats see the
    potentials of a ``GraphFusion``. Nor does a mask teach: train by ``random_subset_nll`` if rows will have gaps.

    Args:
        encoders: By modality, any module from ``(rows, *features)`` to features ``(rows, size)``.
        size: The size of the features.
        target: The variable to predict.
        num_heads: How many queries attend, each to its own part of the features.

    Raises:
        ValueError: If there is no encoder, or the heads do not divide the size.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import AttentionFusion
        >>> model = AttentionFusion({"ecg": nn.Linear(3, 4), "age": nn.Linear(1, 4)}, 4, Variable("ill", 2))
        >>> batch = ModalityBatch({"ecg": torch.zeros(2, 3), "age": torch.tensor([[nan], [nan]])})
        >>> model.attention(batch)[:, 1]
        tensor([0., 0.], grad_fn=<SelectBackward0>)

    Reference: Vaswani et al. (2017), Attention is all you need; Lee et al. (2019), Set transformer, section 3.2.
    """

    def __init__(self, encoders: Mapping[str, nn.Module], size: int, target: Variable, num_heads: int = 1) -> None:
        super().__init__(encoders, target, dict.fromkeys(encoders, size))
        check_count("num_heads", num_heads)
        if size % num_heads:
            raise invalid("num_heads", f"divide the size, {size}", num_heads)
        self.token = nn.Parameter(torch.empty(size))
        self.query = nn.Parameter(torch.empty(num_heads, size // num_heads))
        for parameter in (self.token, self.query):
            nn.init.normal_(parameter)
        self.key = nn.Linear(size, size, bias=False)  # a bias would move all scores alike
        self.value = nn.Linear(size, size)
        self.output = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, target.num_states))

    def attention(self, batch: ModalityBatch) -> Tensor:
        """Weights ``(*batch, modalities)``, the mean over the heads; zero where missing, the rest is the token's."""
        weights = self._weights(*self._tokens(*self.encode(batch))).mean(-1)[:, :-1]
        return weights.reshape(*batch.shape, len(self.modalities))

    def log_probs(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        tokens, mask = self._tokens(outputs, present)
        values = self.value(tokens).unflatten(-1, self.query.shape)
        context = (self._weights(tokens, mask).unsqueeze(-1) * values).sum(1)
        return self.output(context.flatten(1)).log_softmax(-1)

    def _tokens(self, outputs: list[Tensor], present: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(rows, modalities + 1, size)`` and which may be attended to; the last token always may."""
        tokens = torch.stack([*outputs, self.token.expand(len(present), -1)], 1)
        return tokens, torch.cat([present, present.new_ones(len(present), 1)], 1)

    def _weights(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Weights ``(rows, modalities + 1, heads)`` that sum to one over the tokens."""
        keys = self.key(tokens).unflatten(-1, self.query.shape)
        scores = (keys * self.query).sum(-1) / sqrt(self.query.shape[-1])
        return scores.masked_fill(~mask.unsqueeze(-1), -torch.inf).softmax(1)
