"""One table for many factors, seen in another order of the scope or through another modality."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..checks import check_name, check_type, invalid
from .base import Potential


class TiedPotential(Potential):
    """Another potential's table with its dimensions in another order; both share, and train, the same parameters.

    Factors with the same scope order and modality need no such view: give them the same object. Either way the shared
    parameters count once in ``parameters()``, their gradients add up, and ``state_dict`` lists them under every
    factor. The gradient of a table in many factors is a sum of many terms, which a learning rate must allow for.

    Args:
        potential: The potential whose table is shared.
        order: For every variable of this scope, its dimension in the shared table, as in ``torch.permute``.
        modality: The source that this view reads instead; that of ``potential`` if None.

    Raises:
        ValueError: If ``order`` is not a permutation, or ``modality`` is given for a constant potential.

    Example:
        >>> from graphfuse import TablePotential
        >>> forward = TablePotential(torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]))
        >>> backward = TiedPotential(forward, order=(1, 0))
        >>> backward()
        tensor([[0., 3.],
                [1., 4.],
                [2., 5.]], grad_fn=<PermuteBackward0>)

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, section 17.5 on shared parameters.
    """

    def __init__(self, potential: Potential, order: Sequence[int], modality: str | None = None) -> None:
        check_type("potential", potential, Potential, "be a Potential")
        check_type("order", order, Sequence, "be a sequence of dimensions")
        if sorted(order) != list(range(len(order))):
            raise invalid("order", f"be a permutation of 0 to {len(order) - 1}", tuple(order))
        if modality is not None:
            check_name("modality", modality)
            if potential.modality is None:
                raise invalid("modality", "be None for a potential that reads none", repr(modality))
        super().__init__(potential.modality if modality is None else modality)
        self.potential = potential
        self.order = tuple(order)

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        table = self.potential(inputs)
        num_batch = table.ndim - len(self.order)
        if num_batch < 0 or (self.modality is None and num_batch):
            must = f"have the {len(self.order)} dimensions of order"
            raise invalid("the table of potential", must, tuple(table.shape))
        return table.permute(*range(num_batch), *(num_batch + dim for dim in self.order))

    def extra_repr(self) -> str:
        return f"order={self.order}" + (f", modality={self.modality!r}" if self.modality else "")
