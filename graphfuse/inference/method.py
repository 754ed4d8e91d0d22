"""The contract of an inference method: a frozen set of settings that can run, decode and sample."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..evidence import Evidence
from ..graph import FactorGraph
from ..tensor_checks import broadcast_shapes
from .posterior import Posterior

Terms = list[tuple[tuple[str, ...], Tensor]]


class InferenceMethod(ABC):
    """An algorithm and its settings; arguments arrive validated by the verbs in ``queries``.

    ``exact_on`` says where its answers are exact: ``"all"`` graphs, ``"trees"``, or ``"none"``.
    """

    exact_on: ClassVar[str]

    @abstractmethod
    def run(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        targets: Sequence[str],
    ) -> Posterior:
        """Marginals of the targets."""

    @abstractmethod
    def decode(self, graph: FactorGraph, log_potentials: Mapping[str, Tensor], evidence: Evidence) -> dict[str, Tensor]:
        """A most probable assignment, int64 ``(*batch,)`` by variable; -1 in impossible rows."""

    @abstractmethod
    def sample(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        num_samples: int,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Independent assignments, int64 ``(num_samples, *batch)`` by variable; -1 in impossible rows."""


def terms(graph: FactorGraph, log_potentials: Mapping[str, Tensor], evidence: Evidence) -> Terms:
    """All that multiplies, as (scope, table): the factors, then the evidence."""
    tables = [(factor.scope, log_potentials[factor.name]) for factor in graph.factors]
    like = next((table for _, table in tables), next(iter(evidence.soft.values()), torch.zeros(())))
    return tables + [((name,), table) for name, table in evidence.log_likelihoods(graph, like)]


def batch_shape(tables: Terms) -> torch.Size:
    """The common batch shape of all terms."""
    shapes = {table.shape[: table.ndim - len(scope)] for scope, table in tables if table.ndim > len(scope)}
    return common_shape(shapes)


def common_shape(shapes: Collection[torch.Size]) -> torch.Size:
    """The shape that others broadcast to, quickly where there is only one."""
    some = {shape for shape in shapes if shape}
    return broadcast_shapes(*some) if len(some) > 1 else next(iter(some), torch.Size(()))


def is_learned(tables: Iterable[Tensor]) -> bool:
    """Whether the gradient of an answer in these tables may be asked for."""
    return torch.is_grad_enabled() and any(table.requires_grad for table in tables)


def choose_at_random(log_weights: Tensor, generator: torch.Generator) -> Tensor:
    """One index per row of log-weights ``(*batch, num_entries)``, drawn in proportion to the weights."""
    peak = log_weights.amax(-1, keepdim=True)
    weights = torch.exp(log_weights - torch.where(peak == -torch.inf, torch.zeros_like(peak), peak)).double()
    below = weights.cumsum(-1)
    drawn = torch.rand(below.shape[:-1], generator=generator, dtype=torch.float64, device=generator.device)
    level = drawn.to(below.device).unsqueeze(-1) * below[..., -1:]
    return (level >= below).sum(-1).clamp(max=log_weights.shape[-1] - 1)
