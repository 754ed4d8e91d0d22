"""A network answers as its tables say, whatever form the evidence has."""

import copy
import gzip
import pickle
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graphfuse.evidence import Evidence
from graphfuse.graph import Factor, FactorGraph, Variable, bayesian_network
from graphfuse.inference import Enumeration
from graphfuse.networks import Network, decode_labels, read_network

EXAMPLES = Path((find_spec("pgmpy") or pytest.skip("pgmpy is missing", allow_module_level=True)).origin).parent / (
    "utils/example_models"
)
STATES = ("no", "yes")
GRAPH = bayesian_network([Variable("flu", 2, STATES), Variable("fever", 2, STATES)], {"fever": ["flu"]})
TABLES = {
    "flu": torch.tensor([0.9, 0.1], dtype=torch.float64).log(),
    "fever": torch.tensor([[1.0, 0.0], [0.2, 0.8]], dtype=torch.float64).log(),
}


@pytest.fixture(scope="module")
def asia() -> Network:
    return read_network(EXAMPLES / "asia.bif.gz")


def test_every_form_of_evidence_gives_the_same_answer(asia):
    cases = [{"smoke": "yes", "xray": "no"}, {"smoke": None, "xray": "yes"}, {"smoke": "no", "xray": None}]
    hard = {"smoke": torch.tensor([0, -1, 1]), "xray": torch.tensor([1, 0, -1])}
    expected = asia.infer(Evidence(hard))
    columns = {name: [case[name] for case in cases] for name in hard}
    for evidence in (pd.DataFrame(cases), pd.DataFrame(cases, dtype=object), columns):
        found = asia.infer(evidence)
        torch.testing.assert_close(found.log_partition, expected.log_partition)
        torch.testing.assert_close(found.marginal("lung"), expected.marginal("lung"))
    for row, case in enumerate(cases):
        found = asia.infer(case)
        assert found.log_partition.shape == ()
        torch.testing.assert_close(found.marginal("lung"), expected.marginal("lung")[row])


def test_the_partition_of_a_bayesian_network_without_evidence_is_one(asia):
    torch.testing.assert_close(asia.infer().log_partition, torch.zeros((), dtype=torch.float64))


@cache
def judge_of(path):
    """Another implementation, which reads the file by itself."""
    from pgmpy.inference import VariableElimination
    from pgmpy.readwrite import BIFReader

    return VariableElimination(BIFReader(string=gzip.decompress(path.read_bytes()).decode()).get_model())


