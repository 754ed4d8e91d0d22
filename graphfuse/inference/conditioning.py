"""Exact inference by the cases of one variable, those that leave nothing open all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from ..checks import check_known
from ..evidence import Evidence
from ..graph import Factor, FactorGraph
from ..logspace import logsumexp, subtract
from ..tensor_checks import broadcast_shapes
from .method import InferenceMethod, choose_at_random
from .posterior import Posterior
from .queries import log_score
from .variable_elimination import VariableElimination

Tables = Mapping[str, Tensor]


@dataclass(frozen=True)
class Conditioning(InferenceMethod):
    """Exact on every graph, and quick where most states of one variable fix all others.

    Each state of the variable is a case. Where the zeros of constant tables over it leave one state to every other
    variable, the case is a single assignment, and its weight a sum of entries: all such cases of all rows are one
    matrix product. Every other case is a query of the graph without the variable. So a latent variable whose states
    stand for whole assignments, the patterns of a sparse factor over many variables, costs little more than the graph
    without it, where elimination would multiply all cliques by its states.

    Args:
        variable: The variable whose cases are told apart.
        within: Answers the cases that leave something open.

    Example:
        >>> from graphfuse import Conditioning, Variable, infer, markov_network
        >>> graph = markov_network([Variable("pattern", 2), Variable("a", 2), Variable("b", 2)], [("pattern", "a")])
        >>> pinned = torch.tensor([[0.0, 0.0], [-torch.inf, 0.0]])  # the second pattern has a in its second state
        >>> tables = {name: torch.zeros(graph.shape(scope)) for name, scope in graph.scopes.items()}
        >>> tables["pattern-a"] = pinned
        >>> infer(graph, tables, targets=["a"], method=Conditioning("pattern")).marginal("a")
        tensor([0.3333, 0.6667])

    Reference: Pearl (1988), Probabilistic Reasoning in Intelligent Systems, section 4.4.2; Rother, Kohli, Feng and Jia
    (2009), Minimizing sparse higher order energy functions of discrete variables.
    """

    variable: str
    within: VariableElimination = field(default_factory=VariableElimination)

    exact_on: ClassVar[str] = "all"

    def run(self, graph: FactorGraph, log_potentials: Tables, evidence: Evidence, targets: Sequence[str]) -> Posterior:
        cases = _Cases(self, graph, log_potentials, evidence, targets)
        return Posterior(
            log_marginals={name: cases.log_joint((name,)) for name in targets},
            converged=torch.ones_like(cases.log_partition, dtype=torch.bool),
            _log_partition=lambda: cases.log_partition,
            _log_joint=cases.log_joint,
            _variables=graph.variable_names,
        )

    @torch.no_grad()
    def decode(self, graph: FactorGraph, log_potentials: Tables, evidence: Evidence) -> dict[str, Tensor]:
        cases = _Cases(self, graph, log_potentials, evidence)
        found = [self.within.decode(cases.rest, tables, cases.others) for tables in cases.open_tables]
        best = [_score(cases, *each) for each in zip(cases.open_tables, found, strict=True)]
        weights = cases.together([a + b for a, b in zip(cases.alone, best, strict=True)])
        return cases.assignment(weights.argmax(-1), found, weights.amax(-1) == -torch.inf)

    @torch.no_grad()
    def sample(
        self,
        graph: FactorGraph,
        log_potentials: Tables,
        evidence: Evidence,
        num_samples: int,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        cases = _Cases(self, graph, log_potentials, evidence)
        weights = cases.weights.expand(num_samples, *cases.weights.shape)
        chosen = choose_at_random(weights, generator)
        drawn = [
            self.within.sample(cases.rest, tables, cases.row_by_row, num_samples, generator)
            for tables in cases.open_tables
        ]
        return cases.assignment(chosen, drawn, weights.amax(-1) == -torch.inf)


class _Cases:
    """A query, case by case: first those that leave something open, then the single assignments."""

    def __init__(
        self,
        method: Conditioning,
        graph: FactorGraph,
        log_potentials: Tables,
        evidence: Evidence,
        targets: Sequence[str] = (),
    ) -> None:
        self.name = method.variable
        check_known("variable of Conditioning", self.name, graph.num_states)
        self.graph, self.evidence = graph, evidence
        self.rest = _without(graph, self.name)
        self.others = Evidence(
            {name: each for name, each in evidence.hard.items() if name != self.name},
            {name: each for name, each in evidence.soft.items() if name != self.name},
        )
        self.terms = [(factor.scope, log_potentials[factor.name]) for factor in graph.factors]
        self.terms += [((name,), table) for name, table in evidence.soft.items()]
        self.patterns = self._patterns(log_potentials)
        single = (self.patterns >= 0).all(1)
        self.open, self.single = (torch.nonzero(each)[:, 0].tolist() for each in (~single, single))
        self.open_tables = [self._sliced(log_potentials, state) for state in self.open]
        wanted = [name for name in targets if name != self.name]
        self.answers = [method.within.run(self.rest, tables, self.others, wanted) for tables in self.open_tables]
        self.alone = [self._alone(state) for state in self.open]
        self.chosen = self.patterns[self.single]

    @cached_property
    def weights(self) -> Tensor:
        """Log of the summed product of every case ``(*batch, num_cases)``."""
        return self.together([a + each.log_partition for a, each in zip(self.alone, self.answers, strict=True)])

    @cached_property
    def log_partition(self) -> Tensor:
        return logsumexp(self.weights, (-1,))

    @property
    def row_by_row(self) -> Evidence:
        """The evidence on the other variables, of the shape of all rows, so that each row is drawn by itself."""
        soft = dict(self.others.soft)
        for each in self.rest.variables[:1]:
            nothing = self.weights.new_zeros(*self.weights.shape[:-1], each.num_states)
            soft[each.name] = soft.get(each.name, 0.0) + nothing
        return Evidence(self.others.hard, soft)

    def together(self, of_open: Sequence[Tensor]) -> Tensor:
        """The open cases, each ``(*batch,)``, and the single assignments side by side."""
        single = self._of_single
        shape = broadcast_shapes(single.shape[:-1], *[each.shape for each in of_open])
        return torch.cat([*[each.expand(shape).unsqueeze(-1) for each in of_open], single.expand(*shape, -1)], -1)

    def log_joint(self, names: tuple[str, ...]) -> Tensor:
        """Log-probabilities ``(*batch, *names)``."""
        rest = tuple(name for name in names if name != self.name)
        size, weights = self.graph.size(rest), self.weights
        tables = []
        for i, answer in enumerate(self.answers):
            known = len(rest) == 1 and rest[0] in answer.log_marginals
            found = answer.log_marginals[rest[0]] if known else answer.log_joint(rest)
            flat = found.reshape(*found.shape[: found.ndim - len(rest)], size)
            tables.append(weights[..., i, None] + flat)
        entries, single = self._index(rest, self.chosen), weights[..., len(self.open) :]
        if self.name in names:
            listed = entries[:, None] == torch.arange(size, device=entries.device)
            tables += [torch.where(each, single[..., i, None], -torch.inf) for i, each in enumerate(listed)]
            order = torch.tensor([*self.open, *self.single]).argsort().tolist()
            joint = torch.stack([tables[i] for i in order], -2)
        else:
            columns = [torch.nonzero(entries == entry)[:, 0] for entry in range(size)]
            parts = [logsumexp(single.index_select(-1, each), (-1,)) if len(each) else None for each in columns]
            none = torch.full_like(self.log_partition, -torch.inf)
            tables.append(torch.stack([none if part is None else part for part in parts], -1))
            joint = logsumexp(torch.stack([table.expand_as(tables[-1]) for table in tables]), (0,))
        partition = self.log_partition.reshape(*self.log_partition.shape, *[1] * (joint.ndim - weights.ndim + 1))
        joint = subtract(joint, partition)
        joint = joint.reshape(*weights.shape[:-1], *self._shape(names, rest))
        axis = weights.ndim - 1  # where the states of the variable stand, before the others
        return joint.movedim(axis, axis + names.index(self.name)) if self.name in names else joint

    def assignment(
        self, case: Tensor, of_open: Sequence[Mapping[str, Tensor]], impossible: Tensor
    ) -> dict[str, Tensor]:
        """The states of the chosen cases; of an open one, those that were found in it."""
        states = torch.tensor([*self.open, *self.single], device=case.device)
        found = {}
        for name in self.graph.variable_names:
            if name == self.name:
                chosen = states[case]
            else:
                column = list(self.rest.variable_names).index(name)
                fixed = torch.cat([self.chosen.new_zeros(len(self.open)), self.chosen[:, column]])
                chosen = fixed.to(case.device)[case]
                for i, each in enumerate(of_open):
                    chosen = torch.where(case == i, each[name], chosen)
            found[name] = chosen.masked_fill(impossible, -1)
        return found

    def _shape(self, names: tuple[str, ...], rest: tuple[str, ...]) -> tuple[int, ...]:
        shape = self.graph.shape(rest)
        return (self.graph.num_states[self.name], *shape) if self.name in names else shape

    def _patterns(self, log_potentials: Tables) -> Tensor:
        """By case the one state that its zeros leave to every other variable ``(num_cases, num_others)``, else -1."""
        count = self.graph.num_states[self.name]
        left = {each.name: torch.ones(count, each.num_states, dtype=torch.bool) for each in self.rest.variables}
        for factor in self.graph.factors:
            table, scope = log_potentials[factor.name], factor.scope
            if self.name not in scope or table.ndim != len(scope):
                continue
            possible = (table.detach() > -torch.inf).cpu().movedim(scope.index(self.name), 0)
            others = [name for name in scope if name != self.name]
            for i, name in enumerate(others):
                axes = [1 + j for j in range(len(others)) if j != i]
                left[name] &= possible.amax(axes) if axes else possible
        if not left:
            return torch.zeros(count, 0, dtype=torch.int64)
        return torch.stack([torch.where(each.sum(1) == 1, each.byte().argmax(1), -1) for each in left.values()], 1)

    def _sliced(self, log_potentials: Tables, state: int) -> dict[str, Tensor]:
        """The tables of the graph without the variable in one case."""
        tables = {}
        for name, scope in self.rest.scopes.items():
            table, old = log_potentials[name], self.graph.scopes[name]
            tables[name] = table if old == scope else table.select(old.index(self.name) - len(old), state)
        return tables

    def _alone(self, state: int) -> Tensor:
        """What speaks of the variable alone, in one case ``(*batch,)``."""
        total = next((table for _, table in self.terms), torch.zeros(())).new_zeros(())
        for scope, table in self.terms:
            if scope in ((self.name,), ()):
                total = total + (table[..., state] if scope else table)
        seen = self.evidence.hard.get(self.name)
        if seen is None:
            return total
        other = (seen >= 0) & (seen != state)
        return torch.zeros_like(total).masked_fill(other, -torch.inf) + total

    @cached_property
    def _of_single(self) -> Tensor:
        """The weights of the single assignments ``(*batch, num_single)``."""
        cases = torch.tensor(self.single, dtype=torch.int64)
        columns = {name: self.chosen[:, i] for i, name in enumerate(self.rest.variable_names)} | {self.name: cases}
        like = next((table for _, table in self.terms), torch.zeros(()))
        total, wide, picks = like.new_zeros(len(cases)), [], []
        alike: dict[tuple[str, ...], Tensor] = {}
        for scope, table in self.terms:
            entries = self._entries(scope, columns).to(table.device)
            flat = table.reshape(*table.shape[: table.ndim - len(scope)], self.graph.size(scope))
            if flat.ndim == 1 or not bool(flat.detach().isfinite().all()):
                total = total + flat.index_select(-1, entries)
            else:
                alike[scope] = alike[scope] + flat if scope in alike else flat
        for scope, flat in alike.items():
            entries = self._entries(scope, columns).to(flat.device)
            pick = flat.new_zeros(flat.shape[-1], len(cases))
            pick[entries, torch.arange(len(cases), device=flat.device)] = 1
            wide.append(flat)
            picks.append(pick)
        if wide:
            shape = broadcast_shapes(*[flat.shape[:-1] for flat in wide])
            total = total + torch.cat([flat.expand(*shape, -1) for flat in wide], -1) @ torch.cat(picks)
        for name, seen in self.evidence.hard.items():
            states = columns[name].to(seen.device)
            other = (seen.unsqueeze(-1) >= 0) & (seen.unsqueeze(-1) != states)
            total = total.expand(broadcast_shapes(total.shape, other.shape)).masked_fill(other, -torch.inf)
        return total

    def _entries(self, scope: Sequence[str], columns: Mapping[str, Tensor]) -> Tensor:
        """Of every single assignment, its place in a flat table over the scope."""
        entries = torch.zeros(len(self.single), dtype=torch.int64)
        for name in scope:
            entries = entries * self.graph.num_states[name] + columns[name]
        return entries

    def _index(self, names: Sequence[str], chosen: Tensor) -> Tensor:
        return self._entries(names, {name: chosen[:, i] for i, name in enumerate(self.rest.variable_names)})


@lru_cache(maxsize=64)
def _without(graph: FactorGraph, name: str) -> FactorGraph:
    """The graph without a variable, and without the factors that speak of nothing else."""
    factors = [Factor(each.name, tuple(other for other in each.scope if other != name)) for each in graph.factors]
    variables = [each for each in graph.variables if each.name != name]
    return FactorGraph(variables, [each for each in factors if each.scope])


def _score(cases: _Cases, tables: Tables, found: Mapping[str, Tensor]) -> Tensor:
    """The log-score ``(*batch,)`` of what was found in an open case, with all evidence; ``-inf`` where it is -1."""
    possible = next((states >= 0 for states in found.values()), torch.tensor(True))
    states = {name: each.clamp(min=0) for name, each in found.items()}
    total = log_score(cases.rest, tables, states)
    for name, table in cases.others.soft.items():
        shape = broadcast_shapes(table.shape[:-1], states[name].shape)
        every = states[name].expand(shape).unsqueeze(-1)
        total = total + table.expand(*shape, table.shape[-1]).gather(-1, every).squeeze(-1)
    return torch.where(possible, total, -torch.inf)
