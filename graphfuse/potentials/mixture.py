"""A mixture of potentials: one of several opinions holds, and its probability is trained."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..checks import invalid
from ..logspace import logsumexp
from ..tensor_checks import check_log_values
from .base import Potential
from .combined import CombinedPotential


class MixturePotential(CombinedPotential):
    """The log of the members' weighted mean; the weights are positive, sum to one, and are trained.

    Normalized members, conditional tables or densities, give a normalized mixture, and densities that integrate missing
    cells out keep doing so. A joint state is forbidden if every member forbids it. The weights do not depend on the
    state or the row. Members of equal parameters get equal gradients, so start from unequal ones.

    Args:
        members: Potentials over the scope, constant or reading one and the same modality.
        shape: Numbers of states of the scope.
        log_weights: Where training starts, ``(num_members,)`` in nats, up to a constant; equal weights if None.

    Raises:
        ValueError: If there is no member, members read several modalities, or no weight is finite; on a call, if a
            table does not fit.

    Example:
        >>> from graphfuse import ConditionalPotential
        >>> sure = ConditionalPotential.from_probabilities(torch.tensor([1.0, 0.0]))
        >>> blind = ConditionalPotential.from_probabilities(torch.tensor([0.5, 0.5]))
        >>> MixturePotential([sure, blind], shape=(2,), log_weights=torch.tensor([0.9, 0.1]).log())().exp()
        tensor([0.9500, 0.0500], grad_fn=<ExpBackward0>)

    Reference: McLachlan and Peel (2000), Finite Mixture Models, chapter 2.
    """

    def __init__(self, members: Sequence[Potential], shape: Sequence[int], log_weights: Tensor | None = None) -> None:
        super().__init__(members, shape)
        log_weights = torch.zeros(len(members)) if log_weights is None else log_weights
        check_log_values("log_weights", log_weights)
        if tuple(log_weights.shape) != (len(members),):
            raise invalid("log_weights", f"have shape ({len(members)},), one per member", tuple(log_weights.shape))
        if not bool(log_weights.isfinite().any()):
            raise invalid("log_weights", "have a finite entry", log_weights.tolist())
        self.log_weights = nn.Parameter(log_weights.detach().clone())

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        tables = torch.stack(torch.broadcast_tensors(*self.tables(inputs)), dim=-1)
        return logsumexp(tables + self.log_weights.log_softmax(0), (-1,))
