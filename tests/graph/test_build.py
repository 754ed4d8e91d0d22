"""Graphs of the usual shapes have the factors that they promise, and refuse what is not of their shape."""

import networkx as nx
import pytest

from graphfuse import Variable, bayesian_network, chain, latent_class, markov_network, star, tree

VARIABLES = [Variable(name, 2) for name in "abcd"]


def test_a_chain_is_the_tree_of_its_neighbors():
    assert chain(VARIABLES) == tree(VARIABLES, [("a", "b"), ("b", "c"), ("c", "d")])


def test_a_bayesian_network_has_one_factor_per_variable_with_the_child_last():
    graph = bayesian_network(VARIABLES, {"d": ["b", "a"], "b": ["a"]})
    assert graph.scopes == {"a": ("a",), "b": ("a", "b"), "c": ("c",), "d": ("b", "a", "d")}


def test_a_latent_class_separates_the_target_from_every_source():
    graph = latent_class(Variable("y", 2), Variable("z", 3), ["u", "v"])
    skeleton = nx.Graph()
    for factor in graph.factors:
        nx.add_path(skeleton, (factor.name, *factor.scope))
    skeleton.remove_node("z")
    assert not any(nx.has_path(skeleton, "y", source) for source in "uv")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tree(VARIABLES, ["ab", "bc", "ca"]), "each of cliques must be a sequence of names"),
        (lambda: tree(VARIABLES, [("a", "b"), ("b", "c"), ("c", "a")]), "edges must close no loop; got a loop through"),
        (lambda: markov_network(VARIABLES, [("a", "z")]), "each variable in the scope of factor 'a-z' must be one of"),
        (lambda: markov_network(VARIABLES, [("a", "b"), ("b", "a")]), "cliques must not repeat a name"),
        (lambda: markov_network(VARIABLES, [("a",)]), "each of cliques must join at least two variables; got 'a'"),
        (lambda: bayesian_network(VARIABLES, {"a": ["b"], "b": ["a"]}), "parents must close no directed cycle"),
        (lambda: bayesian_network(VARIABLES, {"z": ["b"]}), "each variable in parents must be one of"),
        (
            lambda: bayesian_network(VARIABLES, {"a": ["a"]}),
            "parents must close no directed cycle; got a cycle through",
        ),
        (lambda: star(Variable("y", 2), ["prior"]), "sources must leave the name 'prior' to the prior of the target"),
        (lambda: star(Variable("y", 2), "ab"), "sources must be a sequence of names; got 'ab'"),
        (lambda: latent_class(Variable("y", 2), Variable("y", 2), []), "must not repeat a name"),
    ],
)
def test_what_is_not_of_the_shape_is_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
