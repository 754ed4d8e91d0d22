"""Which rows of a query share tables: groups that observed the same variables, or at least some of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .rows.sliced import joint_states

_TRIED = 12  # variables by which a group may be told apart, those that promise most
_MOST = 64  # groups that are told apart to save time


@dataclass(frozen=True, eq=False)
class Group:
    """Some patterns of what rows observed.

    Args:
        shown: ``(patterns, num_variables)``, bool: which variables were observed.
        count: Rows by pattern.
        member: Positions of the patterns among all.
        known: ``(num_variables,)``, bool: which variables all rows observed.
        num_entries: Joint states of the others, by row, on the tree of the graph.
    """

    shown: np.ndarray
    count: np.ndarray
    member: np.ndarray
    known: np.ndarray
    num_entries: float

    @property
    def num_rows(self) -> int:
        """Rows of the group."""
        return int(self.count.sum())

    @property
    def cost(self) -> float:
        """Joint states of all rows."""
        return self.num_rows * self.num_entries

    @property
    def unseen(self) -> np.ndarray:
        """``(num_variables,)``, bool: which variables no row observed."""
        return np.logical_not(self.shown.any(0))


def group_patterns(
    shown: np.ndarray, count: np.ndarray, bits: np.ndarray, worth: float, fits: Callable[[list[Group]], Group | None]
) -> list[Group]:
    """Rows told apart by what they observed, as long as a group of their own saves more than it costs, or than fits.

    A group is told apart by one variable after another: those who observed it, without its states in their tables, and
    those who did not.

    Args:
        shown: Different patterns ``(patterns, num_variables)``, bool: which variables were observed.
        count: Rows by pattern.
        bits: Of the states of every variable in every clique, ``(num_variables, num_cliques)``.
        worth: Joint states whose time is that of a group.
        fits: Tells a group to be told apart, whatever it saves, or None if there is none.
    """
    groups = [_group(Group(shown, count, np.arange(len(shown)), shown[0], 0.0), np.full(len(shown), True), bits)]
    waiting = list(groups)
    while waiting and len(groups) < _MOST:
        group = max(waiting, key=lambda each: each.cost)
        if group.cost < worth:
            break
        waiting = [each for each in waiting if each is not group]
        halves = _apart(group, bits)
        if halves and sum(half.cost for half in halves) + worth < group.cost:
            groups = [each for each in groups if each is not group] + halves
            waiting += halves
    while (wide := fits(groups)) is not None:
        halves = _apart(wide, bits)
        groups = [each for each in groups if each is not wide] + halves
    return groups


def _group(of: Group, side: np.ndarray, bits: np.ndarray) -> Group:
    """Some of the patterns of a group."""
    shown = of.shown[side]
    known = shown.all(0)
    return Group(shown, of.count[side], of.member[side], known, float(joint_states(bits, ~known[None])[0]))


def _apart(group: Group, bits: np.ndarray) -> list[Group]:
    """The two halves of a group that cost least, by who observed one variable; none if all observed the same."""
    mixed = np.flatnonzero(group.shown.any(0) & ~group.known)
    if not len(mixed):
        return []
    hidden, num_rows = ~group.known, group.num_rows
    seen = group.count @ group.shown[:, mixed]
    if len(mixed) > _TRIED:
        sizes = np.exp2(np.minimum(hidden.astype(np.float32) @ bits, 100.0).astype(float))
        saved = seen * ((1 - np.exp2(-bits[mixed].astype(float))) @ sizes)
        best = np.argsort(-saved, kind="stable")[:_TRIED]
        mixed, seen = mixed[best], seen[best]
    with_it = np.stack([group.shown[group.shown[:, v]].all(0) for v in mixed])
    without = np.stack([group.shown[~group.shown[:, v]].all(0) for v in mixed])
    cost = seen * joint_states(bits, ~with_it) + (num_rows - seen) * joint_states(bits, ~without)
    observed = group.shown[:, mixed[cost.argmin()]]
    return [_group(group, side, bits) for side in (observed, ~observed)]
