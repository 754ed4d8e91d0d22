"""What was observed of which variable, and how a missing source is made to say nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

import torch
from torch import Tensor

from .checks import check_known, check_type, invalid
from .graph import FactorGraph

_INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Observations by variable: states that were seen, and likelihoods of states that were only hinted at.

    Args:
        hard: Integer states ``(*batch,)``; -1 is unobserved.
        soft: Log-likelihoods ``(*batch, num_states)`` in nats, up to a constant per row; zeros say nothing.
            A variable may have both.

    Raises:
        TypeError: If a hard entry is not an integer tensor, or a soft one not a floating-point tensor.
        ValueError: If a soft entry holds ``nan`` or ``+inf``.

    Example:
        >>> Evidence(hard={"flu": torch.tensor([1, -1])}).batch_shape
        torch.Size([2])

    Reference: Pearl (1988), Probabilistic Reasoning in Intelligent Systems, section 2.2.2 (virtual evidence).
    """

    hard: Mapping[str, Tensor] = field(default_factory=dict)
    soft: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, states in self.hard.items():
            check_type(f"evidence.hard[{name!r}]", states, Tensor, "be a tensor")
            if states.dtype not in _INTEGERS:
                raise invalid(f"evidence.hard[{name!r}]", "be a tensor of integers", states.dtype, TypeError)
        for name, table in self.soft.items():
            check_log_values(f"evidence.soft[{name!r}]", table)
            if not table.ndim:
                raise invalid(f"evidence.soft[{name!r}]", "have shape (*batch, num_states)", "shape ()")
        _ = self.batch_shape

    @property
    def batch_shape(self) -> torch.Size:
        """The common batch shape of all entries."""
        shapes = [(f"evidence.hard[{name!r}]", states.shape) for name, states in self.hard.items()]
        shapes += [(f"evidence.soft[{name!r}]", table.shape[:-1]) for name, table in self.soft.items()]
        return broadcast(shapes)

    def check_fits(self, graph: FactorGraph) -> None:
        """Refuse a variable or a state that the graph does not have."""
        for name, states in self.hard.items():
            check_known("each variable in evidence.hard", name, graph.num_states)
            low, high = (int(states.min()), int(states.max())) if states.numel() else (-1, -1)
            if low < -1 or high >= graph.num_states[name]:
                must = f"be between -1 (unobserved) and {graph.num_states[name] - 1}"
                raise invalid(f"evidence.hard[{name!r}]", must, low if low < -1 else high)
        for name, table in self.soft.items():
            check_known("each variable in evidence.soft", name, graph.num_states)
            check_trailing(f"evidence.soft[{name!r}]", table, graph.shape((name,)), (name,))

    def log_likelihoods(self, graph: FactorGraph, like: Tensor) -> list[tuple[str, Tensor]]:
        """One table ``(*batch, num_states)`` per entry, in the dtype and on the device of ``like``."""
        tables = [(name, table.to(like.dtype)) for name, table in self.soft.items()]
        for name, states in self.hard.items():
            every = torch.arange(graph.num_states[name], device=states.device)
            excluded = (states.unsqueeze(-1) != every) & (states.unsqueeze(-1) >= 0)
            tables.append((name, like.new_zeros(excluded.shape).masked_fill(excluded, -inf)))
        return tables


def fill(inputs: Tensor, present: Tensor) -> Tensor:
    """Inputs ``(*batch, *features)`` with zeros where the whole source is missing, for the encoder to read.

    Filling before the encoder and silencing after it keeps both the value and the gradient free of ``nan``.
    """
    return torch.where(_expand(present, inputs), inputs, torch.zeros_like(inputs))


def silence(log_potential: Tensor, present: Tensor, num_dims: int) -> Tensor:
    """A table ``(*batch, *scope)`` with zeros, a factor of one, in the rows whose source is missing.

    Args:
        log_potential: The table; ``num_dims`` is the number of dimensions of its scope.
        present: Bool ``(*batch,)``.
    """
    mask = present.reshape(*present.shape, *[1] * num_dims)
    return torch.where(mask, log_potential, torch.zeros_like(log_potential))


def _expand(present: Tensor, inputs: Tensor) -> Tensor:
    return present.reshape(*present.shape, *[1] * (inputs.ndim - present.ndim))


def check_log_values(argument: str, table: object) -> None:
    """Refuse anything but a floating-point tensor free of ``nan`` and ``+inf``."""
    check_type(argument, table, Tensor, "be a tensor")
    assert isinstance(table, Tensor)
    if not table.is_floating_point():
        raise invalid(argument, "be a floating-point tensor", table.dtype, TypeError)
    if not bool((table.detach() < inf).all()):  # nan compares as false
        found = "nan" if bool(table.isnan().any()) else "+inf"
        raise invalid(argument, "be free of nan and +inf", found)


def check_trailing(argument: str, table: Tensor, shape: tuple[int, ...], scope: tuple[str, ...]) -> None:
    """Refuse a table whose trailing dimensions are not those of its scope."""
    if tuple(table.shape[table.ndim - len(shape) :]) != shape or table.ndim < len(shape):
        expected = ", ".join(["*batch", *map(str, shape)])
        raise invalid(f"{argument} over {scope}", f"have shape ({expected})", tuple(table.shape))


def broadcast(shapes: list[tuple[str, torch.Size]]) -> torch.Size:
    """The common batch shape of named tables; the two that do not broadcast are named."""
    common, first = torch.Size(()), "nothing"
    for argument, shape in shapes:
        try:
            common = torch.broadcast_shapes(common, shape)
        except RuntimeError:
            raise invalid(
                f"the batch shape of {argument}", f"broadcast with {tuple(common)} of {first}", tuple(shape)
            ) from None
        if shape:
            first = argument
    return common
