"""Tables of rows that observed the same variables, with the observed states indexed out of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import torch
from torch import Tensor

from ..evidence import Evidence
from ..graph import Factor, FactorGraph
from ..graph.clique_tree import CliqueTree, clique_tree
from ..tensor_checks import broadcast_shapes
from .contraction import bytes_of_row
from .method import Terms, terms


@dataclass(frozen=True, eq=False)
class Slice:
    """Some rows of a query, by the variables that all of them observed.

    Args:
        terms: What multiplies, over the other variables.
        known: By variable that is indexed out, its states, broadcast to the batch.
        batch: The shape of the rows.
    """

    terms: Terms
    known: Mapping[str, Tensor]
    batch: torch.Size


@dataclass(frozen=True, eq=False)
class Query:
    """Tables and evidence, of which rows are taken.

    Args:
        graph: The factorization.
        log_potentials: By factor name, ``(*batch, *scope)`` in nats.
        evidence: What was observed.
        batch: The common batch shape.
    """

    graph: FactorGraph
    log_potentials: Mapping[str, Tensor]
    evidence: Evidence
    batch: torch.Size

    def taken(self, rows: Tensor) -> Query:
        """Some rows, counted along the flattened batch; tables that are the same in all rows stay as they are."""
        scopes, evidence = self.graph.scopes, self.evidence
        tables = {name: self._rows(self.log_potentials[name], len(scope), rows) for name, scope in scopes.items()}
        hard = {name: self._rows(states, 0, rows) for name, states in evidence.hard.items()}
        soft = {name: self._rows(table, 1, rows) for name, table in evidence.soft.items()}
        return Query(self.graph, tables, Evidence(hard, soft), torch.Size([len(rows)]))

    def sliced(self, known: Collection[str], unseen: Collection[str] = ()) -> Slice:
        """All rows, where some variables were observed in all of them, and others in none."""
        hard = {name: each for name, each in self.evidence.hard.items() if name not in known and name not in unseen}
        all_terms = terms(self.graph, self.log_potentials, Evidence(hard, self.evidence.soft))
        states = {name: self.evidence.hard[name].long() for name in known}
        left = [(_hidden(scope, known), _indexed(table, scope, states, self.graph)) for scope, table in all_terms]
        rows = left[0][1].new_zeros(self.batch) if left else torch.zeros(self.batch)
        return Slice([*left, ((), rows)], states, self.batch)  # the last term tells rows apart that have all in common

    def _rows(self, table: Tensor, num_dims: int, rows: Tensor) -> Tensor:
        if table.ndim == num_dims:
            return table
        own = table.shape[table.ndim - num_dims :]
        return table.expand((*self.batch, *own)).reshape(-1, *own).index_select(0, rows.to(table.device))


def _hidden(scope: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    return tuple([name for name in scope if name not in known])


def _indexed(table: Tensor, scope: Sequence[str], known: Mapping[str, Tensor], graph: FactorGraph) -> Tensor:
    """A table ``(*batch, *scope)`` at the known states, ``(*batch, *hidden)``; differentiable, also twice."""
    at = [i for i, name in enumerate(scope) if name in known]
    if not at:
        return table
    num_batch, own = table.ndim - len(scope), table.shape[table.ndim - len(scope) :]
    free = [i for i in range(len(scope)) if i not in at]
    entry = known[scope[at[0]]]
    for i in at[1:]:
        entry = entry * own[i] + known[scope[i]]
    sizes = [own[i] for i in free]
    order = [*range(num_batch), *[num_batch + i for i in at + free]]
    flat = table.permute(order).reshape((*table.shape[:num_batch], prod(own[i] for i in at), prod(sizes)))
    if not num_batch:
        return flat.index_select(0, entry.reshape(-1)).reshape((*entry.shape, *sizes))
    batch = broadcast_shapes(flat.shape[:-2], entry.shape)
    places = entry.expand(batch)[..., None, None].expand((*batch, 1, flat.shape[-1]))
    return flat.expand((*batch, *flat.shape[-2:])).gather(-2, places).reshape((*batch, *sizes))


@lru_cache(maxsize=256)
def rest_of(graph: FactorGraph, known: frozenset[str]) -> FactorGraph:
    """The graph of the variables that are not known, and of what the scopes say of these."""
    scopes = dict.fromkeys(_hidden(factor.scope, known) for factor in graph.factors)
    factors = [Factor(f"{i}", scope) for i, scope in enumerate(scopes) if scope]
    return FactorGraph([variable for variable in graph.variables if variable.name not in known], factors)


@lru_cache(maxsize=256)
def tree_within(graph: FactorGraph, known: frozenset[str], seconds: float) -> CliqueTree:
    """The clique tree of a graph without the variables that are known; an inner clique that another holds is left out.

    Args:
        graph: The factorization.
        known: Variables to leave out.
        seconds: Time to look for an order of the whole graph.
    """
    whole = clique_tree(graph, seconds=seconds)
    cliques = [_hidden(clique, known) for clique in whole.cliques]
    separators = [_hidden(separator, known) for separator in whole.separators]
    place: dict[int, int] = {-1: -1}  # of a clique, itself or whoever took its place
    kept: list[int] = []
    for i in reversed(range(len(cliques))):  # parents first
        parent = whole.parents[i]
        if parent >= 0 and len(separators[i]) == len(cliques[i]):
            place[i] = place[parent]
        elif not cliques[i]:
            place[i] = -1
        else:
            place[i] = i
            kept.append(i)
    kept.reverse()
    number = {-1: -1} | {i: n for n, i in enumerate(kept)}
    parents = [number[place[whole.parents[i]]] if separators[i] else -1 for i in kept]
    num_states = {name: count for name, count in graph.num_states.items() if name not in known}
    return CliqueTree(
        tuple([cliques[i] for i in kept]),
        tuple(parents),
        tuple([separators[i] for i in kept]),
        num_states,
        sum(graph.size(cliques[i]) for i in kept),
    )


def tree_together(graph: FactorGraph, known: frozenset[str], names: Sequence[str], seconds: float) -> CliqueTree:
    """A tree for rows that observed some variables, with some of the others in one clique."""
    return clique_tree(rest_of(graph, known), tuple(sorted(names)), 0.0 if known else seconds)


def bytes_of_terms(graph: FactorGraph, known: Collection[str], itemsize: int) -> int:
    """What the tables of a row take with the states of the known variables indexed out."""
    if not known:
        return 0  # they are read where they are
    return itemsize * sum(graph.size(_hidden(factor.scope, known)) for factor in graph.factors)


def narrow_tree(graph: FactorGraph, known: frozenset[str], seconds: float) -> CliqueTree:
    """The smaller of the two trees of what is left: the one within that of the graph, and one of its own."""
    within = tree_within(graph, known, seconds)
    own = clique_tree(rest_of(graph, known)) if known and within.cliques else within
    return min(within, own, key=lambda tree: tree.num_entries)


def bytes_of_slice(graph: FactorGraph, known: frozenset[str], itemsize: int, seconds: float) -> int:
    """What a row takes that observed some variables, in logarithms."""
    tree = narrow_tree(graph, known, seconds)
    return bytes_of_row(tree, itemsize) + bytes_of_terms(graph, known, itemsize)
