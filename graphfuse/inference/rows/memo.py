"""What rows with the same pattern of observations have in common: looked up instead of computed again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from .layout import Layout

WORD = 64  # rows that are worked on together, a bit each
MOST_BITS = 62  # of a clique: its variables and factors
BYTES = 32  # by unit of size

# what ``Memo.used`` counts
SLOTS, NODES, STEPS, ENTRIES = range(4)


class Memo(NamedTuple):
    """Products of factors, and the steps of loops, kept by what they depend on; then the rows at hand, 64 of them.

    Bit ``r`` of a word stands for row ``r`` of those at hand.
    """

    slots: np.ndarray  # ``(num, 3)``: a hash table from two numbers to one, the first of them -1 where it is free
    nodes: np.ndarray  # by what was looked up its sizes, or where to find its steps
    steps: np.ndarray  # of loops
    pool: np.ndarray  # entries: kept products in the first half, tables of the rows at hand in the second
    used: np.ndarray  # how much of the four
    held_ptr: np.ndarray  # by clique, the factors that it multiplies
    held: np.ndarray
    first_child: np.ndarray  # by clique, one of those below, the one that sends least first, or -1
    next_child: np.ndarray  # by clique, another one below the same parent
    hidden: np.ndarray  # by variable, a word
    reached: np.ndarray  # by variable, a word: those hidden that the target is connected with
    dropped: np.ndarray  # by factor, a word: where it was summed to one
    counted: np.ndarray  # by factor, a word: where it bears on what is asked
    waits: np.ndarray  # by variable, whether it is on the stack
    stack: np.ndarray
    sends: np.ndarray  # by clique, a word: where it sends a message
    sent: np.ndarray  # ``(cliques, 64)``, its place in the pool
    sent_shape: np.ndarray  # ``(cliques, 64)``, its node
    bits: np.ndarray  # by row, the pattern of the clique at hand
    totals: np.ndarray  # by row, the product of what is left at the roots
    place: np.ndarray  # by variable, its dimension in the clique at hand
    loop: np.ndarray  # along these dimensions, see ``loops``


def make_memo(layout: Layout, size: int) -> Memo:
    """Room for some entries, empty."""
    num_vars, num_factors, num_cliques = len(layout.num_states), len(layout.offsets), len(layout.parents)
    widest = int(np.diff(layout.clique_ptr).max(initial=1))
    children: list[list[int]] = [[] for _ in range(num_cliques)]
    for c in np.argsort([layout.num_states[shared].prod() for shared in _separators(layout)], kind="stable").tolist():
        if layout.parents[c] >= 0:
            children[layout.parents[c]].append(c)
    first_child, next_child = _room(num_cliques) - 1, _room(num_cliques) - 1
    for c, below in enumerate(children):
        if below:
            first_child[c] = below[0]
            next_child[below[:-1]] = below[1:]
    held = np.argsort(layout.places, kind="stable")
    held = held[layout.places[held] >= 0]
    slots = np.empty((size // 8, 3), dtype=np.int64)
    slots[:, 0] = -1
    return Memo(
        slots=slots,
        nodes=np.empty((size // 16, 8), dtype=np.int64),
        steps=np.empty(size, dtype=np.int32),
        pool=np.empty(2 * size),
        used=_room(4),
        held_ptr=np.searchsorted(layout.places[held], np.arange(num_cliques + 1)).astype(np.int64),
        held=held.astype(np.int64),
        first_child=first_child,
        next_child=next_child,
        hidden=_room(num_vars),
        reached=_room(num_vars),
        dropped=_room(num_factors),
        counted=_room(num_factors),
        waits=_room(num_vars),
        stack=_room(num_vars),
        sends=_room(num_cliques),
        sent=_room(num_cliques, WORD),
        sent_shape=_room(num_cliques, WORD),
        bits=_room(WORD),
        totals=np.ones(WORD),
        place=_room(num_vars),
        loop=_room(5, widest + 2),
    )


def fits(layout: Layout) -> bool:
    """Whether every clique can tell its patterns apart."""
    num_held = np.bincount(layout.places[layout.places >= 0], minlength=len(layout.parents))
    return bool((np.diff(layout.clique_ptr) + num_held).max(initial=0) <= MOST_BITS)


def _separators(layout: Layout) -> Iterable[np.ndarray]:
    return [
        layout.clique_vars[start : start + num]
        for start, num in zip(layout.clique_ptr[:-1], layout.num_shared, strict=True)
    ]


def _room(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.int64)
