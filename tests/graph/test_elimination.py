"""Orders of elimination are those of the plain definition, whatever the order in which a graph is listed."""

from itertools import combinations
from math import log2, prod

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import Variable, markov_network
from graphfuse.graph.clique_tree import clique_tree
from graphfuse.graph.elimination import RULES, best_order, eliminate, interaction, min_fill, min_weight
from tests.graphs import factor_graphs


def greedy(num_states, scopes, rule):
    """The order found by counting everything anew after every elimination."""
    graph = nx.Graph()
    graph.add_nodes_from(num_states)
    for scope in scopes:
        graph.add_edges_from(combinations(scope, 2))
    weights = None if rule is min_weight else dict(zip(num_states, rule(list(num_states.values())), strict=True))
    order, cliques = [], []
    while graph:

        def cost(name):
            around = list(graph[name])
            joint = num_states[name] * prod(num_states[other] for other in around)
            added = [pair for pair in combinations(around, 2) if not graph.has_edge(*pair)]
            return sum(weights[a] * weights[b] for a, b in added) if weights else 0, joint, name

        name = min(graph, key=cost)
        around = list(graph[name])
        order.append(name)
        cliques.append({name, *around})
        graph.add_edges_from(combinations(around, 2))
        graph.remove_node(name)
    return order, cliques


def scopes_of(graph):
    return [factor.scope for factor in graph.factors]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@given(graph=factor_graphs(max_variables=9))
@settings(max_examples=80, deadline=None)
def test_orders_are_those_of_counting_anew(rule, graph):
    around = interaction(graph.num_states, scopes_of(graph))
    steps = eliminate(around, rule(around.num_states))
    order, cliques = greedy(dict(sorted(graph.num_states.items())), scopes_of(graph), rule)
    assert [around.names[v] for v in steps.order] == order
    assert [{around.names[v] for v in clique} for clique in steps.cliques] == cliques
    maximal = [one for i, one in enumerate(cliques) if not any(one <= other for other in cliques[:i])]
    assert steps.num_entries == sum(prod(graph.num_states[name] for name in one) for one in maximal)


@given(graph=factor_graphs(max_variables=8), data=st.data())
@settings(max_examples=40, deadline=None)
def test_an_order_does_not_depend_on_how_a_graph_is_listed(graph, data):
    shuffled = data.draw(st.permutations(list(graph.num_states.items())))
    scopes = data.draw(st.permutations(scopes_of(graph)))
    for rule in RULES:
        first = interaction(graph.num_states, scopes_of(graph))
        second = interaction(dict(shuffled), scopes)
        assert eliminate(first, rule(first.num_states)).order == eliminate(second, rule(second.num_states)).order


def grid(size, num_states=2):
    names = [[f"x{i:02}{j:02}" for j in range(size)] for i in range(size)]
    edges = [(names[i][j], names[i][j + 1]) for i in range(size) for j in range(size - 1)]
    edges += [(names[i][j], names[i + 1][j]) for i in range(size - 1) for j in range(size)]
    return markov_network([Variable(name, num_states) for row in names for name in row], edges)


def test_the_best_order_is_no_worse_than_any_rule_and_more_time_makes_it_no_worse():
    graph = grid(9)
    around = interaction(graph.num_states, scopes_of(graph))
    best = best_order(around)
    assert best.num_entries == min(eliminate(around, rule(around.num_states)).num_entries for rule in RULES)
    assert best_order(around, seconds=0.3).num_entries <= best.num_entries
    assert sorted(clique_tree(graph, seconds=0.1).cliques[-1])


def test_an_order_is_given_up_at_its_limit():
    graph = grid(6)
    around = interaction(graph.num_states, scopes_of(graph))
    steps = eliminate(around, min_fill(around.num_states))
    largest = max(2 ** len(clique) for clique in steps.cliques)
    assert eliminate(around, min_fill(around.num_states), limit=largest).order == steps.order
    assert eliminate(around, min_fill(around.num_states), limit=largest - 1) is None


@pytest.mark.parametrize("density", [0.02, 0.1, 0.5, 1.0])
def test_a_dense_graph_of_300_variables_is_planned(density, generator):
    names = [f"v{i:03}" for i in range(300)]
    drawn = torch.rand(300, 300, generator=generator) < density
    edges = [(names[i], names[j]) for i in range(300) for j in range(i) if drawn[i, j]]
    graph = markov_network([Variable(name, 2) for name in names], edges)
    tree = clique_tree(graph)
    assert max(map(len, tree.cliques)) > 60 and log2(tree.num_entries) > 60
