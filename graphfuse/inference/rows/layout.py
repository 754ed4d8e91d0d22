"""A clique tree and its factors as arrays that compiled loops read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from ...graph.clique_tree import CliqueTree

Scope = tuple[str, ...]

_LARGEST = 2**62  # entries; a plan may be of tables that no memory holds


class Layout(NamedTuple):
    """A clique tree and its factors as arrays; ``x_ptr[i]`` to ``x_ptr[i + 1]`` is what belongs to ``i``.

    Cliques stand before their parents; the variables of a clique are those of its separator first, in the order of its
    parent. Tables are entries of one array, the constant ones, or of one array per row.
    """

    num_states: np.ndarray
    clique_ptr: np.ndarray
    clique_vars: np.ndarray
    num_shared: np.ndarray  # variables in the separator of a clique
    parents: np.ndarray
    places: np.ndarray  # by factor the clique that multiplies it, -1 if it reads no variable
    scope_ptr: np.ndarray
    scope_vars: np.ndarray
    strides: np.ndarray
    offsets: np.ndarray
    varies: np.ndarray  # whether a factor has a table per row
    ranks: np.ndarray  # place of a factor among those that have a table per row, or among the others
    touch_ptr: np.ndarray
    touching: np.ndarray  # factors that read a variable
    closing: np.ndarray  # factors that sum to one over their last variable, none before one that reads that variable
    owners: np.ndarray  # by variable the factor that sums to one over it; empty unless all factors are such
    homes: np.ndarray  # by variable the clique that answers for it if messages go one way


class Work(NamedTuple):
    """What one row leaves behind, overwritten by the next."""

    clock: np.ndarray  # one number, which grows; what is marked with another is not marked
    wanted: np.ndarray  # variables asked for
    readers: np.ndarray  # by variable, factors that read it and count
    above: np.ndarray  # by variable, when evidence was passed on to its parents
    below: np.ndarray  # by variable, when evidence was passed on to its children
    stack: np.ndarray
    dropped: np.ndarray  # by factor, when it was summed to one
    counted: np.ndarray  # by factor, when it was found to count
    first_factor: np.ndarray  # by clique, a factor that it multiplies, or -1
    next_factor: np.ndarray  # by factor, another one there
    holder: np.ndarray  # by factor, the clique that multiplies it
    first_sender: np.ndarray  # by clique, one below that sends it a message
    next_sender: np.ndarray
    receiver: np.ndarray  # by clique, the one that its message reaches
    mark: np.ndarray  # by variable, when a clique met it
    place: np.ndarray  # by variable, its dimension in that clique
    best: np.ndarray  # by variable, the clique with the smallest table that it is a dimension of
    best_size: np.ndarray
    scale: np.ndarray  # by clique, what its message was multiplied by
    floor: np.ndarray  # by clique, a bound on the positive entries of its table times that scale
    least: np.ndarray  # by clique, the least positive entry of its message
    dims: np.ndarray  # at clique_ptr: the hidden variables of a clique
    num_dims: np.ndarray
    num_sent: np.ndarray  # dimensions of the message of a clique, which come first
    start: np.ndarray  # of the table of a clique in the scratch
    sent: np.ndarray  # of its message
    visited: np.ndarray  # cliques with a table
    weighs: np.ndarray  # by clique, whether what is differentiated has met it
    loop: np.ndarray  # along the dimensions at hand: see SIZE to TURN
    scratch: np.ndarray


def make_layout(
    tree: CliqueTree, scopes: Sequence[Scope], varies: Sequence[bool], closed: Sequence[bool], target: str | None = None
) -> Layout:
    """The arrays of a tree and of factors over scopes.

    Args:
        tree: Of all variables; where messages go one way, its last clique is the one to read.
        scopes: One per factor.
        varies: Which factors have a table per row.
        closed: Which factors sum to one over their last variable whatever the others are.
        target: The first variable of the last clique.
    """
    number = {name: v for v, name in enumerate(tree.num_states)}
    num_states = list(tree.num_states.values())
    numbers = [[number[name] for name in scope] for scope in scopes]
    touching: list[list[int]] = [[] for _ in num_states]
    strides, offsets, ranks, ends, counts = [], [], [], [0, 0], [0, 0]
    for f, scope in enumerate(numbers):
        for v in scope:
            touching[v].append(f)
        sizes = [num_states[v] for v in scope]
        steps = list(accumulate(reversed(sizes), lambda a, b: a * b, initial=1))
        strides += steps[-2::-1]
        offsets.append(ends[varies[f]])
        ends[varies[f]] += steps[-1]
        ranks.append(counts[varies[f]])
        counts[varies[f]] += 1
    closing = _closing(numbers, closed, touching)
    directed = len(closing) == len(numbers) == len(num_states)
    scope_ptr, scope_vars = _packed(numbers)
    touch_ptr, touch_list = _packed(touching)
    return Layout(
        num_states=_array(num_states),
        scope_ptr=scope_ptr,
        scope_vars=scope_vars,
        strides=_array(min(step, _LARGEST) for step in strides),
        offsets=_array(min(offset, _LARGEST) for offset in offsets),
        varies=_array(varies),
        ranks=_array(ranks),
        touch_ptr=touch_ptr,
        touching=touch_list,
        closing=_array(closing),
        owners=_array(sorted(range(len(closing)), key=lambda f: numbers[f][-1]) if directed else []),
        **_of_tree(number, tree, scopes, target),
    )


def along(layout: Layout, num_states: Mapping[str, int], tree: CliqueTree, scopes: Sequence[Scope]) -> Layout:
    """A layout along another tree: of the variables that bear on what is asked and are hidden in all rows."""
    return layout._replace(**_of_tree({name: v for v, name in enumerate(num_states)}, tree, scopes))


def _of_tree(
    number: Mapping[str, int], tree: CliqueTree, scopes: Sequence[Scope], target: str | None = None
) -> dict[str, np.ndarray]:
    """What of a layout depends on the tree."""
    ordered = list(tree.cliques)
    for c in range(len(ordered) - 1, -1, -1):
        parent, shared = tree.parents[c], tree.separators[c]
        first = tuple([name for name in ordered[parent] if name in shared]) if parent >= 0 else ()
        if c == len(ordered) - 1 and target is not None:
            first = (target,)
        ordered[c] = (*first, *(name for name in tree.cliques[c] if name not in first))
    clique_ptr, clique_vars = _packed([[number[name] for name in clique] for clique in ordered])
    return {
        "clique_ptr": clique_ptr,
        "clique_vars": clique_vars,
        "num_shared": _array(len(shared) for shared in tree.separators),
        "parents": _array(tree.parents),
        "places": _array(_place(tree, scope) for scope in scopes),
        "homes": _array(_last_holding(ordered, number)),
    }


def _place(tree: CliqueTree, scope: Scope) -> int:
    """The clique that multiplies a factor: any if all that it reads is observed, none (-1) if it bears on nothing."""
    if not scope:
        return -1
    inside = tuple([name for name in scope if name in tree.num_states])
    found = tree.holding(inside) if inside else 0
    return -1 if found is None else found


def make_work(layout: Layout, scratch: np.ndarray) -> Work:
    """Room for one row."""
    num_vars, num_cliques = len(layout.num_states), len(layout.parents)
    widest = int(np.diff(layout.clique_ptr).max(initial=1))

    def room(size: int) -> np.ndarray:
        return np.zeros(size, dtype=np.int64)

    by_variable = ("wanted", "readers", "above", "below", "mark", "place", "best", "best_size")
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
        "weighs",
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
        scale=np.ones(num_cliques),
        floor=np.ones(num_cliques),
        least=np.ones(num_cliques),
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


def _last_holding(cliques: Sequence[Scope], number: Mapping[str, int]) -> list[int]:
    found = [-1] * len(number)
    for c, clique in enumerate(cliques):
        for name in clique:
            found[number[name]] = c
    return found


def _packed(lists: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    return _array(accumulate(map(len, lists), initial=0)), _array(entry for each in lists for entry in each)


def _array(entries: Iterable[int]) -> np.ndarray:
    return np.fromiter(entries, dtype=np.int64)
