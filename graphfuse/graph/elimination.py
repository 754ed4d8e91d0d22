"""Orders in which to eliminate variables: the choice that decides what exact inference costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import exp, inf, log2, prod
from random import Random
from time import monotonic

_ONE = 2**32  # weights are whole numbers, so that sums do not depend on the order in which they are made
_PATIENCE = 200_000  # visits to variables: thirty times what a network of width 15 takes, a fifth of a second
_SPREADS = (0.3, 0.6, 1.0)  # of the logarithms of random weights

Rule = Callable[[Sequence[int]], "list[int] | None"]


def min_fill(num_states: Sequence[int]) -> list[int]:
    """Every edge that an elimination adds costs the same."""
    return [1] * len(num_states)


def weighted_min_fill(num_states: Sequence[int]) -> list[int]:
    """An edge that an elimination adds costs the product of the log-sizes of its ends."""
    return [round(log2(count) * _ONE) for count in num_states]


def min_weight(num_states: Sequence[int]) -> None:
    """Edges cost nothing; the joint states of the clique that an elimination forms do."""


RULES: tuple[Rule, ...] = (min_fill, weighted_min_fill, min_weight)


@dataclass(frozen=True, eq=False)
class Interaction:
    """Which variables share a scope; variables are numbered in the order of their names.

    Args:
        names: Sorted.
        num_states: By number.
        near: By number, the others that share a scope with it.
    """

    names: list[str]
    num_states: list[int]
    near: list[set[int]]


def interaction(num_states: Mapping[str, int], scopes: Iterable[Iterable[str]]) -> Interaction:
    """The interaction of variables, given by name with their numbers of states, in scopes."""
    names = sorted(num_states)
    number = {name: i for i, name in enumerate(names)}
    near: list[set[int]] = [set() for _ in names]
    for scope in scopes:
        members = {number[name] for name in scope}
        for each in members:
            near[each] |= members
    for i, around in enumerate(near):
        around.discard(i)
    return Interaction(names, [num_states[name] for name in names], near)


@dataclass(frozen=True, eq=False)
class Steps:
    """An order of elimination: numbers of variables, and by position the clique that each forms when it goes.

    ``parents[i]`` is the position of the next variable of clique ``i`` to go, -1 if there is none; ``merged`` are the
    positions whose clique lies inside an earlier one; ``num_entries`` counts the joint states of all the others.
    """

    order: list[int]
    cliques: list[set[int]]
    parents: list[int]
    merged: set[int]
    num_entries: int


def eliminate(
    graph: Interaction, weights: Sequence[int] | None, limit: float = inf, patience: float = inf
) -> Steps | None:
    """A greedy order: next goes the variable whose elimination adds the lightest edges, or forms the smallest clique.

    Ties fall to the smaller clique, then to the name, so that an order does not depend on how a graph was listed.

    Args:
        graph: Which variables share a scope.
        weights: By variable, of which an edge weighs the product of both ends; the smallest clique if None.
        limit: Joint states; as soon as a clique has more, the answer is None.
        patience: Visits to variables while the edges of a dense graph are weighed; after more the answer is None.

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, section 9.4.3.
    """
    sizes, near = graph.num_states, [set(around) for around in graph.near]
    if weights:
        patience -= sum([len(around) ** 2 for around in near]) // 8
        if patience < 0:
            return None
    joint = [size * prod([sizes[u] for u in around]) for size, around in zip(sizes, near, strict=True)]
    costs = _fill_costs(near, weights) if weights else [0] * len(near)
    totals = [sum([weights[u] for u in around]) for around in near] if weights else []
    exact = weights is not None and min(weights, default=1) > 0  # no cost means no edge
    current = list(zip(costs, joint, range(len(near)), strict=True))
    queue = list(current)
    heapify(queue)
    order: list[int] = []
    cliques: list[set[int]] = []
    gone = (-1, -1, -1)
    while queue:
        entry = heappop(queue)
        v = entry[-1]
        if current[v] != entry:
            continue
        if joint[v] > limit:
            return None
        around = near[v]
        order.append(v)
        cliques.append({v, *around})
        current[v] = gone
        if len(order) + len(around) == len(near):  # the others are one clique: they go by name
            rest = sorted(around)
            order += rest
            cliques += [set(rest[i:]) for i in range(len(rest))]
            break
        touched = set(around)
        for u in around:
            near[u].discard(v)
            joint[u] //= sizes[v]
            if weights:
                totals[u] -= weights[v]
                outside = near[u] - around
                if outside:
                    costs[u] -= weights[v] * sum([weights[w] for w in outside])
        if weights and not (exact and not costs[v]):
            patience -= _fill(near, joint, sizes, costs, totals, weights, around, touched)
            if patience < 0:
                return None
        elif not weights:
            _join(near, joint, sizes, around)
        for u in touched:
            fresh = (costs[u], joint[u], u)
            if fresh != current[u]:
                current[u] = fresh
                heappush(queue, fresh)
    return _steps(graph, order, cliques)


def best_order(graph: Interaction, seconds: float = 0.0) -> Steps:
    """The order with the fewest joint states of all cliques together, of the greedy ones and of random variations.

    Random weights are drawn anew, or around those that were best so far, always in the same way: more seconds mean more
    tries, and never a worse order.

    Args:
        graph: Which variables share a scope.
        seconds: Time for random variations; none are tried if it is zero.

    Reference: Kask, Gelfand, Otten and Dechter (2011), Pushing the power of stochastic greedy ordering schemes for
    inference in graphical models.
    """
    end = monotonic() + seconds
    quick = eliminate(graph, None)
    assert quick is not None
    best = quick
    for rule in (weighted_min_fill, min_fill):  # of equally good orders the last one is taken
        found = eliminate(graph, rule(graph.num_states), best.num_entries, _PATIENCE)
        if found is not None and found.num_entries <= best.num_entries:
            best = found
    draws, logs, weights = Random(0), [log2(max(count, 1.5)) for count in graph.num_states], None
    while monotonic() < end:
        spread, power, share = draws.choice(_SPREADS), draws.uniform(0.0, 2.0), draws.choice((0.05, 0.2, 1.0))
        if weights is None or draws.random() < 0.5:
            trial = [size**power * exp(draws.uniform(-spread, spread)) for size in logs]
        else:
            trial = [w * exp(draws.uniform(-spread, spread)) if draws.random() < share else w for w in weights]
        found = eliminate(graph, [round(w * _ONE) for w in trial], best.num_entries - 1, _PATIENCE)
        if found is not None and found.num_entries < best.num_entries:
            best, weights = found, trial
    return best


def _fill_costs(near: Sequence[set[int]], weights: Sequence[int]) -> list[int]:
    """By variable, the weight of the edges that are missing among its neighbors."""
    costs = []
    for around in near:
        twice = 0
        for a in around:
            missing = around - near[a]
            if len(missing) > 1:
                twice += weights[a] * (sum([weights[b] for b in missing]) - weights[a])
        costs.append(twice // 2)
    return costs


def _join(near: list[set[int]], joint: list[int], sizes: Sequence[int], around: set[int]) -> None:
    """Make all variables around one neighbors of each other."""
    for a in around:
        missing = around - near[a]
        if len(missing) > 1:
            missing.discard(a)
            near[a] |= missing
            joint[a] *= prod([sizes[b] for b in missing])


def _fill(
    near: list[set[int]],
    joint: list[int],
    sizes: Sequence[int],
    costs: list[int],
    totals: list[int],
    weights: Sequence[int],
    around: set[int],
    touched: set[int],
) -> int:
    """Join, edge by edge, and keep count of what eliminations cost and of the weights of neighbors; visits made."""
    visits = 0
    for a in around:
        missing = around - near[a]
        missing.discard(a)
        for b in missing:
            common = near[a] & near[b]
            visits += len(common)
            shared = sum([weights[w] for w in common])
            edge = weights[a] * weights[b]
            for w in common:
                costs[w] -= edge
            touched |= common
            costs[a] += weights[b] * (totals[a] - shared)
            costs[b] += weights[a] * (totals[b] - shared)
            totals[a] += weights[b]
            totals[b] += weights[a]
            near[a].add(b)
            near[b].add(a)
            joint[a] *= sizes[b]
            joint[b] *= sizes[a]
    return visits


def _steps(graph: Interaction, order: list[int], cliques: list[set[int]]) -> Steps:
    position = [0] * len(order)
    for i, v in enumerate(order):
        position[v] = i
    parents, merged, num_entries = [], set(), 0
    for i, (v, clique) in enumerate(zip(order, cliques, strict=True)):
        parent = min([position[u] for u in clique if u != v], default=-1)
        parents.append(parent)
        if parent >= 0 and len(cliques[parent]) == len(clique) - 1:
            merged.add(parent)
        if i not in merged:
            num_entries += prod([graph.num_states[u] for u in clique])
    return Steps(order, cliques, parents, merged, num_entries)
