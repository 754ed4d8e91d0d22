"""Exact inference by contraction along a clique tree: the default method."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf, prod
from typing import ClassVar, ParamSpec, TypeVar

import torch
from torch import Tensor

from ..checks import invalid
from ..evidence import Evidence
from ..graph import FactorGraph
from ..graph.clique_tree import CliqueTree, clique_tree
from .contraction import Contraction, bytes_of_row
from .cutset import Conditioned
from .memory import budget_of
from .method import InferenceMethod, Terms, batch_shape, choose_at_random, terms
from .plan import Plan, gibibytes, in_words, make_plan
from .posterior import Posterior
from .rows.query import RowQuery, serves
from .semiring import LogSemiring, MaxSemiring, Semiring
from .turns import Turns, in_turns

Given = ParamSpec("Given")
Found = TypeVar("Found")

_CHUNK = 2**27  # bytes of tables beyond which a processor waits for memory more than more rows at once save


@dataclass(frozen=True)
class VariableElimination(InferenceMethod):
    """Exact on every graph; the cost grows with the joint states of the largest clique.

    Args:
        memory_budget: Bytes that the clique tables of one query may take; half of what is free where its tables lie if
            None.
        most_work: Entries of tables that may be computed where a row takes more memory than there is, by fixing some of
            its variables at each of their states in turn; 2**34 are about a minute, 0 does without. What takes more
            memory and more work is refused before it starts.
        planning_seconds: Time to look for a better order of elimination than the greedy ones, once per graph; it pays
            where many rows are asked of a graph with large cliques. A longer search never finds a costlier order.

    Raises:
        ValueError: If the seconds are negative.

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, chapters 9 and 10.
    """

    memory_budget: int | None = None
    most_work: int = 2**34
    planning_seconds: float = 0.0

    exact_on: ClassVar[str] = "all"

    def __post_init__(self) -> None:
        if not 0 <= self.planning_seconds < inf:
            raise invalid("planning_seconds", "be a finite number of seconds, not negative", self.planning_seconds)

    def run(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        targets: Sequence[str],
    ) -> Posterior:
        if not serves(graph, log_potentials, evidence, self.planning_seconds):
            return self._in_logs(graph, log_potentials, evidence, targets)
        settings = self._budget(log_potentials.values()), self.most_work, self.planning_seconds
        wide = Conditioned(graph, log_potentials, evidence, self._in_rows, *settings)
        if targets:
            wide.refuse_hopeless(targets)
        found = _or_else(partial(self._in_rows, graph, log_potentials, evidence), wide.posterior)(targets)
        return replace(
            found,
            _log_partition=_or_else(found._log_partition, wide.log_partition, partial(wide.refuse_hopeless, ())),
            _log_joint=_or_else(found._log_joint, wide.log_joint),
        )

    def plan(
        self,
        graph: FactorGraph,
        evidence_names: Sequence[str] = (),
        targets: Sequence[str] | None = None,
        log_potentials: Mapping[str, Tensor] | None = None,
    ) -> Plan:
        """What a query would take, in tables and bytes, without computing it.

        Args:
            graph: The factorization.
            evidence_names: Variables that are observed; their states do not matter.
            targets: Variables to answer for; all of them if None.
            log_potentials: As for ``infer``, some or all. Without them no factor is known to sum to one, so that only
                what is cut off is pruned, and the tables are taken to be on the processor in double precision.

        Raises:
            ValueError: If a name is unknown.

        Example:
            >>> from graphfuse import Variable, chain
            >>> days = chain([Variable(f"day{i}", 3) for i in range(6)])
            >>> plan = VariableElimination().plan(days, evidence_names=["day2"], targets=["day0"])
            >>> plan.width, plan.num_entries, plan.num_sliced, plan.pruned
            (1, 45, 33, ('day3', 'day4', 'day5'))

        Reference: Darwiche (2009), Modeling and Reasoning with Bayesian Networks, chapters 6 and 9.
        """
        budget = self._budget((log_potentials or {}).values())
        return make_plan(graph, evidence_names, targets, log_potentials, budget, self.planning_seconds)

    def _in_rows(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        targets: Sequence[str],
    ) -> Posterior:
        """Rows one by one in compiled loops, each with the tables of its hidden variables."""
        settings = self._budget(log_potentials.values()), self._in_logs, self.planning_seconds
        return RowQuery(graph, log_potentials, evidence, *settings).posterior(targets)

    def _in_logs(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        targets: Sequence[str],
    ) -> Posterior:
        """Every row with all its tables, in logarithms: on any device, within any range, differentiable twice."""
        turns = self._turns(graph, terms(graph, log_potentials, evidence))
        return turns.posterior(graph, partial(self._contracted, graph), targets)

    def _contracted(self, graph: FactorGraph, factors: Terms, targets: Sequence[str]) -> Posterior:
        contraction = Contraction(self._plan(graph, factors), factors, LogSemiring())
        tree = contraction.tree
        homes = {name: tree.home((name,)) for name in targets}
        beliefs = contraction.beliefs(homes.values())

        def log_joint(names: tuple[str, ...]) -> Tensor:
            if not names:
                return torch.zeros_like(contraction.log_partition)
            clique = tree.holding(names)
            if clique is not None:
                belief = beliefs[clique] if clique in beliefs else contraction.beliefs([clique])[clique]
                return contraction.log_marginal(belief, clique, names)
            wider = Contraction(self._plan(graph, factors, tuple(sorted(names))), factors, LogSemiring())
            home = wider.tree.home(names)
            return wider.log_marginal(wider.beliefs([home])[home], home, names)

        return Posterior(
            log_marginals={
                name: contraction.log_marginal(beliefs[home], home, (name,)) for name, home in homes.items()
            },
            converged=torch.ones_like(contraction.log_partition, dtype=torch.bool),
            _log_partition=lambda: contraction.log_partition,
            _log_joint=log_joint,
            _variables=graph.variable_names,
        )

    def decode(self, graph: FactorGraph, log_potentials: Mapping[str, Tensor], evidence: Evidence) -> dict[str, Tensor]:
        def best(contraction: Contraction) -> dict[str, Tensor]:
            return contraction.descend(lambda log_weights: log_weights.argmax(-1))

        return self._descended(graph, terms(graph, log_potentials, evidence), MaxSemiring(), best)

    def sample(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        num_samples: int,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        def drawn(contraction: Contraction) -> dict[str, Tensor]:
            return contraction.descend(lambda log_weights: choose_at_random(log_weights, generator), (num_samples,))

        return self._descended(graph, terms(graph, log_potentials, evidence), LogSemiring(), drawn, num_samples)

    @torch.no_grad()
    def _descended(
        self,
        graph: FactorGraph,
        factors: Terms,
        semiring: Semiring,
        descend: Callable[[Contraction], dict[str, Tensor]],
        num_samples: int = 0,
    ) -> dict[str, Tensor]:
        """Assignments of all rows, chosen from the roots of a clique tree."""
        here = all(table.device.type == "cpu" for _, table in factors)
        turns = self._turns(graph, factors, num_samples, _CHUNK if here else None)
        chosen = turns.assignments(
            [descend(Contraction(self._plan(graph, part), part, semiring)) for part in turns.parts]
        )
        return {name: chosen[name] for name in graph.variable_names}

    def _budget(self, tables: Iterable[Tensor]) -> int:
        """Bytes that a query of these tables may take."""
        return budget_of(tables) if self.memory_budget is None else self.memory_budget

    def _turns(self, graph: FactorGraph, factors: Terms, num_samples: int = 0, most_bytes: int | None = None) -> Turns:
        """As many rows at a time as the memory admits, and no more bytes than it is good for."""
        tree = clique_tree(graph, seconds=self.planning_seconds)
        cost = bytes_of_row(tree, _itemsize(factors), num_samples)
        budget = self._budget(table for _, table in factors)
        return in_turns(factors, min(budget, most_bytes or budget) // max(1, cost))

    def _plan(self, graph: FactorGraph, factors: Terms, together: tuple[str, ...] = ()) -> CliqueTree:
        tree = clique_tree(graph, together, self.planning_seconds)
        num_rows = prod(batch_shape(factors))
        cost = num_rows * bytes_of_row(tree, _itemsize(factors))
        if cost > (budget := self._budget(table for _, table in factors)):
            largest = max(tree.cliques, key=graph.size)
            rows = f"{num_rows} rows" if num_rows > 1 else "1 row"
            must = (
                f"be at least {gibibytes(cost)} for {rows} on this graph (its largest clique joins {len(largest)} "
                f"variables with {in_words(graph.size(largest))} joint states"
            )
            must += "; fewer rows at a time cost less)" if num_rows > 1 else ")"
            raise invalid("the memory_budget of VariableElimination", must, gibibytes(budget), MemoryError)
        return tree


def _itemsize(factors: Terms) -> int:
    return factors[0][1].element_size() if factors else 4


def _or_else(
    ask: Callable[Given, Found], otherwise: Callable[Given, Found], check: Callable[[], None] = lambda: None
) -> Callable[Given, Found]:
    """After a check, the first of two ways that the memory admits."""

    def either(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        check()
        try:
            return ask(*args, **kwargs)
        except MemoryError:
            pass  # the refusal of the other way says more
        return otherwise(*args, **kwargs)

    return either
