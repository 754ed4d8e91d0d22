"""Neighbors that agree or differ: the Potts model of any number of states and the Ising model of two."""

import torch
from torch import Tensor, nn

from ..checks import check_count, check_type, invalid
from .base import Potential


class PottsPotential(Potential):
    """Two variables of the same states: a reward of ``coupling`` nats if they agree, nothing otherwise.

    A positive coupling attracts, a negative one repels. A preference of one variable for a state is a factor of its
    own. Give one object to many pairs, and they share the coupling. It knows no nearness of states: where
    neighboring states are alike, take a log-linear potential of their distance.

    Args:
        num_states: States of each of the two variables.
        coupling: Where training starts, a number or a tensor ``()``, nats.

    Raises:
        ValueError: If the coupling is not one finite number.

    Example:
        >>> PottsPotential(3, coupling=0.5)()
        tensor([[0.5000, 0.0000, 0.0000],
                [0.0000, 0.5000, 0.0000],
                [0.0000, 0.0000, 0.5000]], grad_fn=<MulBackward0>)

    Reference: Potts (1952), Some generalized order-disorder transformations.
    """

    def __init__(self, num_states: int, coupling: float | Tensor = 0.0) -> None:
        super().__init__()
        check_count("num_states", num_states)
        self.num_states = num_states
        self.coupling = _coupling(coupling)

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        return self.coupling * torch.eye(self.num_states, dtype=self.coupling.dtype, device=self.coupling.device)

    def extra_repr(self) -> str:
        return f"num_states={self.num_states}"


class IsingPotential(Potential):
    """Two spins, state 0 down (-1) and state 1 up (+1): ``coupling`` times their product, in nats.

    The same distribution as a Potts potential of two states and twice the coupling; ``log_partition`` is lower by the
    coupling for every pair. The field on one spin is a factor of its own.

    Args:
        coupling: Where training starts, a number or a tensor ``()``, nats.

    Raises:
        ValueError: If the coupling is not one finite number.

    Example:
        >>> IsingPotential(0.5)()
        tensor([[ 0.5000, -0.5000],
                [-0.5000,  0.5000]], grad_fn=<MulBackward0>)

    Reference: Ising (1925), Beitrag zur Theorie des Ferromagnetismus.
    """

    def __init__(self, coupling: float | Tensor = 0.0) -> None:
        super().__init__()
        self.coupling = _coupling(coupling)

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        return self.coupling * self.coupling.new_tensor([[1.0, -1.0], [-1.0, 1.0]])


def _coupling(value: float | Tensor) -> nn.Parameter:
    check_type("coupling", value, (int, float, Tensor), "be a number or a tensor")
    tensor = value if isinstance(value, Tensor) else torch.tensor(float(value))
    if tensor.ndim or not tensor.is_floating_point() or not bool(tensor.isfinite()):
        raise invalid("coupling", "be one finite floating-point number", value)
    return nn.Parameter(tensor.detach().clone())
