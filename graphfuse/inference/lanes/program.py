"""A clique tree as the arrays that compiled loops over rows side by side read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import NamedTuple

import numpy as np

from ...graph import FactorGraph
from ...graph.clique_tree import CliqueTree, clique_tree, clique_tree_towards

Scope = tuple[str, ...]
Terms = tuple[tuple[Scope, bool], ...]
SHARED, OWN, SENT = range(3)


class Program(NamedTuple):
    """Nodes, children before parents: each multiplies tables, sums out variables and sends what is left.

    An entry of a table that rows do not share, of evidence or of a message is a line: a number for every row at hand.
    Evidence stands first among the lines that are sent, then the messages, and by node the scale of its message. The
    level of a table in a node is its last dimension there, counted from one, or that of the message if this is later.
    """

    num_states: np.ndarray  # (nodes, dimensions)
    num_dims: np.ndarray  # by node
    num_kept: np.ndarray  # by node, dimensions of its message, which come first
    messages: np.ndarray  # by node, line of the first entry of its message
    scales: np.ndarray  # by node, line of the largest entry that its message had
    levels: np.ndarray  # (nodes, dimensions + 2): the tables of level k start at levels[n, k], the SHARED ones first
    roots: np.ndarray  # nodes that send to none, the one that is asked last
    place: np.ndarray  # by table, where its entries are: SHARED by all rows, their OWN, or SENT
    start: np.ndarray  # by table, its first entry or line there
    steps: np.ndarray  # (tables, dimensions)
    counted: np.ndarray  # by table, whether anybody asks how often its entries are met
    size: np.ndarray  # by table, its entries
    seen_ptr: np.ndarray  # lines of each variable with evidence


@dataclass(frozen=True, eq=False)
class _Table:
    scope: Scope
    place: int
    start: int
    counted: bool = True


@dataclass(eq=False)
class _Node:
    dims: Scope
    num_kept: int
    message: int
    tables: list[_Table]
    root: bool = False


def num_lines(program: Program) -> int:
    """Lines that are sent, scales included."""
    return int(program.scales[-1]) + 1


def make_program(graph: FactorGraph, terms: Terms, seen: Sequence[str], target: str | None) -> Program:
    """The program of a graph.

    Args:
        graph: Its variables.
        terms: By factor or soft evidence its scope, and whether every row has a table of its own.
        seen: Variables that some row observed.
        target: Variable of the message that the last node sends, if any.
    """
    tree, size = clique_tree(graph) if target is None else clique_tree_towards(graph, target), graph.size
    fixed_ends, own_ends = table_ends(graph, terms)
    fixed_starts, own_starts = iter(fixed_ends.tolist()), iter(own_ends.tolist())
    starts = [next(own_starts if per_row else fixed_starts) for _, per_row in terms]
    seen_ptr = list(accumulate((graph.num_states[name] for name in seen), initial=0))
    tables = [
        _Table(scope, OWN if per_row else SHARED, start) for (scope, per_row), start in zip(terms, starts, strict=True)
    ]
    tables += [_Table((name,), SENT, line, counted=False) for name, line in zip(seen, seen_ptr, strict=False)]
    nodes = list(_nodes(tree, tables, () if target is None else (target,), seen_ptr[-1]))
    deepest = max(len(node.dims) for node in nodes)
    scales = 1 + max(node.message + size(node.dims[: node.num_kept]) - 1 for node in nodes)
    rows: list[tuple[_Table, list[int]]] = []
    levels = []
    for node in nodes:
        depths = [max([node.num_kept, *(1 + node.dims.index(name) for name in table.scope)]) for table in node.tables]
        order = sorted(range(len(depths)), key=lambda t: (depths[t], node.tables[t].place))
        levels.append([len(rows) + sum(depth < k for depth in depths) for k in range(deepest + 2)])
        rows += [(node.tables[t], _steps(node.tables[t].scope, node.dims, deepest, graph.num_states)) for t in order]
    return Program(
        num_states=_array([[*graph.shape(node.dims), *[1] * (deepest - len(node.dims))] for node in nodes]),
        num_dims=_array([len(node.dims) for node in nodes]),
        num_kept=_array([node.num_kept for node in nodes]),
        messages=_array([node.message for node in nodes]),
        scales=_array(range(scales, scales + len(nodes))),
        levels=_array(levels),
        roots=_array([n for n, node in enumerate(nodes) if node.root]),
        place=_array([table.place for table, _ in rows]),
        start=_array([table.start for table, _ in rows]),
        steps=_array([steps for _, steps in rows]).reshape(len(rows), deepest),
        counted=np.array([table.counted for table, _ in rows]),
        size=_array([size(table.scope) for table, _ in rows]),
        seen_ptr=_array(seen_ptr),
    )


def table_ends(graph: FactorGraph, terms: Terms) -> tuple[np.ndarray, np.ndarray]:
    """Where each table that rows share starts, and the last one ends; and each of the others."""
    sizes: tuple[list[int], list[int]] = [], []
    for scope, per_row in terms:
        sizes[per_row].append(graph.size(scope))
    fixed, own = (_array([0, *accumulate(each)]) for each in sizes)
    return fixed, own


def _nodes(tree: CliqueTree, tables: Sequence[_Table], asked: Scope, line: int) -> Iterator[_Node]:
    """A node for every clique, and one before it wherever several tables over the same variables are multiplied."""
    met: list[list[_Table]] = [[] for _ in tree.cliques]
    separators, num_states = [*tree.separators[:-1], asked], tree.num_states
    alone = [table for table in tables if not table.scope]
    for table in tables:
        if table.scope:
            met[tree.home(table.scope)].append(table)
    if alone:
        yield _Node((), 0, line, alone, root=True)
        line += 1
    for clique, parent, separator, incoming in zip(tree.cliques, tree.parents, separators, met, strict=True):
        alike: dict[frozenset[str], list[_Table]] = {}
        for table in incoming:
            alike.setdefault(frozenset(table.scope), []).append(table)
        for names, group in alike.items():
            if len(group) > 1 and len(names) < len(clique) and not names <= {*separator}:
                folded = _Node(group[0].scope, len(names), line, group)
                yield folded
                alike[names] = [_Table(folded.dims, SENT, line)]
                line += prod(num_states[name] for name in folded.dims)
        read = [table for group in alike.values() for table in group]
        kept = _most_read_first(separator, read)
        dims = kept + _most_read_first([name for name in clique if name not in separator], read)
        yield _Node(dims, len(kept), line, read, root=parent < 0)
        if parent >= 0:
            met[parent].append(_Table(kept, SENT, line))
        line += prod(num_states[name] for name in kept)


def _most_read_first(names: Collection[str], tables: Sequence[_Table]) -> Scope:
    """So that few tables are read in the innermost loop."""
    return tuple(sorted(names, key=lambda name: -sum(name in table.scope for table in tables)))


def _steps(scope: Scope, dims: Scope, deepest: int, num_states: Mapping[str, int]) -> list[int]:
    steps, step = [0] * deepest, 1
    for name in reversed(scope):
        steps[dims.index(name)] = step
        step *= num_states[name]
    return steps


def _array(numbers: object) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)
