"""How a query in logarithms is divided: which rows go together, along which tree, how many at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor

from ..checks import invalid
from ..graph.clique_tree import CliqueTree, clique_tree
from .amounts import gibibytes, in_words
from .contraction import bytes_of_row
from .groups import Group, group_patterns
from .memory import Refused
from .rows.sliced import SAVED, log_sizes
from .slices import Query, bytes_of_terms, rest_of, tree_within

WORTH = 2**14  # entries by variable, of all rows, whose time is about that of a group of rows on its own
_ELSEWHERE = 64  # times as many entries are worth a plan on a device that is not the processor


@dataclass(frozen=True, eq=False)
class Part:
    """Rows that are answered together, without the variables that all of them observed.

    Args:
        rows: Positions along the flattened batch; None for all rows, in the shape of the batch.
        known: Variables that all of them observed.
        unseen: Variables with evidence that none of them observed.
        tree: Of the other variables.
        num_rows: How many they are.
        bytes_row: What one of them takes.
    """

    rows: Tensor | None
    known: frozenset[str]
    unseen: frozenset[str]
    tree: CliqueTree
    num_rows: int
    bytes_row: int

    def turns(self, most_rows: int) -> Iterator[Part]:
        """No more than so many rows at a time, at least one."""
        most_rows = max(1, most_rows)
        if most_rows >= self.num_rows:
            yield self
            return
        rows = torch.arange(self.num_rows) if self.rows is None else self.rows
        for some in rows.split(most_rows):
            yield Part(some, self.known, self.unseen, self.tree, len(some), self.bytes_row)


def joined_part(parts: Sequence[Part]) -> Part:
    """Several parts as one, whose rows have no observed variable in common."""
    rows = [part.rows for part in parts if part.rows is not None]
    largest = max(parts, key=lambda part: part.bytes_row)
    nothing: frozenset[str] = frozenset()
    num_rows = sum(part.num_rows for part in parts)
    return Part(torch.cat(rows) if rows else None, nothing, nothing, largest.tree, num_rows, largest.bytes_row)


@dataclass(frozen=True, eq=False)
class Division:
    """What decides how a query is divided.

    Args:
        query: Tables and evidence.
        memory_budget: Bytes that may be taken.
        planning_seconds: Time to look for an order of the whole graph.
        together: Whether all rows are kept at once, as their gradient is wanted.
        strict: Whether rows that do not fit are refused, or left to the caller as parts of their own.
        numbers: Of the rows as a refusal is to name them; their positions if None.
    """

    query: Query
    memory_budget: int
    planning_seconds: float = 0.0
    together: bool = False
    strict: bool = True
    numbers: Tensor | None = None

    def parts(self) -> list[Part]:
        """All rows, divided where that saves more than it costs, or more than there is memory for.

        Raises:
            MemoryError: If the rows do not fit, and have to.
        """
        graph, evidence = self.query.graph, self.query.evidence
        num_rows = prod(self.query.batch)
        dense = clique_tree(graph, seconds=self.planning_seconds)
        whole = self._part(None, (), (), dense, num_rows)
        fits = self._fits([whole])
        worth = WORTH * len(graph.variables) * (1 if self._here else _ELSEWHERE)
        if num_rows and evidence.hard and not (fits and num_rows * dense.num_entries < worth):
            parts = self._apart(num_rows, worth)
            if not fits or len(parts) > 1 or num_rows * (dense.num_entries - parts[0].tree.num_entries) > worth // 4:
                self._check(parts)
                return parts
        self._check([whole])
        return [whole]

    @property
    def _here(self) -> bool:
        return all(table.device.type == "cpu" for table in self.query.log_potentials.values())

    @property
    def _itemsize(self) -> int:
        tables = [*self.query.log_potentials.values(), *self.query.evidence.soft.values()]
        return tables[0].element_size() if tables else 4

    def _part(
        self, rows: Tensor | None, known: Collection[str], unseen: Collection[str], tree: CliqueTree, num_rows: int
    ) -> Part:
        itemsize = self._itemsize
        cost = bytes_of_row(tree, itemsize) + bytes_of_terms(self.query.graph, known, itemsize)
        return Part(rows, frozenset(known), frozenset(unseen), tree, num_rows, cost)

    def _fits(self, parts: list[Part]) -> bool:
        if self.together:
            return sum(part.num_rows * part.bytes_row for part in parts) <= self.memory_budget
        return all(part.bytes_row <= self.memory_budget for part in parts if part.num_rows)

    def _apart(self, num_rows: int, worth: float) -> list[Part]:
        graph, hard = self.query.graph, self.query.evidence.hard
        names = [name for name in graph.variable_names if name in hard]
        columns = [hard[name] >= 0 for name in names]
        scalar = all(column.ndim == 0 for column in columns)  # one pattern, without a look at all rows
        batch = torch.Size([]) if scalar else self.query.batch
        seen = torch.stack([column.expand(batch).reshape(-1) for column in columns], -1).cpu().numpy()
        place = {name: v for v, name in enumerate(graph.variable_names)}
        packed = np.packbits(seen, axis=1)
        _, first, member, count = np.unique(packed, axis=0, return_index=True, return_inverse=True, return_counts=True)
        member = member.ravel()
        shown = np.zeros((len(first), len(place)), dtype=bool)
        shown[:, [place[name] for name in names]] = seen[first]
        if len(first) == 1:
            known = [name for name, each in zip(names, seen[0].tolist(), strict=True) if each]
            tree = self._tree(frozenset(known), num_rows, worth)
            return [self._part(None, known, set(names).difference(known), tree, num_rows)]
        planned: dict[int, tuple[Group, Part]] = {}

        def planned_part(group: Group) -> Part:
            if id(group) not in planned:
                known, unseen = ([name for name in names if each[place[name]]] for each in (group.known, group.unseen))
                tree = self._tree(frozenset(known), group.num_rows, worth)
                planned[id(group)] = group, self._part(None, known, unseen, tree, group.num_rows)
            return planned[id(group)][1]

        def too_wide(groups: list[Group]) -> Group | None:
            parts = [planned_part(group) for group in groups]
            if self._fits(parts):
                return None
            several = [i for i, group in enumerate(groups) if len(group.count) > 1]
            if self.together:
                return max((groups[i] for i in several), key=lambda each: each.cost, default=None)
            return next((groups[i] for i in several if parts[i].bytes_row > self.memory_budget), None)

        bits = log_sizes(graph, (), self.planning_seconds)
        if self.strict:
            self._check_one(seen, names, first, member)
        groups = group_patterns(shown, count, bits, worth, too_wide)
        owner = np.zeros(len(first), dtype=np.int64)
        for number, group in enumerate(groups):
            owner[group.member] = number
        order = np.argsort(owner[member], kind="stable")
        rows = torch.from_numpy(order).split([group.num_rows for group in groups])
        parts = [planned_part(group) for group in groups]
        return [
            Part(some, part.known, part.unseen, part.tree, part.num_rows, part.bytes_row)
            for some, part in zip(rows, parts, strict=True)
        ]

    def _check_one(self, seen: np.ndarray, names: list[str], first: np.ndarray, member: np.ndarray) -> None:
        """Refuse at once what the row with the most hidden variables makes too wide."""
        pattern = int(seen[first].sum(1).argmin())
        known = [name for name, each in zip(names, seen[first[pattern]].tolist(), strict=True) if each]
        rows = torch.from_numpy(np.flatnonzero(member == pattern))
        part = self._part(rows, known, (), self._tree(frozenset(known), len(rows), 0), len(rows))
        if part.bytes_row > self.memory_budget:
            self._check([part])

    def _tree(self, known: frozenset[str], num_rows: int, worth: float) -> CliqueTree:
        """The tree of the graph without what is known, or one of its own where that saves time, or memory it needs."""
        graph = self.query.graph
        within = tree_within(graph, known, self.planning_seconds)
        short = self._part(None, known, (), within, num_rows).bytes_row > self.memory_budget
        if known and within.cliques and (short or num_rows * within.num_entries >= worth):
            own = clique_tree(rest_of(graph, known))
            if (1.0 if short else SAVED) * own.num_entries < within.num_entries:
                return own
        return within

    def _check(self, parts: list[Part]) -> None:
        if not self.strict or self._fits(parts):
            return
        graph = self.query.graph
        part = max(parts, key=lambda each: each.bytes_row)
        if self.together:
            num_rows, cost = sum(each.num_rows for each in parts), sum(each.num_rows * each.bytes_row for each in parts)
        else:
            num_rows, cost = 1, part.bytes_row
        who = f"{num_rows} rows" if num_rows > 1 else "1 row"
        if num_rows == 1 and part.rows is not None:
            row = int(part.rows[0])
            who = f"row {row if self.numbers is None else int(self.numbers[row])}"
        largest = max(part.tree.cliques, key=graph.size, default=())
        must = f"be at least {gibibytes(cost)} for {who} on this graph"
        must += f" without the {len(part.known)} variables it observed" if part.known and num_rows == 1 else ""
        must += f" (its largest clique joins {len(largest)} variables with {in_words(graph.size(largest))} joint states"
        must += "; fewer rows at a time cost less)" if num_rows > 1 else ")"
        error = Refused if self.together else MemoryError
        raise invalid("the memory_budget of VariableElimination", must, gibibytes(self.memory_budget), error)
