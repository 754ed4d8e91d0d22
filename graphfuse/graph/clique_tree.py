"""Cliques and separators: the tree along which exact messages travel."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from .elimination import Interaction, Steps, best_order, interaction
from .factor_graph import FactorGraph


@dataclass(frozen=True)
class CliqueTree:
    """Cliques in an order in which every clique stands before its parent; one root per connected component.

    ``separators[i]`` are the variables that clique ``i`` shares with its parent, ``parents[i]`` (-1 at a root);
    ``num_entries`` is the number of joint states of all cliques together, what one row costs.
    """

    cliques: tuple[tuple[str, ...], ...]
    parents: tuple[int, ...]
    separators: tuple[tuple[str, ...], ...]
    num_states: dict[str, int]
    num_entries: int
    _homes: dict[tuple[str, ...], int | None] = field(default_factory=dict, repr=False)

    @cached_property
    def _holders(self) -> dict[str, set[int]]:
        """By variable, the cliques that hold it."""
        holders: dict[str, set[int]] = {name: set() for name in self.num_states}
        for i, clique in enumerate(self.cliques):
            for name in clique:
                holders[name].add(i)
        return holders

    def holding(self, names: tuple[str, ...]) -> int | None:
        """The smallest clique that holds all these variables, if any does."""
        if names not in self._homes:
            fitting = set.intersection(*(self._holders[name] for name in names))
            self._homes[names] = min(fitting, key=lambda i: (len(self.cliques[i]), i), default=None)
        return self._homes[names]

    def home(self, scope: tuple[str, ...]) -> int:
        """The smallest clique that holds the scope of a factor; there always is one."""
        home = self.holding(scope)
        assert home is not None, f"the tree was not made for a factor over {scope}"
        return home


def clique_tree(graph: FactorGraph, together: tuple[str, ...] = (), seconds: float = 0.0) -> CliqueTree:
    """The clique tree of the cheapest order found, with the variables ``together`` in one clique.

    The greedy rules are tried first. What is left of the seconds goes to random variations of them, always the same
    ones, so that a tree depends on the time only through how many were tried.

    Reference: Lauritzen and Spiegelhalter (1988), Local computations with probabilities on graphical structures.
    """
    return _planned(graph, together, seconds)  # one entry however the arguments were written


@lru_cache(maxsize=256)
def _planned(graph: FactorGraph, together: tuple[str, ...], seconds: float) -> CliqueTree:
    around = interaction(graph.num_states, [*(factor.scope for factor in graph.factors), together])
    return _tree(around, best_order(around, seconds), graph.num_states)


def _tree(around: Interaction, steps: Steps, num_states: dict[str, int]) -> CliqueTree:
    cliques: list[int] = []  # positions in the elimination order
    parents: list[int] = []  # likewise, while cliques are merged
    kept: dict[int, int] = {}  # from a position in the elimination order to its clique
    heirs: dict[int, int] = {}  # a clique that is contained in an earlier one is that one
    for i, (clique, parent) in enumerate(zip(steps.cliques, steps.parents, strict=True)):
        if i in heirs:
            kept[i] = heirs[i]
            parents[heirs[i]] = parent
        else:
            kept[i] = len(cliques)
            cliques.append(i)
            parents.append(parent)
        if parent >= 0 and len(steps.cliques[parent]) == len(clique) - 1:
            heirs.setdefault(parent, kept[i])
    up = [kept[parent] if parent >= 0 else -1 for parent in parents]
    order = _children_first(up)
    position = {v: i for i, v in enumerate(steps.order)}
    members = [sorted(steps.cliques[i], key=position.__getitem__) for i in cliques]
    shared = [
        [v for v in members[i] if v in steps.cliques[cliques[parent]]] if parent >= 0 else []
        for i, parent in enumerate(up)
    ]
    place = {old: new for new, old in enumerate(order)}
    return CliqueTree(
        tuple(tuple(around.names[v] for v in members[old]) for old in order),
        tuple(place[up[old]] if up[old] >= 0 else -1 for old in order),
        tuple(tuple(around.names[v] for v in shared[old]) for old in order),
        num_states,
        steps.num_entries,
    )


def _children_first(parents: list[int]) -> list[int]:
    children: list[list[int]] = [[] for _ in parents]
    for i, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(i)
    order, stack = [], [i for i, parent in enumerate(parents) if parent < 0]
    while stack:
        order.append(stack.pop())
        stack.extend(children[order[-1]])
    return order[::-1]


@lru_cache(maxsize=256)
def clique_tree_towards(graph: FactorGraph, name: str, seconds: float = 0.0) -> CliqueTree:
    """The clique tree of a graph whose last clique, a root, is the smallest that holds a variable."""
    tree = clique_tree(graph, seconds=seconds)
    parents, child, parent = list(tree.parents), -1, tree.home((name,))
    while parent >= 0:
        parents[parent], child, parent = child, parent, parents[parent]
    root = tree.home((name,))
    order = [i for i in _children_first(parents) if not _below(i, root, parents)]
    order += [i for i in _children_first(parents) if _below(i, root, parents)]
    place = {old: new for new, old in enumerate(order)}
    up = [place[parents[old]] if parents[old] >= 0 else -1 for old in order]
    names = [tree.cliques[old] for old in order]
    shared = [tuple(v for v in names[i] if up[i] >= 0 and v in names[up[i]]) for i in range(len(names))]
    return CliqueTree(tuple(names), tuple(up), tuple(shared), graph.num_states, tree.num_entries)


def _below(clique: int, root: int, parents: list[int]) -> bool:
    while clique != root and clique >= 0:
        clique = parents[clique]
    return clique == root
