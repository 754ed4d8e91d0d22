"""A product of potentials: several opinions of one factor, multiplied."""

from functools import reduce

import torch
from torch import Tensor

from .combined import CombinedPotential


class ProductPotential(CombinedPotential):
    """The sum of the members' log-tables; ``-inf`` of any member forbids a joint state.

    Equal to as many factors over the same scope, if none is silenced. It is sure where members agree: opinions drawn
    from the same source are counted twice, which trained weights, as of a score potential, may take back.

    Args:
        members: Potentials over the scope, constant or reading one and the same modality.
        shape: Numbers of states of the scope.

    Raises:
        ValueError: If there is no member, or members read several modalities; on a call, if a table does not fit.

    Example:
        >>> from graphfuse import ScorePotential, TablePotential
        >>> prior = TablePotential(torch.tensor([0.0, 1.0]))
        >>> ProductPotential([prior, ScorePotential(2, "ecg")], shape=(2,))(torch.tensor([[0.5, -0.5]]))
        tensor([[0.5000, 0.5000]], grad_fn=<AddBackward0>)

    Reference: Hinton (2002), Training products of experts by minimizing contrastive divergence.
    """

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        return reduce(torch.add, self.tables(inputs))