@pytest.mark.parametrize(
    "name", ["asia", "survey", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cancer", "earthquake"))]
)
@pytest.mark.filterwarnings("ignore::FutureWarning")  # pgmpy.inference gives one of its own when it is imported
def test_marginals_agree_with_variable_elimination_of_pgmpy(name):
    path = EXAMPLES / f"{name}.bif.gz"
    judge = judge_of(path)
    network = read_network(path)
    first, *_, last = network.graph.variables
    for evidence in ({}, {last.name: last.states[0]}, {last.name: last.states[1], first.name: first.states[0]}):
        posterior = network.infer(evidence)
        for variable in network.graph.variables:
            if variable.name in evidence:
                assert float(posterior.marginal(variable.name).max()) == pytest.approx(1)
                continue
            factor = judge.query([variable.name], evidence=evidence, show_progress=False)
            assert list(factor.state_names[variable.name]) == list(variable.states)
            expected = torch.from_numpy(np.asarray(factor.values))
            torch.testing.assert_close(posterior.marginal(variable.name), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "hidden"), [("asia", 8), pytest.param("cancer", 5, marks=pytest.mark.slow), ("alarm", 8)]
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_decoded_assignments_are_as_probable_as_those_of_map_query_of_pgmpy(name, hidden):
    path = EXAMPLES / f"{name}.bif.gz"
    judge = judge_of(path)
    network = read_network(path)
    names = list(network.graph.variable_names)
    # drawn from the network, so that they are possible; pgmpy lists all states of what is hidden, so that is little
    drawn = decode_labels(network.graph, network.sample(4, torch.Generator().manual_seed(0)))
    draws = np.random.default_rng(0)
    for row in range(4):
        unseen = set(draws.choice(names, hidden - row, replace=False))
        evidence = {each: str(drawn[each].iloc[row]) for each in names if each not in unseen}
        found = decode_labels(network.graph, {each: v[None] for each, v in network.decode(evidence).items()}).iloc[0]
        assert all(found[each] == label for each, label in evidence.items())
        best = judge.map_query(sorted(unseen), evidence=evidence, show_progress=False)
        ours, theirs = (log_probability(network, {**evidence, **each}) for each in (found.astype(str).to_dict(), best))
        assert ours == pytest.approx(theirs, abs=1e-9)


def log_probability(network: Network, labels: dict[str, str]) -> float:
    """Of one whole assignment, table by table."""
    states = {variable.name: variable.states.index(labels[variable.name]) for variable in network.graph.variables}
    scopes = network.graph.scopes
    return sum(float(table[tuple(states[each] for each in scopes[name])]) for name, table in network.log_tables.items())


def test_targets_and_method_reach_inference(asia):
    found = asia.infer({"dysp": "yes"}, targets=["lung"], method=Enumeration())
    assert list(found.log_marginals) == ["lung"]
    torch.testing.assert_close(found.marginal("lung"), asia.infer({"dysp": "yes"}).marginal("lung"))


def test_decoding_finds_a_most_probable_assignment():
    network = Network(GRAPH, TABLES)
    found = network.decode({"fever": [None, "yes"]})
    assert {name: states.tolist() for name, states in found.items()} == {"flu": [0, 1], "fever": [0, 1]}
    assert decode_labels(GRAPH, found)["flu"].tolist() == ["no", "yes"]


def test_samples_follow_the_marginals_given_the_evidence():
    network = Network(GRAPH, TABLES)
    found = network.sample(20_000, torch.Generator().manual_seed(0), {"fever": [None, "no"]})
    assert found["flu"].shape == (20_000, 2)
    expected = network.infer({"fever": [None, "no"]}).marginal("flu")[:, 1]
    torch.testing.assert_close(found["flu"].double().mean(0), expected, rtol=0, atol=0.01)
    assert not found["fever"][:, 1].any()


def test_impossible_evidence_is_flagged_row_by_row():
    posterior = Network(GRAPH, TABLES).infer({"flu": ["no", "yes"], "fever": ["yes", "yes"]})
    assert posterior.impossible.tolist() == [True, False]
    assert posterior.log_partition[0] == -torch.inf


def test_a_network_is_moved_table_by_table():
    network = Network(GRAPH, TABLES).to(dtype=torch.float32)
    assert {table.dtype for table in network.log_tables.values()} == {torch.float32}
    assert network.infer({"fever": "no"}).marginal("flu").dtype == torch.float32
    assert network.to("cpu").graph is GRAPH


def test_a_network_survives_pickling_and_copying():
    network = Network(GRAPH, TABLES)
    for found in (pickle.loads(pickle.dumps(network)), copy.deepcopy(network)):
        assert found.graph == network.graph
        torch.testing.assert_close(dict(found.log_tables), dict(network.log_tables))


def test_a_network_cannot_be_changed_by_the_mapping_it_was_made_of():
    tables = dict(TABLES)
    network = Network(GRAPH, tables)
    tables.clear()
    assert list(network.log_tables) == ["flu", "fever"]
    with pytest.raises(AttributeError):
        network.graph = GRAPH


def test_a_factor_may_have_an_empty_scope():
    graph = FactorGraph([Variable("a", 2)], [Factor("constant", ())])
    found = Network(graph, {"constant": torch.tensor(1.5)}).infer()
    assert float(found.log_partition) == pytest.approx(1.5 + np.log(2))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"flu": None}, TypeError, r"log_tables\['flu'\] must be a tensor; got NoneType"),
        ({"flu": torch.tensor([1, 0])}, TypeError, r"log_tables\['flu'\] must be a floating-point tensor"),
        ({"flu": torch.zeros(3).double()}, ValueError, r"\['flu'\] over .* must have shape \(2,\); got \(3,\)"),
        ({"flu": torch.zeros(5, 2).double()}, ValueError, r"must have shape \(2,\); got \(5, 2\)"),
        ({"fever": torch.full((2, 2), torch.nan).double()}, ValueError, r"\['fever'\] must be free of .*; got nan"),
        ({"fever": torch.full((2, 2), torch.inf).double()}, ValueError, r"\['fever'\] must be free of .* \+inf"),
        ({"fever": torch.zeros(2, 2)}, ValueError, r"\['fever'\] must be torch.float64 on cpu, .*32"),
        ({"cough": torch.zeros(2)}, ValueError, r"each factor in log_tables must be one of .*; got 'cough'"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_refused_by_factor(changes, error, message):
    with pytest.raises(error, match=message):
        Network(GRAPH, {**TABLES, **changes})


def test_a_missing_table_is_refused_by_factor():
    with pytest.raises(ValueError, match=r"log_tables must hold a table for every factor; got none for 'fever'"):
        Network(GRAPH, {"flu": TABLES["flu"]})


def test_labels_are_refused_by_variable_and_row():
    with pytest.raises(ValueError, match=r"labels\['flu'\] in row 1 must be one of 'no', 'yes'; got 'perhaps'"):
        Network(GRAPH, TABLES).infer(pd.DataFrame({"flu": ["no", "perhaps"]}))
