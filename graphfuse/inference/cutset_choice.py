"""Which hidden variables to fix, so that the tables of a row fit the memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from math import log

from ..graph import FactorGraph
from .contraction import bytes_of_row
from .rows.own_layout import layout_towards, mask_of, plan_pattern
from .rows.sliced import Table
from .slices import bytes_of_terms, narrow_tree

BYTES = 8  # of an entry of a row's tables
_AT_ONCE = 3  # variables that are chosen before what is left is planned anew

Cost = tuple[int, Callable[[], list[Table]]]  # entries of a row, and its tables


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
class CutsetChoice:
    """What decides which variables are fixed.

    Args:
        graph: The factorization.
        scopes: Of what multiplies.
        closed: Positions of the factors that sum to one over their last variable.
        memory_budget: Bytes that the tables of a conditioned row may take.
        most_work: Entries of tables, beyond which no choice is completed.
        planning_seconds: Time to look for an order of elimination.
        itemsize: Bytes of an entry where rows are answered in logarithms, with all tables; 0 where one by one.
    """

    graph: FactorGraph
    scopes: Sequence[tuple[str, ...]]
    closed: Collection[int]
    memory_budget: int
    most_work: int
    planning_seconds: float = 0.0
    itemsize: int = 0
    _costs: dict[tuple[frozenset[str], tuple[str, ...], bool], Cost] = field(default_factory=dict)

    def cutset(self, hidden: frozenset[str], targets: Sequence[str], most_work: int | None = None) -> Cutset:
        """Variables to fix where these are hidden, chosen one by one: who saves most for the states it has.

        A few are chosen from the same tables before these are planned anew. The choice ends when tables fit the memory,
        or when the work is beyond what is allowed.

        Args:
            hidden: Variables that are not observed.
            targets: Variables asked for.
            most_work: Entries of tables, where less is left than at first.
        """
        most_work = self.most_work if most_work is None else most_work
        left, conditions = set(hidden), 1
        chosen: list[str] = []
        while True:
            cost, tables = self.cost(left, targets)
            fits = BYTES * cost <= self.memory_budget
            more = [] if fits or conditions * cost > most_work else self._best(tables(), cost)
            if not more:
                return Cutset(tuple(chosen), conditions, cost, fits)
            chosen += more
            left.difference_update(more)
            conditions *= self.graph.size(more)

    def _best(self, tables: Sequence[Table], cost: int) -> list[str]:
        """A few variables that save most, by the tables as they are; none if nothing saves."""
        sizes = self.graph.num_states
        parts = [(set(joined), self.graph.size(joined)) for joined, _ in tables]
        best: list[str] = []
        while len(best) < _AT_ONCE and (not best or BYTES * cost > self.memory_budget):
            saved: dict[str, int] = {}
            for joined, size in parts:
                for name in joined:
                    saved[name] = saved.get(name, 0) + size - size // sizes[name]
            gains = {
                name: log(cost / max(cost - part, 1)) / log(sizes[name])
                for name, part in saved.items()
                if sizes[name] > 1
            }
            if not gains:
                break
            name = max(sorted(gains), key=gains.__getitem__)
            best.append(name)
            parts = [(joined - {name}, size // sizes[name] if name in joined else size) for joined, size in parts]
            cost -= saved[name]
        return best

    def cost(self, hidden: Collection[str], targets: Sequence[str], with_sum: bool = True) -> Cost:
        """Entries of a row in the costlier of the two queries, for the sum and for the marginals, and its tables."""
        key = frozenset(hidden), tuple(targets), with_sum
        if key not in self._costs:
            options = [self._in_logs(key[0])] if self.itemsize else list(self._in_rows(key[0], targets, with_sum))
            self._costs[key] = max(options, key=lambda option: option[0])
        return self._costs[key]

    def _in_rows(self, hidden: frozenset[str], targets: Sequence[str], with_sum: bool) -> Iterator[Cost]:
        queries: list[tuple[Sequence[str], bool]] = [((), True)] if with_sum or not targets else []
        if targets:
            queries.append((targets, len(targets) == len(self.graph.variables)))
        mask, scopes, closed = mask_of(self.graph, hidden), tuple(self.scopes), frozenset(self.closed)
        for asked, whole in queries:
            target = asked[0] if len(asked) == 1 else None
            common = layout_towards(self.graph, scopes, closed, target, self.planning_seconds)
            plan = plan_pattern(self.graph, common, scopes, mask, asked, whole)
            yield plan.num_entries, plan.tables

    def _in_logs(self, hidden: frozenset[str]) -> Cost:
        known = frozenset(self.graph.variable_names) - hidden
        tree = narrow_tree(self.graph, known, self.planning_seconds)
        taken = bytes_of_row(tree, self.itemsize) + bytes_of_terms(self.graph, known, self.itemsize)
        return -(-taken // BYTES), lambda: [(clique, 0) for clique in tree.cliques]
