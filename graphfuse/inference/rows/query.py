"""One query answered row by row, and what is left of it to the general rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import torch
from torch import Tensor

from ...evidence import Evidence
from ...graph import FactorGraph
from ...graph.clique_tree import clique_tree
from ..method import batch_shape
from ..posterior import Posterior
from .engine import RowAnswer, answer_rows
from .gradient import RowLogPartition
from .tables import RowTables, Terms, observed_states, row_tables, split_terms

_WIDE = 4096  # joint states of all cliques, below which a whole batch is learned faster at once than row by row

General = Callable[[FactorGraph, Mapping[str, Tensor], Evidence, Sequence[str]], Posterior]


def serves(graph: FactorGraph, log_potentials: Mapping[str, Tensor], evidence: Evidence) -> bool:
    """Whether rows are worth a loop of their own: several cliques, on the processor, in single or double precision."""
    tables = [*log_potentials.values(), *evidence.soft.values()]
    here = all(table.device.type == "cpu" and table.dtype in (torch.float32, torch.float64) for table in tables)
    return bool(tables) and here and len(clique_tree(graph).cliques) > 1


@dataclass(frozen=True, eq=False)
class RowQuery:
    """A query whose parts are computed when they are asked for.

    Args:
        graph: The factorization.
        log_potentials: By factor, its table.
        evidence: What was observed.
        memory_budget: In bytes.
        general: Answers any query; it serves rows that probabilities cannot hold, and differentiable marginals.
    """

    graph: FactorGraph
    log_potentials: Mapping[str, Tensor]
    evidence: Evidence
    memory_budget: int
    general: General

    def posterior(self, targets: Sequence[str]) -> Posterior:
        """Marginals of the targets, and the rest on demand."""
        learned = any(table.requires_grad for _, table in self._scoped) and torch.is_grad_enabled()
        if learned and (targets or self._learned_faster_at_once()):
            return self.general(self.graph, self.log_potentials, self.evidence, targets)
        whole = len(targets) == len(self.graph.variables) and not learned
        answer = self._answer(targets, whole) if targets else None
        num_in_logs = 0 if answer is None else int(answer.weak.sum())
        return Posterior(
            log_marginals={} if answer is None else self._log_marginals(answer, targets),
            converged=torch.ones(self._batch, dtype=torch.bool),
            _log_partition=lambda: self._sums(answer if whole else None),
            _log_joint=lambda names: self._everything._log_joint(names),
            _variables=self.graph.variable_names,
            num_in_logs=num_in_logs,
        )

    def _learned_faster_at_once(self) -> bool:
        """Whether the cliques are small, and the tables of all rows fit the budget together."""
        entries = clique_tree(self.graph).num_entries
        return entries < _WIDE and 16 * entries * prod(self._batch) <= self.memory_budget

    @cached_property
    def _scoped(self) -> list[tuple[tuple[str, ...], Tensor]]:
        likelihoods = [((name,), table) for name, table in self.evidence.soft.items()]
        return [(scope, self.log_potentials[name]) for name, scope in self.graph.scopes.items()] + likelihoods

    @cached_property
    def _batch(self) -> torch.Size:
        return torch.broadcast_shapes(batch_shape(self._scoped), self.evidence.batch_shape)

    @cached_property
    def _dtype(self) -> torch.dtype:
        return next(iter(self.log_potentials.values()), self._scoped[0][1]).dtype

    @cached_property
    def _split(self) -> tuple[Terms, Tensor, Tensor]:
        return split_terms(self._scoped, prod(self._batch), self._batch)

    @cached_property
    def _tables(self) -> RowTables:
        return row_tables(self.graph, *self._split)

    @cached_property
    def _states(self) -> np.ndarray:
        return observed_states(self.graph, self.evidence, prod(self._batch), self._batch)

    @cached_property
    def _everything(self) -> Posterior:
        return self.general(self.graph, self.log_potentials, self.evidence, ())

    def _answer(self, asked: Sequence[str], whole: bool) -> RowAnswer:
        terms, _, _ = self._split
        return answer_rows(self.graph, terms, self._tables, self._states, asked, whole, self.memory_budget)

    def _log_marginals(self, answer: RowAnswer, targets: Sequence[str]) -> dict[str, Tensor]:
        with np.errstate(divide="ignore"):
            found = {name: torch.from_numpy(np.log(answer.marginals[name])) for name in targets}
        if answer.weak.any():
            for rows, others in self._in_logs(answer.weak, targets):
                for name in targets:
                    found[name][rows] = others.log_marginals[name].double()
        sizes = self.graph.num_states
        return {name: table.reshape(*self._batch, sizes[name]).to(self._dtype) for name, table in found.items()}

    def _sums(self, answer: RowAnswer | None) -> Tensor:
        """Log-partitions, differentiable in the tables."""
        answer = self._answer((), True) if answer is None else answer
        terms, fixed, varying = self._split
        found = torch.from_numpy(answer.log_partition)
        for rows, others in self._in_logs(answer.weak, ()):
            found[rows] = others.log_partition.detach().double()
        if torch.is_grad_enabled() and (fixed.requires_grad or varying.requires_grad):
            query = self.graph, terms, self._tables, self._states
            found = RowLogPartition.apply(fixed, varying, found, *query, self.memory_budget, self._general_sums)
        return found.reshape(self._batch).to(self._dtype)

    def _general_sums(self, fixed: Tensor, varying: Tensor, rows: Tensor) -> Tensor:
        """Log-partitions of some rows by the general rule, of flat tables, those per row being theirs."""
        tables, ends = [], [0, 0]
        for scope, per_row in self._split[0]:
            shape = self.graph.shape(scope)
            start, stop = ends[per_row], ends[per_row] + prod(shape)
            ends[per_row] = stop
            tables.append(varying[:, start:stop].reshape(-1, *shape) if per_row else fixed[start:stop].reshape(shape))
        num_factors = len(self.graph.factors)
        soft = dict(zip(self.evidence.soft, tables[num_factors:], strict=True))
        hard = {name: states.expand(self._batch).reshape(-1)[rows] for name, states in self.evidence.hard.items()}
        potentials = dict(zip(self.graph.scopes, tables[:num_factors], strict=True))
        sums = self.general(self.graph, potentials, Evidence(hard, soft), ()).log_partition.expand(len(rows))
        return torch.where(sums == -torch.inf, -torch.inf, sums)  # passes no gradient where nothing is possible

    @torch.no_grad()
    def _in_logs(self, chosen: np.ndarray, targets: Sequence[str]) -> Iterator[tuple[Tensor, Posterior]]:
        """Rows that were chosen, by the general rule, as many at a time as fit into the memory."""
        cost = 2 * clique_tree(self.graph).num_entries * self._dtype.itemsize
        for rows in torch.from_numpy(np.flatnonzero(chosen)).split(max(1, self.memory_budget // cost)):
            if len(rows):
                yield rows, self._rows(rows, targets)

    def _rows(self, at: Tensor, targets: Sequence[str]) -> Posterior:
        """Some of the rows by the general rule."""

        def taken(table: Tensor, num_dims: int) -> Tensor:
            if table.ndim == num_dims:
                return table
            own = table.shape[table.ndim - num_dims :]
            return table.expand(*self._batch, *own).reshape(-1, *own)[at]

        potentials = {name: taken(self.log_potentials[name], len(scope)) for name, scope in self.graph.scopes.items()}
        hard = {name: taken(states, 0) for name, states in self.evidence.hard.items()}
        soft = {name: taken(table, 1) for name, table in self.evidence.soft.items()}
        return self.general(self.graph, potentials, Evidence(hard, soft), targets)
