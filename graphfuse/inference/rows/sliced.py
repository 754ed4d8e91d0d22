"""What is left of a graph for a row: the tables of its hidden variables, along a tree that suits what it observed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from math import log2, prod

import numpy as np

from ...graph import Factor, FactorGraph
from ...graph.clique_tree import CliqueTree, clique_tree, clique_tree_towards

Scope = tuple[str, ...]
Table = tuple[Scope, int]  # hidden variables that a clique joins; the joint states it sends on, 0 if none

WORTH = 2**13  # entries by variable, of all rows that hide the same ones, whose time is about that of a plan
SAVED = 1.25  # times as many entries on the tree of the graph as on one of their own
_AT_ONCE = 4096  # rows whose joint states are counted together
_MOST = 100.0  # bits of a count


def tree_of(graph: FactorGraph, asked: Sequence[str], seconds: float) -> CliqueTree:
    """The tree of a graph, towards the only variable asked for if there is just one."""
    if len(asked) == 1:
        return clique_tree_towards(graph, asked[0], seconds)
    return clique_tree(graph, seconds=seconds)


def sliced(
    graph: FactorGraph,
    scopes: Sequence[Scope],
    closed: Collection[int],
    hidden: Collection[str],
    asked: Sequence[str],
    whole: bool,
    seconds: float = 0.0,
    num_rows: int = 1,
) -> tuple[CliqueTree, list[Table]]:
    """The tree for rows that hide the same variables, and the tables of each.

    It is the tree of the graph, unless one of what is left, without the observed variables, saves more than it costs to
    plan.

    Args:
        graph: The factorization.
        scopes: Of what multiplies.
        closed: Positions of those that sum to one over their last variable.
        hidden: Variables that are not observed.
        asked: Variables asked for.
        whole: Whether the sum over all assignments is wanted.
        seconds: Time to look for an order of the whole graph; those of what is left are greedy.
        num_rows: Rows that hide these variables.
    """
    tree = tree_of(graph, asked, seconds)
    relevant = relevant_scopes(scopes, closed, hidden, asked, whole)
    tables = row_tables(tree, scopes, relevant, hidden)
    cost = _entries(graph, tables)
    if num_rows * cost < WORTH * len(graph.variables):
        return tree, tables
    parts = [tuple([name for name in scope if name in hidden]) for scope in scopes]
    left = dict.fromkeys(parts[f] for f in relevant if parts[f])
    read = set().union(*left, (name for name in asked if name in hidden))
    variables = [variable for variable in graph.variables if variable.name in read]
    rest = FactorGraph(variables, [Factor(f"{i}", part) for i, part in enumerate(left)])
    own = tree_of(rest, [name for name in asked if name in hidden] if len(asked) == 1 else (), 0.0)
    fewer = row_tables(own, parts, relevant, hidden)
    return (own, fewer) if SAVED * _entries(graph, fewer) < cost else (tree, tables)


def joint_states(bits: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Joint states of hidden variables in all cliques, nothing pruned, by row of ``(rows, num_variables)``.

    Args:
        bits: As ``log_sizes`` gives them.
        hidden: Bool.
    """
    parts = [hidden[start : start + _AT_ONCE].astype(np.float32) @ bits for start in range(0, len(hidden), _AT_ONCE)]
    return np.concatenate([np.exp2(np.minimum(part, _MOST)).sum(axis=1, dtype=float) for part in parts])


@lru_cache(maxsize=16)
def log_sizes(graph: FactorGraph, asked: tuple[str, ...], seconds: float) -> np.ndarray:
    """The bits of the states of every variable in every clique, ``(num_variables, num_cliques)``."""
    place, tree = {name: v for v, name in enumerate(graph.variable_names)}, tree_of(graph, asked, seconds)
    logs = np.zeros((len(place), len(tree.cliques)), dtype=np.float32)
    for c, clique in enumerate(tree.cliques):
        for name in clique:
            logs[place[name], c] = log2(graph.num_states[name])
    return logs


def relevant_scopes(
    scopes: Sequence[Sequence[str]],
    closed: Collection[int],
    hidden: Collection[str],
    targets: Sequence[str],
    whole: bool = False,
) -> list[int]:
    """Positions of the scopes that bear on the targets, or on the sum over all assignments if the whole is wanted.

    A factor that sums to one over a hidden variable that no other reads is left out, and then whatever that leaves
    alone; of the others, those that hidden variables connect with the targets are kept.

    Reference: Shachter (1998), Bayes-ball: the rational pastime.
    """
    readers: dict[str, set[int]] = {}
    for f, scope in enumerate(scopes):
        for name in scope:
            readers.setdefault(name, set()).add(f)
    waiting, kept = [f for f in closed if scopes[f][-1] in hidden], set(range(len(scopes)))
    while waiting:
        f = waiting.pop()
        child = scopes[f][-1]
        if f not in kept or len(readers[child]) > 1 or child not in hidden or child in targets:
            continue
        kept.discard(f)
        for name in scopes[f]:
            readers[name].discard(f)
            waiting += [other for other in readers[name] if other in closed]
    if whole:
        return sorted(kept)
    reached: set[int] = set()
    stack = [name for name in targets if name in hidden]
    seen = set(stack)
    while stack:
        for f in readers.get(stack.pop(), set()) - reached:
            reached.add(f)
            fresh = [name for name in scopes[f] if name in hidden and name not in seen]
            seen.update(fresh)
            stack += fresh
    return sorted(reached)


def row_tables(
    tree: CliqueTree, scopes: Sequence[Scope], relevant: Iterable[int], hidden: Collection[str]
) -> list[Table]:
    """The tables of a row: what every clique joins of the hidden variables, and how much of it is sent on."""
    found: list[Table] = []
    met: list[list[set[str]]] = [[] for _ in tree.cliques]
    for f in relevant:
        if scopes[f]:
            met[tree.home(scopes[f])].append({name for name in scopes[f] if name in hidden})
    for clique, parent, separator, parts in zip(tree.cliques, tree.parents, tree.separators, met, strict=True):
        if not parts:
            continue
        joined = set().union(*parts)
        sent = joined.intersection(separator)
        if sent == joined and sent and len(parts) == 1:
            met[parent].append(sent)
        elif joined:
            size = prod(tree.num_states[name] for name in sent) if sent else 0
            found.append((tuple(name for name in clique if name in joined), size))
            if sent:
                met[parent].append(sent)
    return found


def num_entries(graph: FactorGraph, tables: Iterable[Table], two_way: bool) -> int:
    """Entries that a row works on at most: its tables, what they send and, where messages return, one more of these."""
    taken, most, widest = 2, 0, 0
    for joined, sent in tables:
        size = graph.size(joined)
        most = max(most, taken + size + max(sent, 1))
        taken += size + sent
        widest = max(widest, sent)
    return max(most, taken + widest if two_way else taken)


def _entries(graph: FactorGraph, tables: Iterable[Table]) -> int:
    return sum(graph.size(joined) + sent for joined, sent in tables)
