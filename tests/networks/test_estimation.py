"""Tables learned from complete rows are those of pgmpy, and approach the true ones."""

import pytest
import torch

from graphfuse import Factor, FactorGraph, Variable, bayesian_network
from graphfuse.networks import decode_labels, estimate_tables, from_pgmpy, to_pgmpy_bayesian_network
from graphfuse.problems import example_network

GRAPH = bayesian_network([Variable("a", 2), Variable("b", 3)], {"b": ["a"]})
CASES = {"a": torch.tensor([0, 0, 1, 0]), "b": torch.tensor([2, 1, 0, 2])}


@pytest.mark.parametrize("pseudo_count", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("name", ["asia", "cancer", "survey"])
@pytest.mark.filterwarnings("ignore")
def test_tables_are_those_of_pgmpy(name, pseudo_count, generator):
    from pgmpy.parameter_estimator import DiscreteBayesianEstimator, DiscreteMLE

    network = example_network(name)
    frame = decode_labels(network.graph, network.sample(300, generator))
    frame = frame.astype("object")
    model = to_pgmpy_bayesian_network(network)
    states = {variable.name: list(variable.states) for variable in network.graph.variables}
    if pseudo_count:
        estimator = DiscreteBayesianEstimator(prior_type="dirichlet", pseudo_counts=pseudo_count, state_names=states)
    else:
        estimator = DiscreteMLE(state_names=states)
    model.cpds = estimator.fit(model, frame).parameters_
    judged = from_pgmpy(model)
    found = estimate_tables(network.graph, frame, pseudo_count)
    for child, scope in network.graph.scopes.items():
        order = [judged.graph.scopes[child].index(each) for each in scope]
        expected = judged.log_tables[child].exp().permute(order)
        torch.testing.assert_close(found.log_tables[child].exp(), expected, rtol=0, atol=1e-9)


def test_tables_approach_the_true_ones(generator):
    network = example_network("cancer")
    found = estimate_tables(network.graph, network.sample(50_000, generator))
    for name, table in network.log_tables.items():
        torch.testing.assert_close(found.log_tables[name].exp(), table.exp(), rtol=0, atol=0.1)
    torch.testing.assert_close(found.log_tables["Smoker"].exp(), network.log_tables["Smoker"].exp(), rtol=0, atol=0.012)


def test_labels_and_numbers_of_states_say_the_same(generator):
    network = example_network("survey")
    states = network.sample(100, generator)
    first, second = (estimate_tables(network.graph, c) for c in (states, decode_labels(network.graph, states)))
    torch.testing.assert_close(dict(first.log_tables), dict(second.log_tables))


def test_parents_that_never_occur_leave_their_child_uniform_and_no_case_leaves_all_so():
    for pseudo_count in (0.0, 1.0):
        cases = {"a": torch.zeros(3).long(), "b": torch.tensor([0, 1, 1])}
        found = estimate_tables(GRAPH, cases, pseudo_count).log_tables["b"].exp()
        assert found[1].tolist() == pytest.approx([1 / 3] * 3)
    nothing = estimate_tables(GRAPH, {name: torch.zeros(0).long() for name in CASES}, 0.0)
    assert nothing.log_tables["a"].exp().tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("graph", "cases", "pseudo_count", "message"),
    [
        (GRAPH, {**CASES, "c": CASES["a"]}, 1.0, "each variable in cases must be one of 'a', 'b'; got 'c'"),
        (GRAPH, {"a": CASES["a"]}, 1.0, "cases must hold every variable of graph; got none of 'b'"),
        (GRAPH, {**CASES, "a": torch.tensor([0, -1, 1, 0])}, 1.0, r"cases\['a'\] must be between 0 and 1 .*; got -1"),
        (GRAPH, {**CASES, "b": torch.tensor([0, 1])}, 1.0, r"cases\['b'\] must have shape \(num_cases,\)"),
        (GRAPH, {**CASES, "b": torch.zeros(4)}, 1.0, r"cases\['b'\] must be a tensor of integers; got torch.float32"),
        (GRAPH, [1, 2], 1.0, "labels must be a data frame or a mapping"),
        (GRAPH, CASES, -0.5, "pseudo_count must be a finite number of at least 0; got -0.5"),
        (GRAPH, CASES, "1", "pseudo_count must be a number; got str"),
        ("a", CASES, 1.0, "graph must be a FactorGraph; got str"),
        (FactorGraph(GRAPH.variables, [Factor("a", ("a",))]), CASES, 1.0, "graph must have a factor named .* 'b'"),
        (
            FactorGraph(GRAPH.variables, [Factor("b", ("b", "a"))]),
            CASES,
            1.0,
            "factor 'b' of graph must be named after",
        ),
        (
            FactorGraph(GRAPH.variables, [Factor("a", ("b", "a")), Factor("b", ("a", "b"))]),
            CASES,
            1.0,
            "parents must close no directed cycle",
        ),
    ],
)
def test_what_gives_no_tables_is_refused(graph, cases, pseudo_count, message):
    with pytest.raises((ValueError, TypeError), match=message):
        estimate_tables(graph, cases, pseudo_count)
