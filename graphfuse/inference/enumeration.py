"""Exact inference by listing every assignment: the oracle that other methods are tested against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import torch
from torch import Tensor

from ..checks import invalid
from ..evidence import Evidence
from ..graph import FactorGraph
from ..logspace import logsumexp, subtract
from .entropy import entropy_of_table
from .method import InferenceMethod, batch_shape, choose_at_random, terms
from .posterior import Posterior
from .semiring import LogSemiring


@dataclass(frozen=True)
class Enumeration(InferenceMethod):
    """The whole joint table; for graphs of a handful of variables.

    Args:
        max_entries: Entries, over all rows, that the joint table may have; a larger one is refused.
    """

    max_entries: int = 2**24

    exact_on: ClassVar[str] = "all"

    def run(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        targets: Sequence[str],
    ) -> Posterior:
        joint = self._joint(graph, log_potentials, evidence)
        every = graph.variable_names
        log_partition = logsumexp(joint, tuple(range(-len(every), 0)))

        def log_joint(names: tuple[str, ...]) -> Tensor:
            table = LogSemiring().sum_product([joint], [every], names)
            return subtract(table, log_partition.reshape(*log_partition.shape, *[1] * len(names)))

        def entropy() -> Tensor:
            found = entropy_of_table(log_joint(every), len(every))
            return torch.where(log_partition > -torch.inf, found, torch.nan)

        return Posterior(
            log_marginals={name: log_joint((name,)) for name in targets},
            converged=torch.ones_like(log_partition, dtype=torch.bool),
            _log_partition=lambda: log_partition,
            _log_joint=log_joint,
            _variables=every,
            _entropy=entropy,
        )

    def decode(self, graph: FactorGraph, log_potentials: Mapping[str, Tensor], evidence: Evidence) -> dict[str, Tensor]:
        flat = self._joint(graph, log_potentials, evidence).flatten(-len(graph.variables))
        return _assignment(graph, flat.argmax(-1), flat.amax(-1) == -torch.inf)

    def sample(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        num_samples: int,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        flat = self._joint(graph, log_potentials, evidence).flatten(-len(graph.variables))
        picked = choose_at_random(flat.expand(num_samples, *flat.shape), generator)
        return _assignment(graph, picked, flat.amax(-1) == -torch.inf)

    def _joint(self, graph: FactorGraph, log_potentials: Mapping[str, Tensor], evidence: Evidence) -> Tensor:
        tables = terms(graph, log_potentials, evidence)
        batch, every = batch_shape(tables), graph.variable_names
        entries = prod(batch) * graph.size(every)
        if entries > self.max_entries:
            raise invalid("max_entries of Enumeration", f"be at least {entries}", self.max_entries, MemoryError)
        like = tables[0][1] if tables else torch.zeros(())
        whole = (every, like.new_zeros(*batch, *graph.shape(every)))
        scopes, values = zip(whole, *tables, strict=True)
        return LogSemiring().sum_product(values, scopes, every)


def _assignment(graph: FactorGraph, flat: Tensor, impossible: Tensor) -> dict[str, Tensor]:
    states = {}
    for variable in reversed(graph.variables):
        states[variable.name] = (flat % variable.num_states).masked_fill(impossible, -1)
        flat = flat // variable.num_states
    return {name: states[name] for name in graph.variable_names}
