"""To pgmpy and networkx and back: the same tables, the same names, the same answers."""

import gzip
import warnings
from importlib.util import find_spec
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch

from graphfuse.graph import Factor, FactorGraph, Variable, bayesian_network, chain
from graphfuse.networks import (
    Network,
    from_networkx,
    from_pgmpy,
    read_network,
    structure_from_networkx,
    to_networkx,
    to_pgmpy_bayesian_network,
    to_pgmpy_factor_graph,
    to_pgmpy_markov_network,
)

EXAMPLES = Path((find_spec("pgmpy") or pytest.skip("pgmpy is missing", allow_module_level=True)).origin).parent / (
    "utils/example_models"
)
pytestmark = pytest.mark.filterwarnings("error::FutureWarning")


def assert_same(found: Network, expected: Network) -> None:
    assert found.graph == expected.graph
    for name, table in expected.log_tables.items():
        torch.testing.assert_close(found.log_tables[name].exp(), table.exp(), rtol=1e-12, atol=0)


def random_tables(graph: FactorGraph, seed: int = 0) -> Network:
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: graph.shape(scope) for name, scope in graph.scopes.items()}
    tables = {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
    return Network(graph, tables)


def loop() -> Network:
    variables = [Variable("a", 2, ("x", "y")), Variable("b", 3), Variable("c", 2, ("no", "yes"))]
    scopes = {"a": ("a",), "a-b": ("a", "b"), "c-b": ("c", "b"), "c-a": ("c", "a"), "b-a-c": ("b", "a", "c")}
    return random_tables(FactorGraph(variables, [Factor(name, scope) for name, scope in scopes.items()]))


@pytest.mark.parametrize("name", ["asia", "cancer", "child", "alarm", "insurance"])
def test_published_networks_survive_pgmpy_and_back(name):
    network = read_network(EXAMPLES / f"{name}.bif.gz")
    model = to_pgmpy_bayesian_network(network)
    assert model.check_model()
    assert_same(from_pgmpy(model), network)


@pytest.mark.parametrize(
    "name", ["child", "alarm", *(pytest.param(name, marks=pytest.mark.slow) for name in ("asia", "cancer"))]
)
def test_a_network_of_the_reader_of_pgmpy_is_the_one_we_read(name):
    from pgmpy.readwrite import BIFReader

    path = EXAMPLES / f"{name}.bif.gz"
    model = BIFReader(string=gzip.decompress(path.read_bytes()).decode()).get_model()
    expected = read_network(path)
    found = from_pgmpy(model)
    assert set(found.graph.variables) == set(expected.graph.variables)
    for child, scope in expected.graph.scopes.items():
        table = found.log_tables[child]
        table = table.permute([found.graph.scopes[child].index(parent) for parent in scope])
        torch.testing.assert_close(table.exp(), expected.log_tables[child].exp(), rtol=1e-12, atol=0)


def test_cells_of_a_conditional_table_stay_with_their_states():
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    model = DiscreteBayesianNetwork([("b", "c"), ("a", "c")])
    values = np.arange(1.0, 13.0).reshape(2, 6)
    values /= values.sum(0)
    states = {"c": ["off", "on"], "a": ["p", "q", "r"], "b": ["0", "1"]}
    model.add_cpds(
        TabularCPD("a", 3, [[0.2], [0.3], [0.5]], state_names={"a": states["a"]}),
        TabularCPD("b", 2, [[0.4], [0.6]], state_names={"b": states["b"]}),
        TabularCPD("c", 2, values, ["a", "b"], [3, 2], state_names=states),
    )
    network = from_pgmpy(model)
    assert network.graph.scopes["c"] == ("a", "b", "c")
    assert {variable.name: list(variable.states) for variable in network.graph.variables} == states
    for a, p in enumerate(states["a"]):
        for b, q in enumerate(states["b"]):
            for c, r in enumerate(states["c"]):
                assert float(network.log_tables["c"][a, b, c].exp()) == pytest.approx(
                    model.get_cpds("c").get_value(a=p, b=q, c=r)
                )


def test_answers_after_the_way_to_pgmpy_are_the_same():
    with warnings.catch_warnings(action="ignore"):  # pgmpy.inference gives one of its own when it is imported
        from pgmpy.inference import BeliefPropagation

    network = loop()
    judge = BeliefPropagation(to_pgmpy_markov_network(network))
    expected = network.infer({"c": "yes"})
    for name in ("a", "b"):
        factor = judge.query([name], evidence={"c": "yes"}, show_progress=False)
        np.testing.assert_allclose(expected.marginal(name).numpy(), factor.values, rtol=1e-9)


@pytest.mark.parametrize("convert", [to_pgmpy_markov_network, to_pgmpy_factor_graph])
def test_undirected_models_survive_pgmpy_and_back(convert):
    network = loop()
    model = convert(network)
    assert model.check_model()
    assert_same(from_pgmpy(model), network)
    torch.testing.assert_close(float(model.get_partition_function()), float(network.infer().log_partition.exp()))


def test_factors_over_the_same_variables_are_multiplied_in_a_factor_graph_and_kept_in_a_markov_network():
    factors = [Factor("ab", ("a", "b")), Factor("ba", ("b", "a")), Factor("again", ("a", "b"))]
    network = random_tables(FactorGraph([Variable("a", 2), Variable("b", 3)], factors))
    network = Network(network.graph, {**network.log_tables, "again": network.log_tables["ab"]})
    expected = network.infer()
    merged, kept = from_pgmpy(to_pgmpy_factor_graph(network)), from_pgmpy(to_pgmpy_markov_network(network))
    assert list(merged.graph.scopes) == ["a-b"]
    assert list(kept.graph.scopes) == ["a-b", "b-a", "a-b (2)"]
    for found in (merged.infer(), kept.infer()):
        torch.testing.assert_close(found.log_partition, expected.log_partition)
        torch.testing.assert_close(found.marginal("b"), expected.marginal("b"))


@pytest.mark.parametrize("convert", [to_pgmpy_markov_network, to_pgmpy_factor_graph])
def test_a_variable_in_no_factor_stays_uniform(convert):
    network = Network(FactorGraph([Variable("a", 2), Variable("b", 3)], [Factor("a", ("a",))]), {"a": torch.zeros(2)})
    model = convert(network)
    assert model.check_model()
    torch.testing.assert_close(from_pgmpy(model).infer().marginal("b"), torch.full((3,), 1 / 3, dtype=torch.float64))


def test_states_in_another_order_are_brought_into_one():
    from pgmpy.factors.discrete import DiscreteFactor, TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork, DiscreteMarkovNetwork

    model = DiscreteMarkovNetwork([("a", "b")])
    one = DiscreteFactor(["a"], [2], [1.0, 3.0], state_names={"a": ["x", "y"]})
    two = DiscreteFactor(["b", "a"], [1, 2], [5.0, 7.0], state_names={"b": ["z"], "a": ["y", "x"]})
    model.add_factors(one, two)
    found = from_pgmpy(model)
    assert found.graph.variable("a").states == ("x", "y")
    torch.testing.assert_close(found.log_tables["b-a"].exp(), torch.tensor([[7.0, 5.0]], dtype=torch.float64))

    model = DiscreteBayesianNetwork([("a", "b")])
    child = TabularCPD("b", 2, [[0.1, 0.2], [0.9, 0.8]], ["a"], [2], state_names={"b": ["u", "v"], "a": ["y", "x"]})
    model.add_cpds(child, TabularCPD("a", 2, [[0.3], [0.7]], state_names={"a": ["x", "y"]}))
    found = from_pgmpy(model)
    assert found.graph.variable("a").states == ("x", "y")
    expected = torch.tensor([[0.2, 0.8], [0.1, 0.9]], dtype=torch.float64)
    torch.testing.assert_close(found.log_tables["b"].exp(), expected)


def test_tables_that_name_other_states_are_refused():
    from pgmpy.factors.discrete import DiscreteFactor
    from pgmpy.models import DiscreteMarkovNetwork

    model = DiscreteMarkovNetwork([("a", "b")])
    model.add_factors(
        DiscreteFactor(["a"], [2], [1.0, 3.0], state_names={"a": ["x", "y"]}),
        DiscreteFactor(["b", "a"], [1, 2], [5.0, 7.0], state_names={"b": ["z"], "a": ["y", "w"]}),
    )
    with pytest.raises(ValueError, match=r"tables of model over 'a' must name the same states everywhere; got 'x'"):
        from_pgmpy(model)


def test_incomplete_models_of_pgmpy_are_refused():
    from pgmpy.factors.discrete import DiscreteFactor, TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork, DiscreteMarkovNetwork

    model = DiscreteBayesianNetwork([("a", "b")])
    model.add_cpds(TabularCPD("a", 2, [[0.5], [0.5]]))
    with pytest.raises(ValueError, match=r"model must have a table for every variable; got none for 'b'"):
        from_pgmpy(model)
    undirected = DiscreteMarkovNetwork([("a", "b")])
    undirected.add_factors(DiscreteFactor(["a"], [2], [1.0, 1.0]))
    with pytest.raises(ValueError, match=r"model must have a table for every variable; got none for 'b'"):
        from_pgmpy(undirected)
    negative = DiscreteMarkovNetwork()
    negative.add_node("a")
    negative.add_factors(DiscreteFactor(["a"], [2], [1.0, -1.0]))
    with pytest.raises(ValueError, match=r"the table of 'a' in model must hold no negative .*; got -1.0"):
        from_pgmpy(negative)
    numbered = DiscreteMarkovNetwork()
    numbered.add_node(7)
    numbered.add_factors(DiscreteFactor([7], [2], [1.0, 1.0]))
    with pytest.raises(TypeError, match=r"each variable of model must be named by a string; got int"):
        from_pgmpy(numbered)
    with pytest.raises(TypeError, match=r"model must be a DiscreteBayesianNetwork, .* of pgmpy; got Graph"):
        from_pgmpy(nx.Graph())


def test_a_table_that_is_no_conditional_distribution_is_refused_by_factor():
    graph = bayesian_network([Variable("a", 2), Variable("b", 2)], {"b": ["a"]})
    half = torch.full((2,), 0.5).log()
    with pytest.raises(ValueError, match=r"log_tables\['b'\] over .* must be a conditional .*; got a sum of 0.8"):
        to_pgmpy_bayesian_network(Network(graph, {"a": half, "b": torch.tensor([[0.5, 0.5], [0.5, 0.3]]).log()}))
    undirected = chain([Variable("a", 2), Variable("b", 2)])
    tables = {"a": half, "b": half, "a-b": torch.zeros(2, 2)}
    with pytest.raises(ValueError, match=r"factor 'a-b' of network must be named after a variable in its scope"):
        to_pgmpy_bayesian_network(Network(undirected, tables))
    with pytest.raises(ValueError, match=r"network must have a factor named after every variable; got none for 'b'"):
        to_pgmpy_bayesian_network(Network(FactorGraph(graph.variables, graph.factors[:1]), {"a": half}))
    factors = [Factor("a", ("b", "a")), Factor("b", ("a", "b"))]
    uniform = half.expand(2, 2)
    with pytest.raises(ValueError, match=r"parents must close no directed cycle"):
        to_pgmpy_bayesian_network(Network(FactorGraph(graph.variables, factors), {"a": uniform, "b": uniform}))


def test_a_child_may_stand_anywhere_in_its_scope():
    graph = FactorGraph([Variable("a", 2), Variable("b", 3)], [Factor("a", ("a",)), Factor("b", ("b", "a"))])
    given = torch.tensor([[0.2, 0.5], [0.3, 0.1], [0.5, 0.4]], dtype=torch.float64)
    network = Network(graph, {"a": torch.tensor([0.3, 0.7], dtype=torch.float64).log(), "b": given.log()})
    np.testing.assert_allclose(to_pgmpy_bayesian_network(network).get_cpds("b").get_values(), given.numpy())


def test_tables_without_a_finite_exponential_and_empty_scopes_are_refused_for_pgmpy():
    graph = FactorGraph([Variable("a", 2)], [Factor("f", ("a",))])
    for convert in (to_pgmpy_markov_network, to_pgmpy_factor_graph):
        with pytest.raises(ValueError, match=r"log_tables\['f'\] must have a finite exponential, for pgmpy; got 900"):
            convert(Network(graph, {"f": torch.tensor([0.0, 900.0])}))
        with pytest.raises(ValueError, match=r"factor 'f' of network must have a variable in its scope"):
            convert(Network(FactorGraph(graph.variables, [Factor("f", ())]), {"f": torch.tensor(0.0)}))


@pytest.mark.parametrize("name", ["asia", "child"])
def test_networks_survive_networkx_and_back(name):
    network = read_network(EXAMPLES / f"{name}.bif.gz")
    assert_same(from_networkx(to_networkx(network)), network)
    assert structure_from_networkx(to_networkx(network.graph)) == network.graph


def test_a_networkx_graph_is_bipartite_and_says_what_its_nodes_are():
    graph = to_networkx(loop())
    assert nx.is_bipartite(graph)
    assert graph.nodes["variable", "a"] == {"kind": "variable", "name": "a", "num_states": 2, "states": ("x", "y")}
    assert graph.nodes["factor", "c-b"]["scope"] == ("c", "b")
    assert graph.nodes["factor", "c-b"]["log_table"].shape == (2, 3)
    assert "log_table" not in to_networkx(loop().graph).nodes["factor", "c-b"]
    assert set(graph["factor", "c-b"]) == {("variable", "c"), ("variable", "b")}


def test_incomplete_networkx_graphs_are_refused_by_node():
    with pytest.raises(ValueError, match=r"node \('factor', 'a'\) of graph must have the attribute 'log_table'"):
        from_networkx(to_networkx(loop().graph))
    graph = to_networkx(loop())
    graph.remove_edge(("factor", "a-b"), ("variable", "b"))
    with pytest.raises(ValueError, match=r"node \('factor', 'a-b'\) of graph must be joined to .*; got 'a'"):
        structure_from_networkx(graph)
    graph = nx.Graph()
    graph.add_node(1, kind="square", name="x")
    with pytest.raises(ValueError, match=r"attribute 'kind' of node 1 must be 'variable' or 'factor'; got 'square'"):
        structure_from_networkx(graph)
    with pytest.raises(ValueError, match=r"node 0 of graph must have the attribute 'kind'; got none"):
        structure_from_networkx(nx.path_graph(2))
    with pytest.raises(TypeError, match=r"model must be a Network or a FactorGraph; got Graph"):
        to_networkx(graph)
