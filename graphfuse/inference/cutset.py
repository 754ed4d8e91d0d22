"""Queries too wide for the memory, answered by fixing a few hidden variables at each of their states in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
import torch
from torch import Tensor

from ..checks import invalid
from ..evidence import Evidence
from ..graph import FactorGraph
from ..graph.clique_tree import clique_tree
from ..logspace import logsumexp, subtract
from ..tensor_checks import broadcast_shapes
from .amounts import gibibytes, in_words
from .cutset_choice import BYTES, Cutset, CutsetChoice
from .entropy import entropy_of_table
from .memory import Refused
from .method import is_learned
from .plan import summing_to_one
from .posterior import Posterior
from .rows.sliced import joint_states, log_sizes

_DOUBTS = {8: 4.0, 16: 2.0, 32: 1.25}  # by patterns planned, how far beyond most_work all must look to be refused
_AT_ONCE = 512  # conditioned rows in one call


Answer = Callable[[FactorGraph, Mapping[str, Tensor], Evidence, Sequence[str], Tensor | None], Posterior]


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
        answer: Answers the conditioned queries, told with the numbers of their rows.
        memory_budget: Bytes that the tables of a conditioned row may take.
        most_work: Entries of tables that all conditioned rows together may take; a costlier query is refused before it
            starts.
        planning_seconds: Time to look for an order of elimination.
        numbers: Of the rows, as a refusal is to name them; their positions if None.
        in_logs: Whether rows are answered in logarithms, which takes all tables.

    Raises:
        MemoryError: If a cutset that fits the memory costs too much work.

    Example:
        >>> from graphfuse import Variable, VariableElimination, markov_network
        >>> names = ["a", "b", "c", "d"]
        >>> ring = markov_network([Variable(name, 3) for name in names], map(tuple, ["ab", "bc", "cd", "da"]))
        >>> same = {name: torch.eye(3) if len(scope) == 2 else torch.zeros(3) for name, scope in ring.scopes.items()}
        >>> query = Conditioned(ring, same, Evidence(), VariableElimination()._in_rows, memory_budget=256)
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
    numbers: Tensor | None = None
    in_logs: bool = False

    def posterior(self, targets: Sequence[str]) -> Posterior:
        """Marginals of the targets, with the log-partition."""
        log_partition, log_marginals, weak = self._answer(self._groups(tuple(targets)), tuple(targets))
        return Posterior(
            log_marginals=log_marginals,
            converged=torch.ones(self.batch, dtype=torch.bool),
            _log_partition=lambda: log_partition,
            _log_joint=self.log_joint,
            _variables=self.graph.variable_names,
            _entropy=self.entropy,
            _weak=lambda: weak,
        )

    def log_partition(self) -> Tensor:
        """The log of the sum over all assignments, ``(*batch,)``."""
        return self._sums[0]

    def weak(self) -> Tensor:
        """Rows ``(*batch,)`` whose log-partition was found in logarithms."""
        return self._sums[1]

    @cached_property
    def _sums(self) -> tuple[Tensor, Tensor]:
        log_partition, _, weak = self._answer(self._groups(()), ())
        return log_partition, weak

    def entropy(self) -> Tensor:
        """The entropy of all variables, ``(*batch,)`` in nats: that of what is fixed, and the mean given it.

        Impossible rows are ``nan``.
        """
        groups = [(part, cutset) for rows, cutset in self._groups(()) for part in rows.split(_AT_ONCE)]
        parts = [self._entropy_of(part, cutset) for part, cutset in groups]
        return self._in_order(parts, [part for part, _ in groups])

    def _entropy_of(self, rows: Tensor, cutset: Cutset) -> Tensor:
        found = list(self._by_condition(rows, cutset, ()))
        log_weights = torch.cat([total for _, total in found])
        log_weights = subtract(log_weights, logsumexp(log_weights, (0,)))
        given = torch.cat([posterior.entropy.expand_as(total) for posterior, total in found])
        given = torch.where(log_weights > -torch.inf, given, 0.0)
        entropy = (log_weights.exp() * given).sum(0) + entropy_of_table(log_weights.movedim(0, -1), 1)
        return torch.where((log_weights > -torch.inf).any(0), entropy, torch.nan)

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
        return subtract(table, logsumexp(table, (-1,)).unsqueeze(-1)).reshape((*self.batch, *shape))

    def too_wide(self, targets: Sequence[str]) -> bool:
        """Whether the row with the most hidden variables does not fit as it is; cheap where all tables fit.

        Raises:
            MemoryError: At once, where fixing some of its variables in turn would be too costly.
        """
        dense = clique_tree(self.graph, seconds=self.planning_seconds).num_entries
        if BYTES * dense <= self.memory_budget or not self.num_rows:
            return False
        names = list(self.evidence.hard)
        seen = torch.stack([self._hard[name] >= 0 for name in names], -1) if names else torch.zeros(self.num_rows, 0)
        row = int(seen.sum(-1).argmin())
        known = {name for name, shown in zip(names, seen[row].tolist(), strict=True) if shown}
        hidden = frozenset(self.graph.variable_names) - known
        if BYTES * self._choice.cost(hidden, targets, with_sum=False)[0] <= self.memory_budget:
            return False
        cutset = self._choice.cutset(hidden, targets)
        work = cutset.num_conditions * cutset.num_entries
        if work > self.most_work or not cutset.fits:
            raise self._refusal(work, row, known, targets)
        return True

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
        order = self._dearest_first(patterns, names)
        found: dict[int, tuple[Tensor, Cutset]] = {}
        planned, doubts, work = list[int](), dict[int, float](), 0
        for count, doubt in _DOUBTS.items():  # each sample holds those before, evenly spread from dear to cheap
            planned = list(dict.fromkeys([*planned, *order[:: max(1, len(order) // count)]]))
            doubts[len(planned)] = doubt
        for i in dict.fromkeys([*planned, *order]):
            known = {name for name, shown in zip(names, patterns[i].tolist(), strict=True) if shown}
            rows = torch.nonzero(member == i).flatten()
            hidden = frozenset(self.graph.variable_names) - known
            cutset = self._choice.cutset(hidden, targets, (self.most_work - work) // len(rows))
            work += len(rows) * cutset.num_conditions * cutset.num_entries
            found[i] = rows, cutset
            expected = work
            if len(found) in doubts:  # all rows cost about what these do
                share = sum(len(each) for each, _ in found.values()) / self.num_rows
                expected = max(work, int(work / share / doubts[len(found)]))
            if expected > self.most_work or not cutset.fits:
                raise self._refusal(expected, int(rows[0]), known, targets)
        return list(found.values())

    def _dearest_first(self, patterns: Tensor, names: Sequence[str]) -> list[int]:
        """The order of patterns ``(patterns, names)`` of what was observed in which a refusal shows soonest."""
        place = {name: v for v, name in enumerate(self.graph.variable_names)}
        hidden = np.ones((len(patterns), len(place)), dtype=bool)
        hidden[:, [place[name] for name in names]] = ~patterns.numpy()
        states = joint_states(log_sizes(self.graph, (), self.planning_seconds), hidden)
        return [int(i) for i in np.argsort(-states, kind="stable")]

    def _refusal(self, work: int, row: int, known: set[str], targets: Sequence[str]) -> Exception:
        row = row if self.numbers is None else int(self.numbers[row])
        whole, _ = self._choice.cost(frozenset(self.graph.variable_names) - known, targets)
        return invalid(
            "the memory_budget of VariableElimination",
            f"be at least {gibibytes(BYTES * whole)}, for the hidden joint states of row {row} (to fix some of "
            f"them in turn would take {in_words(work)} entries or more, of {in_words(self.most_work)} that most_work "
            "allows; fewer rows or targets, or more observed variables, cost less)",
            gibibytes(self.memory_budget),
            Refused if self.in_logs else MemoryError,
        )

    def _answer(
        self, groups: Sequence[tuple[Tensor, Cutset]], targets: tuple[str, ...]
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Log-partitions, log-marginals by target, and whether they were found in logarithms, of all rows."""
        parts = [(part, cutset) for rows, cutset in groups for part in rows.split(_AT_ONCE)]
        found = [self._conditioned(part, cutset, targets) for part, cutset in parts]
        rows = [part for part, _ in parts]
        marginals = {
            name: self._in_order([each[1][name] for each in found], rows, self.graph.num_states[name])
            for name in targets
        }
        log_partition = self._in_order([each[0] for each in found], rows)
        return log_partition, marginals, self._in_order([each[2] for each in found], rows).bool()

    def _in_order(self, parts: Sequence[Tensor], rows: Sequence[Tensor], *own: int) -> Tensor:
        if not parts:
            return next(iter(self.log_potentials.values()), torch.zeros(())).new_zeros((*self.batch, *own))
        return torch.cat(list(parts))[torch.argsort(torch.cat(list(rows)))].reshape((*self.batch, *own))

    def _conditioned(
        self, rows: Tensor, cutset: Cutset, targets: tuple[str, ...]
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Of some rows log-partitions, log-marginals ``(rows, num_states)``, and whether logarithms were needed."""
        sums: list[Tensor] = []
        alike: dict[int, list[str]] = {}
        for name in targets:
            alike.setdefault(self.graph.num_states[name], []).append(name)
        joints: dict[int, list[Tensor]] = {size: [] for size in alike}
        weak = torch.zeros(len(rows), dtype=torch.bool)
        for found, total in self._by_condition(rows, cutset, targets):
            sums.append(logsumexp(total, (0,)))
            for size, names in alike.items():
                given = torch.stack([found.log_marginals[name].expand(*total.shape, size) for name in names])
                joint = torch.where(total[..., None] > -torch.inf, given + total[..., None], -torch.inf)
                joints[size].append(logsumexp(joint, (1,)))
            if found._weak is not None:
                weak |= found._weak().expand(total.shape).any(0)
        log_partition = logsumexp(torch.stack(sums), (0,))
        log_marginals: dict[str, Tensor] = {}
        for size, names in alike.items():
            tables = subtract(logsumexp(torch.stack(joints[size]), (0,)), log_partition[:, None])
            log_marginals.update(zip(names, tables, strict=True))
        return log_partition, log_marginals, weak

    def _by_condition(
        self, rows: Tensor, cutset: Cutset, targets: tuple[str, ...]
    ) -> Iterator[tuple[Posterior, Tensor]]:
        """Answers for some conditions at a time, and their log-partitions ``(conditions, rows)``."""
        scopes = self.graph.scopes
        tables = {name: _taken(table, len(scopes[name]), rows) for name, table in self._tables.items()}
        hard = {name: states[rows] for name, states in self._hard.items()}
        soft = {name: _taken(table, 1, rows) for name, table in self._soft.items()}
        numbers = rows if self.numbers is None else self.numbers[rows]
        at_once = max(1, _AT_ONCE // len(rows))
        for start in range(0, cutset.num_conditions, at_once):
            index = torch.arange(start, min(start + at_once, cutset.num_conditions))
            size = (len(index), len(rows))
            fixed = {}
            for name in cutset.names:
                fixed[name] = (index % self.graph.num_states[name]).unsqueeze(-1).expand(size)
                index = index // self.graph.num_states[name]
            query = self.graph, tables, Evidence({**hard, **fixed}, soft)
            found = self.answer(*query, targets, numbers.expand(size).reshape(-1) if fixed else numbers)
            yield found, found.log_partition.expand(size)

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
    def _choice(self) -> CutsetChoice:
        scopes = [factor.scope for factor in self.graph.factors] + [(name,) for name in self.evidence.soft]
        learned = is_learned([*self.log_potentials.values(), *self.evidence.soft.values()])
        closed = set() if learned else summing_to_one(self.graph, self.log_potentials)  # a gradient leaves nothing out
        itemsize = next(iter(self.log_potentials.values()), torch.zeros(())).element_size() if self.in_logs else 0
        settings = self.memory_budget, self.most_work, self.planning_seconds, itemsize
        return CutsetChoice(self.graph, scopes, closed, *settings)

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
        return table.expand((*self.batch, *own)).reshape(self.num_rows, *own)


def _taken(table: Tensor, num_dims: int, rows: Tensor) -> Tensor:
    return table[rows] if table.ndim > num_dims else table
