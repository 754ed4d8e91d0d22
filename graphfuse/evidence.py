"""What was observed of which variable, and how a missing source is made to say nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

import torch
from torch import Tensor

from .checks import check_known, invalid
from .graph import FactorGraph
from .tensor_checks import INTEGERS, broadcast, check_log_values, check_tensor, check_trailing


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
            if isinstance(states, Tensor) and states.dtype in INTEGERS:
                continue
            check_tensor(f"evidence.hard[{name!r}]", states)
            raise invalid(f"evidence.hard[{name!r}]", "be a tensor of integers", states.dtype, TypeError)
        for name, table in self.soft.items():
            check_log_values(f"evidence.soft[{name!r}]", table)
            if not table.ndim:
                raise invalid(f"evidence.soft[{name!r}]", "have shape (*batch, num_states)", "shape ()")
        _ = self.batch_shape

    @property
    def batch_shape(self) -> torch.Size:
        """The common batch shape of all entries."""
        if not self.soft and len({states.shape for states in self.hard.values()}) == 1:
            return next(iter(self.hard.values())).shape
        shapes = [(f"evidence.hard[{name!r}]", states.shape) for name, states in self.hard.items()]
        shapes += [(f"evidence.soft[{name!r}]", table.shape[:-1]) for name, table in self.soft.items()]
        return broadcast(shapes)

    def check_fits(self, graph: FactorGraph) -> None:
        """Refuse a variable or a state that the graph does not have."""
        for name in self.hard:
            check_known("each variable in evidence.hard", name, graph.num_states)
        some = {name: torch.stack(states.aminmax()).long() for name, states in self.hard.items() if states.numel()}
        bounds = torch.stack(list(some.values())).tolist() if some else []  # a device is waited for once
        for name, (low, high) in zip(some, bounds, strict=True):
            if low < -1 or high >= graph.num_states[name]:
                must = f"be between -1 (unobserved) and {graph.num_states[name] - 1}"
                raise invalid(f"evidence.hard[{name!r}]", must, low if low < -1 else high)
        for name, table in self.soft.items():
            check_known("each variable in evidence.soft", name, graph.num_states)
            check_trailing(f"evidence.soft[{name!r}]", table.shape, graph.shape((name,)), (name,))

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
