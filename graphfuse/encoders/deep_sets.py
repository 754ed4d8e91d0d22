"""A network for sets, whose answer does not depend on the order of the elements."""

import torch
from torch import Tensor, nn

from ..checks import check_count
from .mlp import MLP
from .sequences import rows_and_gaps


class DeepSets(nn.Module):
    """Mean and maximum over embedded elements: from ``(*batch, elements, num_features)`` to ``(*batch, num_outputs)``.

    Elements whose features are all ``nan`` are absent, so sets of any size share a batch; mean and maximum of an
    empty set are zero. A single ``nan`` is read as zero beside an indicator. Elements do not interact before they are
    pooled, and the number of elements is not seen.

    Args:
        num_features: Features per element.
        num_outputs: Outputs, for example classes.
        hidden: Size of an embedded element.

    Example:
        >>> sets = torch.tensor([[[0.5], [nan], [1.0]], [[1.0], [0.5], [nan]]])
        >>> first, second = DeepSets(1, 2)(sets)
        >>> torch.allclose(first, second)
        True

    Reference: Zaheer et al. (2017), Deep sets.
    """

    def __init__(self, num_features: int, num_outputs: int, hidden: int = 64) -> None:
        for argument, count in (("num_features", num_features), ("num_outputs", num_outputs), ("hidden", hidden)):
            check_count(argument, count)
        super().__init__()
        self.num_features = num_features
        self.element = nn.Sequential(MLP(num_features, hidden, (hidden,)), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, num_outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        values, missing = rows_and_gaps(inputs, self.num_features)
        embedded = self.element(values).masked_fill(missing.unsqueeze(-1), 0.0)  # at least zero, so zero is no maximum
        mean = embedded.sum(1) / (~missing).sum(1, keepdim=True).clamp(min=1)
        pooled = torch.cat([mean, embedded.amax(1)], dim=-1)
        return self.head(pooled.reshape(*inputs.shape[:-2], pooled.shape[-1]))
