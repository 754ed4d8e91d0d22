"""Exact inference by contraction along a clique tree: the default method."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import ClassVar, ParamSpec, TypeVar

import torch
from torch import Tensor

from ..checks import invalid
from ..evidence import Evidence
from ..graph import FactorGraph
from .cutset import Conditioned
from .log_query import LogQuery
from .memory import Refused, budget_of
from .method import InferenceMethod, is_learned
from .plan import Plan, make_plan
from .posterior import Posterior
from .rows.query import RowQuery, serves
from .slices import Query

Given = ParamSpec("Given")
Found = TypeVar("Found")


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
        twice = bool(targets) and is_learned([*log_potentials.values(), *evidence.soft.values()])  # by the gradient
        settings = self._budget(log_potentials.values()) // (1 + twice), self.most_work, self.planning_seconds
        wide = Conditioned(graph, log_potentials, evidence, self._in_rows, *settings)
        found = None if targets and wide.too_wide(targets) else self._narrow(graph, log_potentials, evidence, targets)
        if found is None:
            found = wide.posterior(targets)
        else:
            weak, too_wide = found._weak, partial(wide.too_wide, ())
            found = replace(
                found,
                _log_partition=_or_else(found._log_partition, wide.log_partition, too_wide),
                _log_joint=_or_else(found._log_joint, wide.log_joint),
                _weak=weak if targets or weak is None else _or_else(weak, wide.weak, too_wide),
            )
        entropy = found._entropy
        in_logs = self._fixed_in_logs(graph, log_potentials, evidence).entropy
        return replace(found, _entropy=entropy and _or_else(entropy, in_logs))

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

    def decode(self, graph: FactorGraph, log_potentials: Mapping[str, Tensor], evidence: Evidence) -> dict[str, Tensor]:
        return self._log_query(graph, log_potentials, evidence).decode()

    def sample(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        num_samples: int,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        return self._log_query(graph, log_potentials, evidence).sample(num_samples, generator)

    def _row_query(self, graph: FactorGraph, log_potentials: Mapping[str, Tensor], evidence: Evidence) -> RowQuery:
        """Rows one by one in compiled loops, each with the tables of its hidden variables."""
        settings = self._budget(log_potentials.values()), self._in_logs, self._weak_rows, self.planning_seconds
        return RowQuery(graph, log_potentials, evidence, *settings)

    def _narrow(
        self, graph: FactorGraph, log_potentials: Mapping[str, Tensor], evidence: Evidence, targets: Sequence[str]
    ) -> Posterior | None:
        """Rows as they are, None if one does not fit."""
        try:
            return self._in_rows(graph, log_potentials, evidence, targets)
        except Refused:
            raise
        except MemoryError:
            return None  # the refusal of the other way says more

    def _in_rows(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        targets: Sequence[str],
        numbers: Tensor | None = None,
    ) -> Posterior:
        return replace(self._row_query(graph, log_potentials, evidence), numbers=numbers).posterior(targets)

    def _log_query(self, graph: FactorGraph, log_potentials: Mapping[str, Tensor], evidence: Evidence) -> LogQuery:
        """Rows together in logarithms: on any device, within any range, differentiable twice."""
        settings = self._budget(log_potentials.values()), self.planning_seconds
        return LogQuery(graph, log_potentials, evidence, *settings)

    def _in_logs(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        targets: Sequence[str],
        numbers: Tensor | None = None,
    ) -> Posterior:
        return replace(self._log_query(graph, log_potentials, evidence), numbers=numbers).posterior(targets)

    def _weak_rows(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        targets: Sequence[str],
        numbers: Tensor | None = None,
    ) -> Posterior:
        """Rows in logarithms, by cutset conditioning those that do not fit."""

        def wide(query: Query, rows: Tensor, names: Sequence[str]) -> Posterior:
            return self._fixed_in_logs(query.graph, query.log_potentials, query.evidence, rows).posterior(names)

        query = self._log_query(graph, log_potentials, evidence)
        return replace(query, numbers=numbers, wide=wide).posterior(targets)

    def _fixed_in_logs(
        self,
        graph: FactorGraph,
        log_potentials: Mapping[str, Tensor],
        evidence: Evidence,
        numbers: Tensor | None = None,
    ) -> Conditioned:
        settings = self._budget(log_potentials.values()), self.most_work, self.planning_seconds, numbers, True
        return Conditioned(graph, log_potentials, evidence, self._in_logs, *settings)

    def _budget(self, tables: Iterable[Tensor]) -> int:
        """Bytes that a query of these tables may take."""
        return budget_of(tables) if self.memory_budget is None else self.memory_budget


def _or_else(
    ask: Callable[Given, Found], otherwise: Callable[Given, Found], too_wide: Callable[[], bool] | None = None
) -> Callable[Given, Found]:
    """The first of two ways that the memory admits; the first is left out where it is known to be too wide."""

    def either(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        if too_wide is None or not too_wide():
            try:
                return ask(*args, **kwargs)
            except Refused:
                raise
            except MemoryError:
                pass  # the refusal of the other way says more
        return otherwise(*args, **kwargs)

    return either
