"""Graphs over several targets: which pairs of targets have an edge, and what the edges and the scores say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import inf

import numpy as np
import torch
from torch import Tensor, nn

from ..fusion import GraphFusion
from ..graph import Factor, FactorGraph, Variable
from ..graph.clique_tree import clique_tree
from ..inference import Conditioning, VariableElimination
from ..potentials import CorrelatedScorePotential, JointPotential, Potential, ScorePotential, TablePotential
from .combinations import COMBINATION, Combinations

Edge = tuple[str, str]

_MOST_CAUSES = 2  # latent causes behind the scores of one target
_MOST_ENTRIES = 256  # joint states of all cliques of targets together, up to which edges are added


class PresencePotential(JointPotential):
    """A table that depends on which sources are present, whatever they say: the sum of one table a source.

    Beside a constant table over two targets, which holds how they depend where nothing is seen, it takes back what
    the scores of both say already.

    Args:
        shape: Numbers of states of the scope.
        modalities: The sources.

    Example:
        >>> potential = PresencePotential((2, 2), ["ecg", "echo"])
        >>> potential([torch.zeros(3, 1)] * 2, torch.ones(3, 2, dtype=torch.bool)).shape
        torch.Size([3, 2, 2])
    """

    def __init__(self, shape: Sequence[int], modalities: Sequence[str]) -> None:
        super().__init__(modalities)
        self.log_values = nn.Parameter(torch.zeros(len(self.modalities), *shape))

    def forward(self, inputs: Sequence[Tensor], present: Tensor) -> Tensor:
        return torch.tensordot(present.to(self.log_values.dtype), self.log_values, dims=1)


def joint_model(
    targets: Sequence[Variable],
    frequencies: Mapping[str, np.ndarray],
    sources: Mapping[str, Mapping[str, str]],
    modalities: Sequence[str],
    edges: Sequence[Edge],
    hierarchy: Mapping[str, str],
    combinations: Combinations | None = None,
) -> GraphFusion:
    """The graph over the targets with its potentials where training starts, double precision.

    Args:
        targets: Variables.
        frequencies: By target its class frequencies ``(num_states,)``, where its prior starts.
        sources: By target, and for ``COMBINATION`` if there are some, the sources of its scores and the group of each.
        modalities: Sources whose presence the edges are told.
        edges: Pairs of targets with tables.
        hierarchy: By child its parent, both of two states; the child's second state implies the parent's second.
        combinations: Combinations of labels that speak as well, through a latent variable; None without.
    """
    states = {target.name: target.num_states for target in targets}
    factors, potentials = [], {}

    def add(name: str, scope: tuple[str, ...], potential: Potential | JointPotential) -> None:
        factors.append(Factor(name, scope))
        potentials[name] = potential

    for name, num_states in states.items():
        add(f"prior of {name!r}", (name,), TablePotential(torch.from_numpy(np.log(frequencies[name]))))
        add(f"scores of {name!r}", (name,), _said(num_states, sources[name]))
    for pair in edges:
        shape = [states[name] for name in pair]
        add(f"edge {pair!r}", pair, TablePotential(torch.zeros(shape)))
        add(f"edge {pair!r} beside scores", pair, PresencePotential(shape, modalities))
    for child, parent in hierarchy.items():
        forbidden = TablePotential(torch.tensor([[0.0, 0.0], [-inf, 0.0]])).requires_grad_(False)
        add(f"{child!r} implies {parent!r}", (child, parent), forbidden)
    if combinations is None:
        return GraphFusion(FactorGraph(targets, factors), potentials, list(states)).double()
    latent = Variable(COMBINATION, len(combinations.states) + 1)
    add("prior of combinations", (COMBINATION,), TablePotential(combinations.log_prior))
    add("scores of combinations", (COMBINATION,), _said(latent.num_states, sources[COMBINATION]))
    for i, (name, num_states) in enumerate(states.items()):
        pinned = TablePotential(combinations.pinned(i, num_states)).requires_grad_(False)
        add(f"{name!r} in combinations", (COMBINATION, name), pinned)
    graph = FactorGraph([*targets, latent], factors)
    return GraphFusion(graph, potentials, list(states), Conditioning(COMBINATION, VariableElimination())).double()


def _said(num_states: int, groups: Mapping[str, str]) -> Potential | JointPotential:
    """What the scores of one target say."""
    names = list(groups)
    if len(names) == 1:
        return ScorePotential(num_states, names[0])
    return CorrelatedScorePotential(num_states, names, list(groups.values()), min(_MOST_CAUSES, len(names) - 1))


def edge_gains(
    probabilities: Mapping[str, np.ndarray], states: Mapping[str, np.ndarray], sample_weight: np.ndarray | None = None
) -> dict[Edge, float]:
    """By pair of targets, about how much log-likelihood an edge between them would add, in nats.

    The gain of the best table under a unit Gaussian prior, to second order, where the rows of the targets are
    independent as yet: half the squared sum of products of residuals, over the sum of their variances. It is large
    where two targets err together more often than chance has it.

    Args:
        probabilities: By target what is believed of every row without edges, ``(rows, num_states)``.
        states: By target the states of the rows ``(rows,)``; a row counts where both are known, not -1.
        sample_weight: For how many rows each one counts, positive ``(rows,)``; one if None.

    Example:
        >>> states = {"cough": np.array([0, 1] * 8), "fever": np.array([0, 1] * 8), "rash": np.arange(16) // 8}
        >>> gains = edge_gains({name: np.full((16, 2), 0.5) for name in states}, states)
        >>> {pair: round(gain, 2) for pair, gain in gains.items()}
        {('cough', 'fever'): 4.0, ('cough', 'rash'): 0.0, ('fever', 'rash'): 0.0}

    Reference: Perkins, Lacker and Theiler (2003), Grafting: fast, incremental feature selection by gradient descent in
    function space; Lee, Ganapathi and Koller (2006), Efficient structure learning of Markov networks using
    L1-regularization.
    """
    residuals, variances = {}, {}
    for name, found in probabilities.items():
        known = (states[name] >= 0)[:, None]
        seen = states[name][:, None] == np.arange(found.shape[1])
        residuals[name], variances[name] = np.where(known, seen - found, 0.0), known * found * (1 - found)
    gains = {}
    for a, b in combinations(probabilities, 2):
        together, spread = (
            (each[a].T if sample_weight is None else each[a].T * sample_weight) @ each[b]
            for each in (residuals, variances)
        )
        free = (together.shape[0] - 1) * (together.shape[1] - 1) / together.size
        gains[a, b] = float(0.5 * free * (together**2 / (spread + 1)).sum())
    return gains


def ranked_edges(
    targets: Sequence[Variable], gains: Mapping[Edge, float], always: Sequence[Edge] = ()
) -> tuple[list[Edge], int]:
    """Pairs in the order in which they are added, and how many of them make the spanning tree of most gain.

    After the tree come the others, the best first; one with which exact inference would become slow, beyond 256 joint
    states of all cliques together, is left out if it is not of the tree.

    Args:
        targets: Variables.
        gains: By pair.
        always: Pairs that are in the graph in any case.

    Reference: Chow and Liu (1968), Approximating discrete probability distributions with dependence trees.
    """
    order = sorted(gains, key=lambda pair: -gains[pair])
    part = {target.name: target.name for target in targets}
    chosen: list[Edge] = []
    for pair in order:
        first, second = (part[name] for name in pair)
        if first != second:
            part = {name: first if root == second else root for name, root in part.items()}
            chosen.append(pair)
    num_tree = len(chosen)
    for pair in order:
        if pair not in chosen and _cost(targets, [*always, *chosen, pair]) <= _MOST_ENTRIES:
            chosen.append(pair)
    return chosen, num_tree


def _cost(targets: Sequence[Variable], edges: Sequence[Edge]) -> int:
    """Joint states of all cliques of a graph with these edges."""
    return clique_tree(FactorGraph(targets, [Factor(f"edge {i}", pair) for i, pair in enumerate(edges)])).num_entries
