"""Questions are answered with tables that sum to one; the tables themselves keep their bits."""

import copy
import pickle
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from graphfuse.graph import Factor, FactorGraph, Variable, bayesian_network, markov_network
from graphfuse.inference import infer
from graphfuse.networks import Network, read_network
from graphfuse.networks.formats.bif import read_bif

EXAMPLES = Path((find_spec("pgmpy") or pytest.skip("pgmpy is missing", allow_module_level=True)).origin).parent / (
    "utils/example_models"
)
GRAPH = bayesian_network([Variable("a", 3), Variable("b", 2)], {"b": ["a"]})


def tables(excess: float) -> dict[str, torch.Tensor]:
    """Tables that sum to one, but for an excess."""
    a = torch.tensor([0.3333333, 0.3333333, 0.3333334 + excess], dtype=torch.float64)
    b = torch.tensor([[0.25, 0.75], [0.5, 0.5 + excess], [1.0, 0.0]], dtype=torch.float64)
    return {"a": a.log(), "b": b.log()}


@pytest.mark.parametrize("name", ["alarm", "sachs", "hepar2"])
def test_the_partition_of_a_published_network_is_one_though_its_tables_are_rounded(name):
    network = read_network(EXAMPLES / f"{name}.bif.gz")
    bits = {name: table.clone() for name, table in network.log_tables.items()}
    target = network.graph.variable_names[:1]
    raw = infer(network.graph, network.log_tables, targets=target)
    assert abs(float(raw.log_partition)) > 1e-9
    assert abs(float(network.infer(targets=target).log_partition)) < 1e-14 * len(bits)
    assert all(torch.equal(network.log_tables[name], table) for name, table in bits.items())


@pytest.mark.parametrize("excess", [0.0, 3e-7, -9e-7])
def test_marginals_are_those_of_tables_divided_by_their_sums(excess):
    given = tables(excess)
    divided = {name: (table.exp() / table.exp().sum(-1, keepdim=True)).log() for name, table in given.items()}
    network = Network(GRAPH, given)
    for evidence in ({}, {"b": 1}):
        found, expected = network.infer(evidence), Network(GRAPH, divided).infer(evidence)
        torch.testing.assert_close(found.log_partition, expected.log_partition, rtol=0, atol=2e-15)
        torch.testing.assert_close(found.marginal("a"), expected.marginal("a"), rtol=1e-14, atol=0)


def test_tables_are_normalized_once_and_copies_answer_the_same():
    network = Network(GRAPH, tables(3e-7))
    first = network.infer().log_partition
    assert network._asked is network._asked
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network)), network.to("cpu")):
        assert torch.equal(other.infer().log_partition, first)
        assert torch.equal(other.log_tables["b"], network.log_tables["b"])


@pytest.mark.parametrize(
    ("graph", "given"),
    [
        (GRAPH, tables(1e-5)),
        (GRAPH, {"a": torch.ones(3).double(), "b": torch.zeros(3, 2).double()}),
        (markov_network(GRAPH.variables, [("a", "b")]), {**tables(3e-7), "b": torch.zeros(2).double(),
                                                         "a-b": torch.zeros(3, 2).double()}),
        (FactorGraph(GRAPH.variables, [Factor("a", ("b", "a")), Factor("b", ("a", "b"))]),
         {"a": tables(3e-7)["b"].T.contiguous(), "b": tables(3e-7)["b"]}),
        (FactorGraph(GRAPH.variables, [Factor("b", ("a", "b"))]), {"b": tables(3e-7)["b"]}),
    ],
    ids=["excess", "potentials", "markov", "cycle", "absent"],
)  # fmt: skip
def test_tables_of_no_bayesian_network_are_taken_as_given(graph, given):
    network = Network(graph, given)
    assert torch.equal(network.infer().log_partition, infer(graph, given).log_partition)


def test_a_gradient_is_that_of_the_tables_themselves():
    given = {name: table.clone().requires_grad_() for name, table in tables(3e-7).items()}
    network = Network(GRAPH, given)
    for _ in range(2):
        (gradient,) = torch.autograd.grad(network.infer(targets=[]).log_partition, [given["a"]])
        torch.testing.assert_close(gradient.sum(), torch.ones((), dtype=torch.float64))


def test_a_row_of_a_file_may_miss_one_by_a_millionth_and_is_refused_by_name_beyond():
    text = """network a {{ }} variable rain {{ type discrete [ 2 ] {{ no, yes }}; }}
    probability ( rain ) {{ table 0.5, {}; }}"""
    assert float(read_bif(text.format(0.5000009), "a.bif").infer().log_partition) == pytest.approx(0, abs=1e-15)
    with pytest.raises(
        ValueError, match=r"a\.bif, line 2 must have probabilities of 'rain' that sum to one; got .*1\.00"
    ):
        read_bif(text.format(0.5000011), "a.bif")
