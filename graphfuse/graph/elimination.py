"""Orders in which to eliminate variables: the choice that decides what exact inference costs."""

from collections.abc import Callable, Iterable, Mapping
from heapq import heapify, heappop, heappush
from itertools import combinations
from math import log

Neighbors = dict[str, set[str]]


def interaction(variables: Iterable[str], scopes: Iterable[Iterable[str]]) -> Neighbors:
    """By variable, those that share a scope with it."""
    neighbors: Neighbors = {name: set() for name in variables}
    for scope in map(set, scopes):
        for name in scope:
            neighbors[name] |= scope - {name}
    return neighbors


def min_fill(log_sizes: Mapping[str, float], neighbors: Neighbors, name: str) -> float:
    """The number of edges that eliminating the variable would add."""
    return sum(b not in neighbors[a] for a, b in combinations(neighbors[name], 2))


def weighted_min_fill(log_sizes: Mapping[str, float], neighbors: Neighbors, name: str) -> float:
    """The edges that eliminating the variable would add, each weighted by the log-sizes of its ends."""
    pairs = combinations(neighbors[name], 2)
    return sum(log_sizes[a] * log_sizes[b] for a, b in pairs if b not in neighbors[a])


def min_weight(log_sizes: Mapping[str, float], neighbors: Neighbors, name: str) -> float:
    """The log-size of the clique that eliminating the variable would form."""
    return log_sizes[name] + sum(log_sizes[other] for other in neighbors[name])


Rule = Callable[[Mapping[str, float], Neighbors, str], float]
RULES: tuple[Rule, ...] = (min_fill, weighted_min_fill, min_weight)


def eliminate(
    num_states: Mapping[str, int], scopes: Iterable[Iterable[str]], rule: Rule = min_fill
) -> list[tuple[str, frozenset[str]]]:
    """Variables in a greedy order, each with the clique that it forms with its neighbors when it goes.

    Ties fall to the smaller clique, then to the name, so that an order does not depend on how a graph was listed.

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, section 9.4.3.
    """
    neighbors = interaction(num_states, scopes)
    log_sizes = {name: log(count) for name, count in num_states.items()}

    def priority(name: str) -> tuple[float, float, str]:
        return rule(log_sizes, neighbors, name), min_weight(log_sizes, neighbors, name), name

    current = {name: priority(name) for name in neighbors}
    queue = list(current.values())
    heapify(queue)
    steps = []
    while queue:
        entry = heappop(queue)
        name = entry[-1]
        if current.get(name) != entry:
            continue
        del current[name]
        around = neighbors.pop(name)
        steps.append((name, frozenset(around | {name})))
        touched = set(around)
        for other in around:
            added = around - neighbors[other] - {other}
            neighbors[other].discard(name)
            neighbors[other] |= added
            if added:
                touched |= neighbors[other]
        for other in touched:
            fresh = priority(other)
            if fresh != current[other]:
                current[other] = fresh
                heappush(queue, fresh)
    return steps
