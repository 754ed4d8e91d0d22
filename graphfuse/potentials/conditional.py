"""A conditional probability table: normalized over the child, the last variable of its scope."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..checks import invalid
from ..logspace import log
from ..tensor_checks import check_tensor
from .base import Potential


class ConditionalPotential(Potential):
    """P(child | parents) over the scope ``(*parents, child)``; every row of the table sums to one while it is trained.

    Args:
        log_weights: Where training starts, ``(*parents, child)`` in nats, up to a constant per row.

    Raises:
        ValueError: If there is no child dimension, or a row has no possible state.

    Example:
        >>> ConditionalPotential(torch.zeros(2, 4))().exp().sum(-1)
        tensor([1., 1.], grad_fn=<SumBackward1>)

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, section 3.2.
    """

    def __init__(self, log_weights: Tensor) -> None:
        super().__init__()
        check_tensor("log_weights", log_weights)
        if not log_weights.ndim:
            raise invalid("log_weights", "have shape (*parents, child)", "shape ()")
        if bool(log_weights.isnan().any()) or bool((log_weights.amax(-1).abs() == torch.inf).any()):
            raise invalid("log_weights", "be below +inf with a finite entry in every row", log_weights.tolist())
        self.log_weights = nn.Parameter(log_weights.detach().clone())

    @classmethod
    def from_probabilities(cls, table: Tensor, tolerance: float = 1e-6) -> ConditionalPotential:
        """The potential of a table of probabilities ``(*parents, child)``.

        Raises:
            ValueError: If an entry is negative, or a row does not sum to one within the tolerance.

        Example:
            >>> ConditionalPotential.from_probabilities(torch.tensor([[0.9, 0.1], [0.2, 0.8]]))().exp()
            tensor([[0.9000, 0.1000],
                    [0.2000, 0.8000]], grad_fn=<ExpBackward0>)
        """
        check_rows("table", table, tolerance)
        return cls(log(table))

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        return self.log_weights.log_softmax(-1)

    def extra_repr(self) -> str:
        return f"shape={tuple(self.log_weights.shape)}"


def check_rows(argument: str, table: Tensor, tolerance: float = 1e-6) -> None:
    """Refuse anything but probabilities ``(..., child)`` that sum to one over the child."""
    check_tensor(argument, table)
    if not bool((table >= 0).all()):
        raise invalid(argument, "hold probabilities of at least 0", float(table.min()))
    sums = table.double().sum(-1).reshape(-1)
    if not len(sums):
        return
    worst = float(sums[(sums - 1).abs().argmax()])
    if abs(worst - 1) > tolerance:
        raise invalid(argument, "sum to 1 over its last dimension, the child", f"a row that sums to {worst:.6g}")
