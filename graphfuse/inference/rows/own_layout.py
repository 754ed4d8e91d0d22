"""The plan of rows that hide the same variables: on the tree of the graph, or on one of their own where that pays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from ...graph import FactorGraph
from . import sliced as by_names
from .layout import Layout, along, make_layout
from .sliced import Scope, Table, sliced, tree_of

_ALONG = ("clique_ptr", "clique_vars", "num_shared", "parents", "places", "homes")  # what of a layout a tree decides
_MOST = 2.0**1000  # entries, beyond which they are not counted


@dataclass(frozen=True, eq=False)
class PatternPlan:
    """What rows go by, and what one of them works on.

    Args:
        graph: The factorization.
        layout: The arrays.
        own: Whether the tree is their own.
        num_entries: Entries at most at any time: tables, what they send and, where messages return, one more of these.
        sent: By clique the joint states that it sends on, -1 if it has no table.
        joined_ptr: By clique where its hidden variables start.
        joined: The hidden variables that a clique joins.
    """

    graph: FactorGraph
    layout: Layout
    own: bool
    num_entries: int
    sent: np.ndarray
    joined_ptr: np.ndarray
    joined: np.ndarray

    def tables(self) -> list[Table]:
        """Hidden variables that a clique joins, and the joint states that it sends on, where it has a table."""
        names, ends = self.graph.variable_names, self.joined_ptr.tolist()
        joined, sent = [names[v] for v in self.joined[: ends[-1]].tolist()], self.sent.tolist()
        return [(tuple(joined[ends[c] : ends[c + 1]]), int(sent[c])) for c in range(len(sent)) if sent[c] >= 0]


def plan_pattern(
    graph: FactorGraph,
    common: Layout,
    scopes: Sequence[Scope],
    hidden: np.ndarray,
    asked: Sequence[str],
    whole: bool,
    num_rows: int = 1,
) -> PatternPlan:
    """A plan on the common layout, or on an own one if that saves more than it costs to make.

    Args:
        graph: The factorization.
        common: Of the graph.
        scopes: Of what multiplies.
        hidden: ``(num_variables,)``, uint8: which variables are not observed.
        asked: Variables asked for.
        whole: Whether the sum over all assignments is wanted.
        num_rows: Rows that hide these variables.
    """
    compiled, place = _compiled(), _places(graph)
    wanted = np.zeros(len(hidden), dtype=np.uint8)
    wanted[[place[name] for name in asked]] = 1
    kept = compiled.relevant_factors(common, hidden, wanted, whole)
    sizes = compiled.table_sizes(common, kept, hidden)
    if num_rows * sizes[0] >= by_names.WORTH * len(graph.variables):
        target = place[asked[0]] if len(asked) == 1 and hidden[place[asked[0]]] else -1
        made, *arrays = compiled.own_tree(common, kept, hidden, target)
        own = common._replace(**dict(zip(_ALONG, arrays, strict=True))) if made else None
        if own is None:
            own = _by_names(graph, common, scopes, hidden, asked, whole, num_rows)
        fewer = sizes if own is common else compiled.table_sizes(own, kept, hidden)
        if by_names.SAVED * fewer[0] < sizes[0]:
            return _plan(graph, own, True, fewer, len(asked) > 1)
    return _plan(graph, common, False, sizes, len(asked) > 1)


@lru_cache(maxsize=16)
def layout_towards(
    graph: FactorGraph, scopes: tuple[Scope, ...], closed: frozenset[int], target: str | None, seconds: float
) -> Layout:
    """The arrays of constant tables over scopes, rooted at a target if there is one."""
    tree = tree_of(graph, () if target is None else (target,), seconds)
    return make_layout(tree, scopes, [False] * len(scopes), [f in closed for f in range(len(scopes))], target)


def mask_of(graph: FactorGraph, hidden: Collection[str]) -> np.ndarray:
    """Hidden variables, given by name, as ``plan_pattern`` takes them."""
    return np.fromiter((name in hidden for name in graph.variable_names), np.uint8, len(graph.variables))


def _plan(graph: FactorGraph, layout: Layout, own: bool, sizes: Any, two_way: bool) -> PatternPlan:
    _, most, at_end, widest, sent, joined_ptr, joined = sizes
    entries = int(min(max(most, at_end + widest if two_way else at_end), _MOST))
    return PatternPlan(graph, layout, own, entries, sent, joined_ptr, joined)


def _by_names(
    graph: FactorGraph,
    common: Layout,
    scopes: Sequence[Scope],
    hidden: np.ndarray,
    asked: Sequence[str],
    whole: bool,
    num_rows: int,
) -> Layout:
    """As ``sliced`` plans, where there are too many variables, or too many neighbors, for the compiled loops."""
    names = {name for name, each in zip(graph.variable_names, hidden.tolist(), strict=True) if each}
    tree, _ = sliced(graph, scopes, common.closing.tolist(), names, asked, whole, num_rows=num_rows)
    return common if len(tree.num_states) == len(graph.variables) else along(common, graph.num_states, tree, scopes)


@lru_cache(maxsize=16)
def _places(graph: FactorGraph) -> dict[str, int]:
    return {name: v for v, name in enumerate(graph.variable_names)}


@lru_cache(maxsize=1)
def _compiled() -> Any:
    """The compiled loops; numba is loaded when they are first needed."""
    return import_module(".pattern", __package__)
