"""Queries too wide for the memory, answered by fixing a few hidden variables at each of their states in turn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import log, prod

import torch
from torch import Tensor

from ..checks import invalid
from ..evidence import Evidence
from ..graph import FactorGraph
from ..graph.clique_tree import clique_tree
from ..logspace import logsumexp, subtract
from ..tensor_checks import broadcast_shapes
from .plan import gibibytes, in_words, summing_to_one
from .posterior import Posterior
from .rows.sliced import Table, num_entries, sliced

_BYTES = 8  # of an entry of a row's tables
_AT_ONCE = 512  # conditioned rows in one call


Answer = Callable[[FactorGraph, Mapping[str, Tensor], Evidence, Sequence[str]], Posterior]


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
    them. Time is multiplied by the joint states of the cutset, memory is not. Whoever answers is told by evidence,
    and saves memory if it cuts out what is observed.

    Args:
        graph: The factorization.
        log_potentials: By factor name, ``(*batch, *scope)`` in nats.
        evidence: What was observed.
        answer: Answers the conditioned queries, as the ``run`` of a method.
        memory_budget: Bytes that the tables of a conditioned row may take.
        most_work: Entries of tables that all conditioned rows together may take; a costlier query is refused before it
            starts.
        planning_seconds: Time to look for an order of elimination.

    Raises:
        MemoryError: If a cutset that fits the memory costs too much work.

    Example:
        >>> from graphfuse import Variable, VariableElimination, markov_network
        >>> names = ["a", "b", "c", "d"]
        >>> ring = markov_network([Variable(name, 3) for name in names], map(tuple, ["ab", "bc", "cd", "da"]))
        >>> same = {name: torch.eye(3) if len(scope) == 2 else torch.zeros(3) for name, scope in ring.scopes.items()}
        >>> query = Conditioned(ring, same, Evidence(), VariableElimination().run, memory_budget=256)
        >>> query.cutset(frozenset(names), names).names
        ('b',)
        >>> query.posterior(names).log_partition
        tensor(6.2404)

    Reference: Pearl (1988), Probabilistic Reasoning in Intelligent Systems, section 4.4.2; Darwiche (2001), Recursive
    conditioning.
    """

    graph: FactorGraph
    log_potentials: Mapping[str, Tensor]
    evidence: Evidence
    answer: Answer
    memory_budget: int
    most_work: int = 2**34
    planning_seconds: float = 0.0

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
            query = replace(self, log_potentials=self._tables, evidence=evidence)
            sums.append(torch.where(clash, -torch.inf, query.log_partition()))
        table = torch.stack(sums, -1)
        return subtract(table, logsumexp(table, (-1,)).unsqueeze(-1)).reshape(*self.batch, *shape)

    def cutset(self, hidden: frozenset[str], targets: Sequence[str]) -> Cutset:
        """Variables to fix where these are hidden, chosen one by one: who saves most for the states it has.

        The choice ends when tables fit the memory, or when the work is beyond what is allowed.
        """
        left, conditions = set(hidden), 1
        chosen: list[str] = []
        while True:
            cost, tables = self._cost(left, targets)
            fits = _BYTES * cost <= self.memory_budget
            name = "" if fits or conditions * cost > self.most_work else self._best(tables, cost)
            if not name:
                return Cutset(tuple(chosen), conditions, cost, fits)
            chosen.append(name)
            left.discard(name)
            conditions *= self.graph.num_states[name]

    def _best(self, tables: Sequence[Table], cost: int) -> str:
        saved: dict[str, int] = {}
        for joined, _ in tables:
            size = self.graph.size(joined)
            for name in joined:
                saved[name] = saved.get(name, 0) + size - size // self.graph.num_states[name]
        gains = {
            name: log(cost / max(cost - part, 1)) / log(self.graph.num_states[name])
            for name, part in saved.items()
            if self.graph.num_states[name] > 1
        }
        return max(sorted(gains), key=gains.__getitem__, default="")

    def _cost(self, hidden: Collection[str], targets: Sequence[str], with_sum: bool = True) -> tuple[int, list[Table]]:
        """Entries of a row in the costlier of the two queries, for the sum and for the marginals, and its tables."""
        key = frozenset(hidden), tuple(targets), with_sum
        if key in self._costs:
            return self._costs[key]
        options = []
        for asked, whole in self._queries(targets, with_sum):
            _, tables = sliced(self.graph, self._scopes, self._closed, hidden, asked, whole, self.planning_seconds)
            options.append((num_entries(self.graph, tables, two_way=len(asked) > 1), tables))
        self._costs[key] = max(options, key=lambda option: option[0])
        return self._costs[key]

    def _queries(self, targets: Sequence[str], with_sum: bool) -> Iterator[tuple[Sequence[str], bool]]:
        if with_sum or not targets:
            yield (), True
        if targets:
            yield targets, len(targets) == len(self.graph.variables)

    def refuse_hopeless(self, targets: Sequence[str]) -> None:
        """Refuse at once what the row with the most hidden variables makes too costly; cheap where all tables fit."""
        dense = clique_tree(self.graph, seconds=self.planning_seconds).num_entries
        if _BYTES * dense <= self.memory_budget or not self.num_rows:
            return
        names = list(self.evidence.hard)
        seen = torch.stack([self._hard[name] >= 0 for name in names], -1) if names else torch.zeros(self.num_rows, 0)
        row = int(seen.sum(-1).argmin())
        known = {name for name, shown in zip(names, seen[row].tolist(), strict=True) if shown}
        hidden = frozenset(self.graph.variable_names) - known
        if _BYTES * self._cost(hidden, targets, with_sum=False)[0] > self.memory_budget:
            cutset = self.cutset(hidden, targets)
            work = cutset.num_conditions * cutset.num_entries
            if work > self.most_work or not cutset.fits:
                raise self._refusal(work, row, known, targets)

    def _groups(self, targets: tuple[str, ...]) -> list[tuple[Tensor, Cutset]]:
        """Rows that hide the same variables, with their cutset."""
        if not self.num_rows:
            return []
        names = list(self.evidence.hard)
        seen = torch.stack([self._flat_states(name) >= 0 for name in names], -1) if names else None
        if seen is None:
            patterns, member = torch.zeros(1, 0, dtype=torch.bool), torch.zeros(self.num_rows, dtype=torch.int64)
        else:
            patterns, member = seen.unique(dim=0, return_inverse=True)
        groups: list[tuple[Tensor, Cutset]] = []
        work = 0
        for i, pattern in enumerate(patterns.tolist()):
            known = {name for name, shown in zip(names, pattern, strict=True) if shown}
            rows = torch.nonzero(member == i).flatten()
            cutset = self.cutset(frozenset(self.graph.variable_names) - known, targets)
            work += len(rows) * cutset.num_conditions * cutset.num_entries
            if work > self.most_work or not cutset.fits:
                raise self._refusal(work, int(rows[0]), known, targets)
            groups.append((rows, cutset))
        return groups

    def _refusal(self, work: int, row: int, known: set[str], targets: Sequence[str]) -> Exception:
        whole, _ = self._cost(frozenset(self.graph.variable_names) - known, targets)
        return invalid(
            "the memory_budget of VariableElimination",
            f"be at least {gibibytes(_BYTES * whole)}, for the hidden joint states of row {row} (to fix some of "
            f"them in turn would take {in_words(work)} entries or more, of {in_words(self.most_work)} that most_work "
            "allows; fewer rows or targets, or more observed variables, cost less)",
            gibibytes(self.memory_budget),
            MemoryError,
        )

    def _answer(
        self, groups: Sequence[tuple[Tensor, Cutset]], targets: tuple[str, ...]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        sizes = self.graph.num_states
        back = torch.argsort(torch.cat([torch.zeros(0, dtype=torch.int64), *(rows for rows, _ in groups)]))
        like = next(iter(self.log_potentials.values()), torch.zeros(()))
        sums = [like.new_zeros(0)]
        marginals = {name: [like.new_zeros(0, sizes[name])] for name in targets}
        for rows, cutset in groups:
            for part in rows.split(_AT_ONCE):
                total, found = self._conditioned(part, cutset, targets)
                sums.append(total)
                for name in targets:
                    marginals[name].append(found[name])
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
        sums: list[Tensor] = []
        joints: dict[str, list[Tensor]] = {name: [] for name in targets}
        at_once = max(1, _AT_ONCE // len(rows))
        for start in range(0, cutset.num_conditions, at_once):
            index = torch.arange(start, min(start + at_once, cutset.num_conditions))
            size = (len(index), len(rows))
            fixed = {}
            for name in cutset.names:
                fixed[name] = (index % self.graph.num_states[name]).unsqueeze(-1).expand(size)
                index = index // self.graph.num_states[name]
            found = self.answer(self.graph, tables, Evidence({**hard, **fixed}, soft), targets)
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
        return broadcast_shapes(*shapes, self.evidence.batch_shape)

    @cached_property
    def num_rows(self) -> int:
        """Rows of the query."""
        return prod(self.batch)

    @cached_property
    def _scopes(self) -> list[tuple[str, ...]]:
        return [factor.scope for factor in self.graph.factors] + [(name,) for name in self.evidence.soft]

    @cached_property
    def _closed(self) -> set[int]:
        return summing_to_one(self.graph, self.log_potentials)

    @cached_property
    def _costs(self) -> dict[tuple[frozenset[str], tuple[str, ...], bool], tuple[int, list[Table]]]:
        return {}

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
