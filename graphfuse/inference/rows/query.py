"""One query answered row by row, and what is left of it to the general rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from math import prod

import numpy as np
import torch
from torch import Tensor

from ...evidence import Evidence
from ...graph import FactorGraph
from ...graph.clique_tree import clique_tree
from ...logspace import logsumexp, subtract
from ..lanes.engine import Lanes, collect
from ..lanes.latest import Latest, Loaded
from ..method import batch_shape, common_shape, is_learned
from ..posterior import Posterior
from .engine import RowAnswer, answer_rows, expected_counts
from .gradient import Answered
from .tables import RowTables, Terms, observed_states, row_tables, split_terms, unsplit

WIDE = 4096  # joint states of all cliques, below which rows are learned faster side by side than one by one
MOST_ALONE = 8  # targets that are learned with a sum of their own each
_LATEST = Latest()

General = Callable[[FactorGraph, Mapping[str, Tensor], Evidence, Sequence[str], Tensor | None], Posterior]
InLogs = tuple[Tensor, Posterior]  # some rows, and what logarithms say of them
Answer = tuple[RowAnswer, Sequence[InLogs]]


def serves(
    graph: FactorGraph, log_potentials: Mapping[str, Tensor], evidence: Evidence, planning_seconds: float = 0.0
) -> bool:
    """Whether rows are worth a loop of their own: several cliques, on the processor, in single or double precision."""
    tables = [*log_potentials.values(), *evidence.soft.values()]
    kinds = {(table.device, table.dtype) for table in tables}
    here = all(device.type == "cpu" and dtype in (torch.float32, torch.float64) for device, dtype in kinds)
    return bool(tables) and here and len(clique_tree(graph, seconds=planning_seconds).cliques) > 1


@dataclass(frozen=True, eq=False)
class RowQuery:
    """A query whose parts are computed when they are asked for.

    Args:
        graph: The factorization.
        log_potentials: By factor, its table.
        evidence: What was observed.
        memory_budget: In bytes.
        general: Answers any query in logarithms; it serves joints, and the gradients of gradients.
        weak: Answers rows that probabilities cannot hold, told by their numbers.
        planning_seconds: Time to look for an order of elimination.
        numbers: Of the rows, as a refusal is to name them; their positions if None.
    """

    graph: FactorGraph
    log_potentials: Mapping[str, Tensor]
    evidence: Evidence
    memory_budget: int
    general: General
    weak: General
    planning_seconds: float = 0.0
    numbers: Tensor | None = None

    def posterior(self, targets: Sequence[str]) -> Posterior:
        """Marginals of the targets, and the rest on demand."""
        learned = self._learned
        if learned and targets:
            return self._learned_marginals(targets)
        whole = len(targets) == len(self.graph.variables) and not learned
        if not targets:
            return self._posterior({}, None, None)
        answer, others = self._answer(targets, whole)
        log_marginals = self._log_marginals(answer, targets, others)
        return self._posterior(log_marginals, (answer, others) if whole else None, answer.weak)

    def _posterior(self, log_marginals: dict[str, Tensor], answer: Answer | None, weak: np.ndarray | None) -> Posterior:
        """Marginals, with what is asked of the same rows later.

        Args:
            log_marginals: Of the targets.
            answer: What holds the log-partitions as well, if any does.
            weak: Rows whose marginals were found in logarithms; of their log-partitions if None.
        """
        sums = cache(lambda: self._sums(answer))
        return Posterior(
            log_marginals=log_marginals,
            converged=torch.ones(self._batch, dtype=torch.bool),
            _log_partition=lambda: sums()[0],
            _log_joint=lambda names: self._everything._log_joint(names),
            _variables=self.graph.variable_names,
            _entropy=lambda: self._everything.entropy,
            _weak=lambda: sums()[1] if weak is None else torch.from_numpy(weak).reshape(self._batch),
        )

    @property
    def _side_by_side(self) -> bool:
        """Whether tables are being learned, cliques are small, and the tables of all rows fit the budget together."""
        if not self._learned:
            return False
        entries = clique_tree(self.graph).num_entries
        return entries < WIDE and 16 * entries * prod(self._batch) <= self.memory_budget

    @property
    def _learned(self) -> bool:
        return is_learned([table for _, table in self._scoped])

    @property
    def _has_room_for_gradients(self) -> bool:
        """Whether all tables and messages of a row fit twice, as the gradient of marginals holds them.

        If not, what it will need is met when the marginals are answered: by a pass in which no factor is left out.
        """
        return not self._learned or 32 * clique_tree(self.graph).num_entries <= self.memory_budget

    @cached_property
    def _scoped(self) -> list[tuple[tuple[str, ...], Tensor]]:
        likelihoods = [((name,), table) for name, table in self.evidence.soft.items()]
        return [(scope, self.log_potentials[name]) for name, scope in self.graph.scopes.items()] + likelihoods

    @cached_property
    def _batch(self) -> torch.Size:
        seen = {states.shape for states in self.evidence.hard.values()}
        return common_shape([batch_shape(self._scoped), *seen])

    @cached_property
    def _dtype(self) -> torch.dtype:
        return next(iter(self.log_potentials.values()), self._scoped[0][1]).dtype

    @cached_property
    def _split(self) -> tuple[Terms, Tensor, Tensor]:
        with torch.no_grad():
            return split_terms(self._scoped, prod(self._batch), self._batch)

    @cached_property
    def _tables(self) -> RowTables:
        return row_tables(self.graph, *self._split)

    @cached_property
    def _states(self) -> np.ndarray:
        return observed_states(self.graph, self.evidence, prod(self._batch), self._batch)

    @cached_property
    def _everything(self) -> Posterior:
        return self.general(self.graph, self.log_potentials, self.evidence, (), self.numbers)

    def _answer(self, asked: Sequence[str], whole: bool) -> Answer:
        """What rows say; and of weak ones what logarithms say, first of those that are known to be weak, which may be
        refused.
        """
        terms, _, _ = self._split
        tables, budget, beyond = self._tables, self.memory_budget, self._tables.beyond
        if asked and not self._has_room_for_gradients:
            tables, budget = replace(tables, closed=(False,) * len(tables.closed)), budget // 2
        others = list(self._in_logs(np.broadcast_to(beyond, prod(self._batch)), asked)) if beyond.any() else []
        settings = asked, whole, budget, self.planning_seconds
        answer = answer_rows(self.graph, terms, tables, self._states, *settings)
        return answer, [*others, *self._in_logs(answer.weak & ~beyond, asked)]

    def _log_marginals(self, answer: RowAnswer, targets: Sequence[str], others: Sequence[InLogs]) -> dict[str, Tensor]:
        sizes = self.graph.num_states
        logs = torch.from_numpy(answer.marginals).log_()
        found = dict(zip(targets, logs.split([sizes[name] for name in targets], dim=1), strict=True))
        for rows, posterior in others:
            for name in targets:
                found[name][rows] = posterior.log_marginals[name].double()
        return {
            name: table.contiguous().to(self._dtype).reshape(*self._batch, sizes[name]) for name, table in found.items()
        }

    def _learned_marginals(self, targets: Sequence[str]) -> Posterior:
        """Of a few targets each is the root of a sum of its own; those of many have one more pass in common."""
        if len(targets) > MOST_ALONE or not self._side_by_side:
            return self._learned_together(targets)
        log_marginals, weak = {}, np.zeros(prod(self._batch), dtype=bool)
        for name in targets:
            lanes, size = self._lanes(name), self.graph.num_states[name]
            peak = lanes.log_values.max(axis=1, keepdims=True)
            found = torch.from_numpy(lanes.log_values - np.where(peak > -np.inf, peak, 0.0))
            for rows, others in self._in_logs(lanes.weak, (name,)):
                found[rows] = others.log_marginals[name].double()
            table = self._through(lanes, found.to(self._dtype), name)
            table = subtract(table, logsumexp(table, (1,)).unsqueeze(1))
            log_marginals[name] = table.reshape(*self._batch, size)
            weak |= lanes.weak
        return self._posterior(log_marginals, None, weak)

    def _learned_together(self, targets: Sequence[str]) -> Posterior:
        """Marginals row by row, in impossible ones ``-inf``."""
        whole = len(targets) == len(self.graph.variables) or not self._has_room_for_gradients
        answer = self._answer(targets, whole)
        sums = answer if whole else self._answer((), True)
        impossible = self._completed(sums[0].log_partition, sums[1]) == -torch.inf
        tables = self._log_marginals(answer[0], targets, answer[1])
        sizes = [self.graph.num_states[name] for name in targets]
        flat = torch.cat([tables[name].reshape(-1, size) for name, size in zip(targets, sizes, strict=True)], dim=1)
        flat = flat.masked_fill_(impossible.unsqueeze(1), -torch.inf)
        parts = self._row_by_row(flat, tuple(targets)).split(sizes, dim=1)
        shapes = [(*self._batch, size) for size in sizes]
        found = {name: part.reshape(shape) for name, part, shape in zip(targets, parts, shapes, strict=True)}
        return self._posterior(found, sums, answer[0].weak)

    @cached_property
    def _loaded(self) -> Loaded:
        return _LATEST.load(self.graph, self._scoped, self._batch)

    def _lanes(self, target: str | None) -> Lanes:
        return collect(self.graph, self._loaded.tables, self.evidence.hard, target)

    def _sums(self, answer: Answer | None) -> tuple[Tensor, Tensor]:
        """Log-partitions, differentiable in the tables, and the rows in which they were found in logarithms."""
        if self._side_by_side:
            lanes = self._lanes(None)
            found = self._completed(lanes.log_values[:, 0], self._in_logs(lanes.weak, ()))
            weak = torch.from_numpy(lanes.weak).reshape(self._batch)
            return self._through(lanes, found.unsqueeze(1), None).reshape(self._batch), weak
        rows, others = self._answer((), True) if answer is None else answer
        found = self._completed(rows.log_partition, others)
        found = self._row_by_row(found.unsqueeze(1), ()) if self._learned else found
        return found.reshape(self._batch), torch.from_numpy(rows.weak).reshape(self._batch)

    def _completed(self, log_partition: np.ndarray, others: Iterable[InLogs]) -> Tensor:
        """Log-partitions ``(rows,)``, those of weak rows as logarithms say."""
        found = torch.from_numpy(log_partition)
        for rows, posterior in others:
            found[rows] = posterior.log_partition.double()
        return found.to(self._dtype)

    def _through(self, lanes: Lanes, found: Tensor, target: str | None) -> Tensor:
        """What was found ``(rows, num_asked)``, as a function of the tables as they were laid out."""
        loaded = self._loaded

        def count(grad: Tensor) -> tuple[list[Tensor], Tensor]:
            counts = lanes.expected_counts(grad.double().numpy())
            return [torch.from_numpy(each) for each in counts], torch.from_numpy(lanes.weak)

        def rule(logs: Sequence[Tensor], rows: Tensor | None) -> Tensor:
            asked = () if target is None else (target,)
            return self._in_general(asked, True, loaded.tables.layout.tables(*logs), rows)

        return Answered.apply(found, count, rule, *loaded.logs)

    def _row_by_row(self, found: Tensor, asked: tuple[str, ...]) -> Tensor:
        """Log-partitions ``(rows, 1)``, or log-marginals ``(rows, num_entries)``, as a function of the tables."""
        query = self.graph, self._split[0], self._tables, self._states

        def count(grad: Tensor) -> tuple[list[Tensor], Tensor]:
            weights = np.ascontiguousarray(grad.double().numpy())
            settings = self.memory_budget, self.planning_seconds
            fixed, varying, beyond = expected_counts(*query, weights, asked, *settings)
            grads = unsplit(self._scoped, self._batch, torch.from_numpy(fixed), torch.from_numpy(varying))
            return grads, torch.from_numpy(np.atleast_1d(beyond)).expand(len(grad))

        tables = [table for _, table in self._scoped]
        return Answered.apply(found, count, partial(self._in_general, asked, not asked), *tables)

    def _in_general(
        self, asked: tuple[str, ...], summed: bool, tables: Sequence[Tensor], rows: Tensor | None
    ) -> Tensor:
        """Log-marginals of some or all rows side by side, as a function of all tables.

        If they are summed, the log-partition is added: the sum with the variable asked for, if any, at each state.
        """
        num_factors = len(self.graph.factors)
        potentials = dict(zip(self.graph.scopes, tables[:num_factors], strict=True))
        soft = dict(zip(self.evidence.soft, tables[num_factors:], strict=True))
        query = replace(self, log_potentials=potentials, evidence=Evidence(self.evidence.hard, soft))
        rows = torch.arange(prod(self._batch)) if rows is None else rows
        found = query._rows(rows, asked, self.general)
        parts = [found.log_marginals[name].expand(len(rows), -1) for name in asked]
        answers = torch.cat(parts, dim=1) if parts else torch.zeros(len(rows), 1, dtype=self._dtype)
        if summed:
            answers = answers + found.log_partition.expand(len(rows)).unsqueeze(1)
        return torch.where(answers == -torch.inf, -torch.inf, answers).to(self._dtype)  # what is impossible is constant

    @torch.no_grad()
    def _in_logs(self, chosen: np.ndarray, targets: Sequence[str]) -> Iterator[InLogs]:
        """Rows that were chosen, in logarithms."""
        rows = torch.from_numpy(np.flatnonzero(chosen))
        if len(rows):
            yield rows, self._rows(rows, targets, self.weak)

    def _rows(self, at: Tensor, targets: Sequence[str], rule: General) -> Posterior:
        """Some of the rows by a general rule."""

        def taken(table: Tensor, num_dims: int) -> Tensor:
            if table.ndim == num_dims:
                return table
            own = table.shape[table.ndim - num_dims :]
            return table.expand(*self._batch, *own).reshape(-1, *own)[at]

        potentials = {name: taken(self.log_potentials[name], len(scope)) for name, scope in self.graph.scopes.items()}
        hard = {name: taken(states, 0) for name, states in self.evidence.hard.items()}
        soft = {name: taken(table, 1) for name, table in self.evidence.soft.items()}
        numbers = at if self.numbers is None else self.numbers[at]
        return rule(self.graph, potentials, Evidence(hard, soft), targets, numbers)
