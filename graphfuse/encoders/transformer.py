"""A small transformer for sequences with missing steps."""

import torch
from torch import Tensor, nn

from ..checks import check_count, invalid
from .mlp import MissingCells
from .sequences import rows_and_gaps


class Transformer(nn.Module):
    """Self-attention among the steps: from ``(*batch, steps, num_features)`` to ``(*batch, num_outputs)``.

    A learned summary token attends to every step that is there and is read out, so a sequence without any step has
    the output of the token alone. Steps whose features are all ``nan`` are attended to by none, yet those after them
    keep their positions, which are sines and cosines of any length. A single ``nan`` is read as zero beside an
    indicator. With few sequences a ``GRU`` is the safer choice: attention learns the order of steps from the data.

    Args:
        num_features: Features per step.
        num_outputs: Outputs, for example classes.
        width: Size of a token; even, and a multiple of ``num_heads``.
        num_heads: Attention heads.
        num_layers: Layers of attention.
        dropout: Share of activations dropped in training.

    Example:
        >>> sequence = torch.tensor([[[0.5], [nan], [1.0]], [[nan], [nan], [nan]]])
        >>> Transformer(1, 2)(sequence).shape
        torch.Size([2, 2])

    Reference: Vaswani et al. (2017), Attention is all you need.
    """

    def __init__(
        self,
        num_features: int,
        num_outputs: int,
        width: int = 32,
        num_heads: int = 4,
        num_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        sizes = {"num_features": num_features, "num_outputs": num_outputs, "width": width, "num_heads": num_heads}
        for argument, count in {**sizes, "num_layers": num_layers}.items():
            check_count(argument, count)
        if width % 2 or width % num_heads:
            raise invalid("width", f"be even and a multiple of num_heads, {num_heads}", width)
        super().__init__()
        self.num_features = num_features
        self.cells = MissingCells()
        self.embed = nn.Linear(2 * num_features, width)
        self.summary = nn.Parameter(torch.empty(width).normal_(std=width**-0.5))
        layer = nn.TransformerEncoderLayer(width, num_heads, 4 * width, dropout, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, num_layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, num_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        values, missing = rows_and_gaps(inputs, self.num_features)
        if not len(values):
            return self.head(values.new_zeros(*inputs.shape[:-2], self.head.in_features))
        tokens = self.embed(self.cells(values)) + _positions(values.shape[1], self.embed.out_features, values)
        tokens = torch.cat([self.summary.expand(len(tokens), 1, -1), tokens], dim=1)
        hidden = torch.cat([torch.zeros_like(missing[:, :1]), missing], dim=1)
        return self.head(self.layers(tokens, src_key_padding_mask=hidden)[:, 0]).reshape(*inputs.shape[:-2], -1)


def _positions(num_steps: int, width: int, like: Tensor) -> Tensor:
    """Sines and cosines of the step at wavelengths from 2 pi to 10000 times that, ``(num_steps, width)``."""
    frequencies = 10000.0 ** (-torch.arange(0, width, 2, device=like.device, dtype=like.dtype) / width)
    angles = torch.arange(num_steps, device=like.device, dtype=like.dtype).unsqueeze(1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)
