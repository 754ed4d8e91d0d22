"""Queries too wide for the memory, answered by fixing a few hidden variables at each of their states in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import log, prod

import torch
from torch import Tensor

from ..checks import invalid
from ..evidence import Evidence
from ..graph import FactorGraph
from ..graph.clique_tree import CliqueTree, clique_tree, clique_tree_towards
from ..logspace import logsumexp, subtract
from .method import InferenceMethod
from .plan import num_entries, relevant_scopes, row_tables, summing_to_one
from .posterior import Posterior

MOST_WORK = 2**34  # entries over all rows and all states that are fixed, about a minute
_BYTES = 8  # of an entry of a row's tables
_AT_ONCE = 512  # conditioned rows in one call


@dataclass(frozen=True)
class Cutset:
    """Hidden variables to fix, in the order in which they were chosen.

    Args:
        names: Variables.
        num_conditions: Joint states of them.
        num_entries: Of the tables of one row, once they are fixed.
        fits: Whether those are within the memory.
    """

    names: tuple[str, ...]
    num_conditions: int
    num_entries: int
    fits: bool


@dataclass(frozen=True, eq=False)
class Conditioned:
    """A query answered by cutset conditioning: every group of rows that hide the same variables has its own cutset.

    Each joint state of a cutset is observed in turn. Log-partitions add up, and marginals are their mean weighted by
    them. Time is multiplied by the joint states of the cutset, memory is not. It works through a method that cuts
    out what is observed, by evidence alone.

    Args:
        graph: The factorization.
        log_potentials: By factor name, ``(*batch, *scope)`` in nats.
        evidence: What was observed.
        method: Answers the conditioned queries.
        memory_budget: Bytes that the tables of a conditioned row may take.
        most_work: Entries of tables that all conditioned rows together may take; a costlier query is refused before it
            starts.

    Raises:
        MemoryError: If a cutset that fits the memory costs too much work.

    Example:
        >>> from graphfuse import Variable, VariableElimination, markov_network
        >>> names = ["a", "b", "c", "d"]
        >>> ring = markov_network([Variable(name, 3) for name in names], [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")])
        >>> same = {name: 2 * torch.eye(3) if len(scope) == 2 else torch.zeros(3) for name, scope in ring.scopes.items()}
        >>> query = Conditioned(ring, same, Evidence(), VariableElimination(), memory_budget=200)
        >>> query.cutset(frozenset(names), names).names
        ('a',)
        >>> query.posterior(names).log_partition
        tensor(8.8905)

    Reference: Pearl (1988), Probabilistic Reasoning in Intelligent Systems, section 4.4.2; Darwiche (2001), Recursive
    conditioning.
    """

    graph: FactorGraph
    log_potentials: Mapping[str, Tensor]
    evidence: Evidence
    method: InferenceMethod
    memory_budget: int
    most_work: int = MOST_WORK

    def posterior(self, targets: Sequence[str]) -> Posterior:
        """Marginals of the targets, with the log-partition."""
        log_partition, log_marginals = self._answer(self._groups(tuple(targets)), tuple(targets))
        return Posterior(
            log_marginals=log_marginals,
            converged=torch.ones(self.batch, dtype=torch.bool),
            _log_partition=lambda: log_partition,
            _log_joint=self.log_joint,
            _variables=self.graph.variable_names,
        )

    def log_partition(self) -> Tensor:
        """The log of the sum over all assignments, ``(*batch,)``."""
        return self._answer(self._groups(()), ())[0]

    def log_joint(self, names: Sequence[str]) -> Tensor:
        """Log-probabilities ``(*batch, *names)`` of several variables: each of their joint states is fixed as well."""
        shape = self.graph.shape(names)
        sums = []
        for states in product(*map(range, shape)):
            seen = {name: self._flat_states(name) for name in names}
            fixed = dict(zip(names, states, strict=True))
            clash = torch.zeros(self.num_rows, dtype=torch.bool)
            for name, state in fixed.items():
                clash |= (seen[name] >= 0) & (seen[name] != state)
            hard = {name: torch.full((self.num_rows,), state) for name, state in fixed.items()}
            evidence = Evidence({**self._hard, **hard}, self._soft)
            query = Conditioned(self.graph, self._tables, evidence, self.method, self.memory_budget, self.most_work)
            sums.append(torch.where(clash, -torch.inf, query.log_partition()))
        table = torch.stack(sums, -1)
        return subtract(table, logsumexp(table, (-1,)).unsqueeze(-1)).reshape(*self.batch, *shape)

    def cutset(self, hidden: frozenset[str], targets: Sequence[str]) -> Cutset:
        """Variables to fix where these are hidden, chosen one by one: who saves most for the states it has.

        The choice ends when tables fit the memory, or when the work is beyond what is allowed.
        """
        left, chosen, conditions = set(hidden), [], 1
        while True:
            cost, tables = self._cost(left, targets)
            fits = _BYTES * cost <= self.memory_budget
            if fits or conditions * cost > self.most_work * max(cost // max(self.memory_budget // _BYTES, 1), 1):
                return Cutset(tuple(chosen), conditions, cost, fits)
            name = self._best(tables, cost)
            chosen.append(name)
            left.discard(name)
            conditions *= self.graph.num_states[name]

    def _best(self, tables: Sequence[tuple[tuple[str, ...], int]], cost: int) -> str:
        saved: dict[str, float] = {}
        for joined, _ in tables:
            size = self.graph.size(joined)
            for name in joined:
                saved[name] = saved.get(name, 0) + size - size // self.graph.num_states[name]
        gains = {
            name: log(cost / max(cost - part, 1)) / log(self.graph.num_states[name])
            for name, part in saved.items()
            if self.graph.num_states[name] > 1
        }
        return max(sorted(gains), key=gains.__getitem__)

    def _cost(self, hidden: set[str], targets: Sequence[str]) -> tuple[int, list[tuple[tuple[str, ...], int]]]:
        """Entries of a row in the costlier of the two queries, for the sum and for the marginals, and its tables."""
        closed = {f for f in self._closed if self._scopes[f][-1] in hidden}
        options = []
        for tree, asked, whole in self._queries(targets):
            relevant = relevant_scopes(self._scopes, closed, hidden, asked, whole)
            tables = row_tables(tree, self._scopes, relevant, hidden)
            options.append((num_entries(self.graph, tables), tables))
        return max(options, key=lambda option: option[0])

    def _queries(self, targets: Sequence[str]) -> Iterator[tuple[CliqueTree, Sequence[str], bool]]:
        yield clique_tree(self.graph), (), True
        if len(targets) == 1:
            yield clique_tree_towards(self.graph, targets[0]), targets, False
        elif targets:
            yield clique_tree(self.graph), targets, len(targets) == len(self.graph.variables)

    def _groups(self, targets: tuple[str, ...]) -> list[tuple[Tensor, Cutset]]:
        """Rows that hide the same variables, with their cutset."""
        names = list(self.evidence.hard)
        seen = torch.stack([self._flat_states(name) >= 0 for name in names], -1) if names else None
        if seen is None:
            patterns, member = torch.zeros(1, 0, dtype=torch.bool), torch.zeros(self.num_rows, dtype=torch.int64)
        else:
            patterns, member = seen.unique(dim=0, return_inverse=True)
        groups, work = [], 0
        for i, pattern in enumerate(patterns.tolist()):
            known = {name for name, shown in zip(names, pattern, strict=True) if shown}
            rows = torch.nonzero(member == i).flatten()
            cutset = self.cutset(frozenset(self.graph.variable_names) - known, targets)
            work += len(rows) * cutset.num_conditions * cutset.num_entries
            if work > self.most_work or not cutset.fits:
                raise self._refusal(work, cutset, int(rows[0]))
            groups.append((rows, cutset))
        return groups

    def _refusal(self, work: int, cutset: Cutset, row: int) -> Exception:
        size = _BYTES * cutset.num_entries
        found = f"{self.memory_budget / 2**30:,.3f} GiB, for row {row}, "
        if cutset.fits:
            found += f"which takes {cutset.num_conditions:,} conditions of {cutset.num_entries:,} entries each"
        else:
            found += (
                f"which takes {size / 2**30:.3g} GiB even if {len(cutset.names)} of its variables are fixed in turn"
            )
        return invalid(
            f"the memory_budget of {type(self.method).__name__}",
            f"let the query be answered within {self.most_work:,} entries of tables (observe more variables, ask for "
            "fewer rows or targets, or use an approximate method)",
            found,
            MemoryError,
        )

    def _answer(
        self, groups: Sequence[tuple[Tensor, Cutset]], targets: tuple[str, ...]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        order = torch.cat([rows for rows, _ in groups]) if groups else torch.zeros(0, dtype=torch.int64)
        back = torch.argsort(order)
        sums, marginals = [], {name: [] for name in targets}
        for rows, cutset in groups:
            for part in rows.split(_AT_ONCE):
                total, found = self._conditioned(part, cutset, targets)
                sums.append(total)
                for name in targets:
                    marginals[name].append(found[name])
        sizes = self.graph.num_states
        log_partition = torch.cat(sums)[back].reshape(self.batch)
        return log_partition, {
            name: torch.cat(parts)[back].reshape(*self.batch, sizes[name]) for name, parts in marginals.items()
        }

    def _conditioned(self, rows: Tensor, cutset: Cutset, targets: tuple[str, ...]) -> tuple[Tensor, dict[str, Tensor]]:
        """Log-partitions of rows and log-marginals, ``(rows,)`` and ``(rows, num_states)``."""
        scopes = self.graph.scopes
        tables = {name: _taken(table, len(scopes[name]), rows) for name, table in self._tables.items()}
        hard = {name: states[rows] for name, states in self._hard.items()}
        soft = {name: _taken(table, 1, rows) for name, table in self._soft.items()}
        conditions = torch.cartesian_prod(*(torch.arange(self.graph.num_states[name]) for name in cutset.names))
        conditions = conditions.reshape(cutset.num_conditions, len(cutset.names))
        sums: list[Tensor] = []
        joints: dict[str, list[Tensor]] = {name: [] for name in targets}
        for part in conditions.split(max(1, _AT_ONCE // len(rows))):
            size = (len(part), len(rows))
            fixed = {name: part[:, j, None].expand(size) for j, name in enumerate(cutset.names)}
            found = self.method.run(self.graph, tables, Evidence({**hard, **fixed}, soft), targets)
            total = found.log_partition.expand(size)
            sums.append(logsumexp(total, (0,)))
            for name in targets:
                joint = torch.where(
                    total[..., None] > -torch.inf, found.log_marginals[name] + total[..., None], -torch.inf
                )
                joints[name].append(logsumexp(joint, (0,)))
        log_partition = logsumexp(torch.stack(sums), (0,))
        return log_partition, {
            name: subtract(logsumexp(torch.stack(parts), (0,)), log_partition[:, None])
            for name, parts in joints.items()
        }

    @cached_property
    def batch(self) -> torch.Size:
        """The batch shape of the query."""
        shapes = [
            self.log_potentials[name].shape[: self.log_potentials[name].ndim - len(scope)]
            for name, scope in self.graph.scopes.items()
        ]
        return torch.broadcast_shapes(*shapes, self.evidence.batch_shape)

    @property
    def num_rows(self) -> int:
        """Rows of the query."""
        return prod(self.batch)

    @cached_property
    def _scopes(self) -> list[tuple[str, ...]]:
        return [factor.scope for factor in self.graph.factors] + [(name,) for name in self.evidence.soft]

    @cached_property
    def _closed(self) -> set[int]:
        return summing_to_one(self.graph, self.log_potentials)

    def _flat_states(self, name: str) -> Tensor:
        if name not in self.evidence.hard:
            return torch.full((self.num_rows,), -1)
        return self.evidence.hard[name].expand(self.batch).reshape(-1).long()

    @cached_property
    def _hard(self) -> dict[str, Tensor]:
        return {name: self._flat_states(name) for name in self.evidence.hard}

    @cached_property
    def _soft(self) -> dict[str, Tensor]:
        return {name: self._flat(table, 1) for name, table in self.evidence.soft.items()}

    @cached_property
    def _tables(self) -> dict[str, Tensor]:
        return {name: self._flat(self.log_potentials[name], len(scope)) for name, scope in self.graph.scopes.items()}

    def _flat(self, table: Tensor, num_dims: int) -> Tensor:
        """A table with one dimension of rows, or none if it is the same in all."""
        if table.ndim == num_dims:
            return table
        own = table.shape[table.ndim - num_dims :]
        return table.expand(*self.batch, *own).reshape(self.num_rows, *own)


def _taken(table: Tensor, num_dims: int, rows: Tensor) -> Tensor:
    return table[rows] if table.ndim > num_dims else table
