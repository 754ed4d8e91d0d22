"""A clique tree and its factors as arrays that compiled loops read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np

from ...graph.clique_tree import CliqueTree
from .kernel import Layout, Work

Scope = tuple[str, ...]


def make_layout(tree: CliqueTree, scopes: Sequence[Scope], varies: Sequence[bool], closed: Sequence[bool]) -> Layout:
    """The arrays of a tree and of factors over scopes.

    Args:
        tree: Of all variables; where messages go one way, its last clique is the one to read.
        scopes: One per factor.
        varies: Which factors have a table per row.
        closed: Which factors sum to one over their last variable whatever the others are.
    """
    number = {name: v for v, name in enumerate(tree.num_states)}
    num_states = list(tree.num_states.values())
    ordered = [
        (*shared, *(name for name in clique if name not in shared))
        for clique, shared in zip(tree.cliques, tree.separators, strict=True)
    ]
    numbers = [[number[name] for name in scope] for scope in scopes]
    touching: list[list[int]] = [[] for _ in num_states]
    strides, offsets, ends = [], [], [0, 0]
    for f, scope in enumerate(numbers):
        for v in scope:
            touching[v].append(f)
        sizes = [num_states[v] for v in scope]
        steps = list(accumulate(reversed(sizes), lambda a, b: a * b, initial=1))
        strides += steps[-2::-1]
        offsets.append(ends[varies[f]])
        ends[varies[f]] += steps[-1]
    closing = _closing(numbers, closed, touching)
    directed = len(closing) == len(numbers) == len(num_states)
    clique_ptr, clique_vars = _packed([[number[name] for name in clique] for clique in ordered])
    scope_ptr, scope_vars = _packed(numbers)
    touch_ptr, touch_list = _packed(touching)
    return Layout(
        _array(num_states),
        clique_ptr,
        clique_vars,
        _array(len(shared) for shared in tree.separators),
        _array(tree.parents),
        _array(tree.home(scope) if scope else -1 for scope in scopes),
        scope_ptr,
        scope_vars,
        _array(strides),
        _array(offsets),
        _array(varies),
        touch_ptr,
        touch_list,
        _array(closing),
        _array(sorted(range(len(closing)), key=lambda f: numbers[f][-1]) if directed else []),
        _array(_last_holding(ordered, number)),
    )


def make_work(layout: Layout, scratch: np.ndarray) -> Work:
    """Room for one row."""
    num_vars, num_cliques = len(layout.num_states), len(layout.parents)
    widest = int(np.diff(layout.clique_ptr).max(initial=1))

    def room(size: int) -> np.ndarray:
        return np.zeros(size, dtype=np.int64)

    by_variable = ("wanted", "count", "above", "below", "mark", "place", "best", "best_size")
    by_factor = ("dropped", "counted", "next_factor", "holder")
    by_clique = (
        "first_factor",
        "first_sender",
        "next_sender",
        "receiver",
        "num_dims",
        "num_sent",
        "start",
        "sent",
        "visited",
    )
    sizes = {
        "clock": 2,
        "stack": 2 * len(layout.touching) + num_vars,
        "dims": len(layout.clique_vars),
        **dict.fromkeys(by_variable, num_vars),
        **dict.fromkeys(by_factor, len(layout.offsets)),
        **dict.fromkeys(by_clique, num_cliques),
    }
    return Work(
        **{name: room(size) for name, size in sizes.items()},
        loop=np.zeros((5, widest + 2), dtype=np.int64),
        scratch=scratch,
    )


def _closing(scopes: Sequence[Sequence[int]], closed: Sequence[bool], touching: Sequence[Sequence[int]]) -> list[int]:
    """Factors that may be summed to one, each after all others that read its last variable."""
    owners: dict[int, int] = {}
    for f, scope in enumerate(scopes):
        if closed[f] and scope:
            owners[scope[-1]] = -1 if scope[-1] in owners else f
    waiting = {f: len(touching[v]) - 1 for v, f in owners.items() if f >= 0}
    order = [f for f, count in waiting.items() if not count]
    for f in order:
        for v in scopes[f][:-1]:
            owner = owners.get(v, -1)
            if owner in waiting:
                waiting[owner] -= 1
                if not waiting[owner]:
                    order.append(owner)
    return order


def _last_holding(cliques: Sequence[Scope], number: dict[str, int]) -> list[int]:
    found = [-1] * len(number)
    for c, clique in enumerate(cliques):
        for name in clique:
            found[number[name]] = c
    return found


def _packed(lists: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    return _array(accumulate(map(len, lists), initial=0)), _array(entry for each in lists for entry in each)


def _array(entries: Iterable[int]) -> np.ndarray:
    return np.fromiter(entries, dtype=np.int64)
