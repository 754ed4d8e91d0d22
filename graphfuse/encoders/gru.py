"""A gated recurrent network for sequences with missing steps."""

import torch
from torch import Tensor, nn

from ..checks import check_count
from .mlp import MissingCells
from .sequences import rows_and_gaps


class GRU(nn.Module):
    """The last state of gated recurrent units: from ``(*batch, steps, num_features)`` to ``(*batch, num_outputs)``.

    Steps whose features are all ``nan`` are left out, as if the sequence were shorter; a sequence without any step
    has the state zero. A single ``nan`` is read as zero beside an indicator. How long a gap lasted is not seen: pass
    the time of each step as a feature where it matters.

    Args:
        num_features: Features per step.
        num_outputs: Outputs, for example classes.
        hidden: Size of the state.
        num_layers: Recurrent layers on top of each other.

    Example:
        >>> sequence = torch.tensor([[[0.5], [nan], [1.0]], [[nan], [nan], [nan]]])
        >>> GRU(1, 2)(sequence).shape
        torch.Size([2, 2])

    Reference: Cho et al. (2014), Learning phrase representations using RNN encoder-decoder for statistical machine
    translation.
    """

    def __init__(self, num_features: int, num_outputs: int, hidden: int = 64, num_layers: int = 1) -> None:
        sizes = {"num_features": num_features, "num_outputs": num_outputs, "hidden": hidden, "num_layers": num_layers}
        for argument, count in sizes.items():
            check_count(argument, count)
        super().__init__()
        self.num_features = num_features
        self.cells = MissingCells()
        self.units = nn.GRU(2 * num_features, hidden, num_layers, batch_first=True)
        self.head = nn.Linear(hidden, num_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        values, missing = rows_and_gaps(inputs, self.num_features)
        observed_first = missing.to(torch.uint8).argsort(dim=1, stable=True)
        ordered = values.take_along_dim(observed_first.unsqueeze(-1), dim=1)
        if not len(ordered):
            return self.head(values.new_zeros(*inputs.shape[:-2], self.head.in_features))
        states, _ = self.units(self.cells(ordered))
        states = torch.cat([torch.zeros_like(states[:, :1]), states], dim=1)
        last = (~missing).sum(1).reshape(-1, 1, 1).expand(-1, 1, states.shape[-1])
        return self.head(states.gather(1, last).squeeze(1)).reshape(*inputs.shape[:-2], -1)
