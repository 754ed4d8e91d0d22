"""A multilayer perceptron for tables of numbers, with gaps."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..checks import check_count


class MLP(nn.Sequential):
    """Fully connected layers from ``(*batch, num_features)`` to ``(*batch, num_outputs)``.

    A ``nan`` is read as zero beside an indicator that it is missing, so cells may be missing anywhere.

    Example:
        >>> MLP(3, 2)(torch.tensor([[0.5, nan, 1.0]])).shape
        torch.Size([1, 2])
    """

    def __init__(
        self, num_features: int, num_outputs: int, hidden: Sequence[int] = (64,), dropout: float = 0.0
    ) -> None:
        for argument, count in (("num_features", num_features), ("num_outputs", num_outputs)):
            check_count(argument, count)
        sizes = [2 * num_features, *hidden]
        layers: list[nn.Module] = [MissingCells()]
        for size, following in pairwise(sizes):
            layers += [nn.Linear(size, following), nn.ReLU(), nn.Dropout(dropout)]
        super().__init__(*layers, nn.Linear(sizes[-1], num_outputs))


class MissingCells(nn.Module):
    """Values with ``nan`` read as zero, followed by one indicator per cell: twice as many features."""

    def forward(self, inputs: Tensor) -> Tensor:
        missing = inputs.isnan()
        return torch.cat([torch.where(missing, torch.zeros_like(inputs), inputs), missing.to(inputs.dtype)], -1)
