"""Clique trees cover every factor, keep the running intersection, and are as small as the graph allows."""

import networkx as nx
from hypothesis import given, settings

from graphfuse import Variable, chain, markov_network, star
from graphfuse.graph.clique_tree import clique_tree
from graphfuse.graph.elimination import RULES, eliminate, interaction
from tests.graphs import factor_graphs


@given(factor_graphs(max_variables=8))
@settings(max_examples=150, deadline=None)
def test_every_scope_has_a_home_and_cliques_of_a_variable_are_connected(graph):
    tree = clique_tree(graph)
    for factor in graph.factors:
        if factor.scope:
            assert set(factor.scope) <= set(tree.cliques[tree.home(factor.scope)])
    skeleton = nx.Graph()
    skeleton.add_nodes_from(range(len(tree.cliques)))
    for i, (parent, separator) in enumerate(zip(tree.parents, tree.separators, strict=True)):
        if parent >= 0:
            assert i < parent
            assert set(separator) == set(tree.cliques[i]) & set(tree.cliques[parent])
            skeleton.add_edge(i, parent)
    assert nx.is_forest(skeleton)
    for name in graph.variable_names:
        holding = [i for i, clique in enumerate(tree.cliques) if name in clique]
        assert holding and nx.is_connected(skeleton.subgraph(holding))
    for one in tree.cliques:
        assert sum(set(one) <= set(other) for other in tree.cliques) == 1, "a clique inside another"


@given(factor_graphs(max_variables=7))
@settings(max_examples=60, deadline=None)
def test_variables_asked_for_together_share_a_clique(graph):
    names = tuple(sorted(graph.variable_names[:3]))
    assert clique_tree(graph, names).holding(names) is not None


@given(factor_graphs(max_variables=8))
@settings(max_examples=60, deadline=None)
def test_every_rule_eliminates_every_variable_once_into_a_chordal_graph(graph):
    for rule in RULES:
        around = interaction(graph.num_states, [factor.scope for factor in graph.factors])
        steps = eliminate(around, rule(around.num_states))
        assert sorted(steps.order) == list(range(len(graph.variables)))
        filled = nx.Graph()
        filled.add_nodes_from(steps.order)
        for clique in steps.cliques:
            filled.add_edges_from((a, b) for a in clique for b in clique if a < b)
        assert nx.is_chordal(filled)


def test_trees_have_pairs_for_cliques_and_grids_their_width():
    assert {len(clique) for clique in clique_tree(chain([Variable(f"v{i}", 2) for i in range(30)])).cliques} == {2}
    assert clique_tree(star(Variable("y", 3), [f"s{i}" for i in range(50)])).cliques == (("y",),)
    names = [[f"x{i}{j}" for j in range(5)] for i in range(5)]
    edges = [(names[i][j], names[i][j + 1]) for i in range(5) for j in range(4)]
    edges += [(names[i][j], names[i + 1][j]) for i in range(4) for j in range(5)]
    grid = markov_network([Variable(name, 2) for row in names for name in row], edges)
    assert max(len(clique) for clique in clique_tree(grid).cliques) == 6


def test_trees_are_planned_once_per_graph():
    graph = chain([Variable(f"v{i}", 2) for i in range(5)])
    assert clique_tree(graph) is clique_tree(chain([Variable(f"v{i}", 2) for i in range(5)]))
