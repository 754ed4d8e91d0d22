"""What the verbs refuse, and how they say it."""

import pytest
import torch

from graphfuse import Evidence, Variable, chain, decode, infer, log_score, markov_network, sample
from tests.graphs import random_log_potentials

GRAPH = markov_network([Variable("a", 2), Variable("b", 3)], [("a", "b")])
TABLES = {"a": torch.zeros(2), "b": torch.zeros(4, 3), "a-b": torch.zeros(2, 3)}


def refused(error, message, **changes):
    arguments = {"graph": GRAPH, "log_potentials": TABLES, **changes}
    with pytest.raises(error, match=message):
        infer(**arguments)


def test_a_factor_without_a_table_is_named():
    tables = {name: table for name, table in TABLES.items() if name != "a-b"}
    refused(
        ValueError, r"log_potentials must hold a table for every factor; got none for 'a-b'\.", log_potentials=tables
    )


def test_a_table_without_a_factor_is_named_and_the_likely_one_suggested():
    message = r"each factor in log_potentials must be one of 'a', 'b', 'a-b'; got 'a_b' \(did you mean 'a-b'\?\)\."
    refused(ValueError, message, log_potentials={**TABLES, "a_b": torch.zeros(2, 3)})


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (torch.zeros(3, 2), ValueError, r"log_potentials\['a-b'\] over \('a', 'b'\) must have shape \(\*batch, 2, 3\)"),
        (torch.zeros(3), ValueError, r"must have shape \(\*batch, 2, 3\); got \(3,\)\."),
        (
            torch.full((2, 3), torch.nan),
            ValueError,
            r"log_potentials\['a-b'\] must be free of nan and \+inf; got nan\.",
        ),
        (torch.full((2, 3), torch.inf), ValueError, r"got \+inf\."),
        (torch.zeros(2, 3).long(), TypeError, r"must be a floating-point tensor; got torch.int64\."),
        ([[0.0] * 3] * 2, TypeError, r"log_potentials\['a-b'\] must be a tensor; got list\."),
        (torch.zeros(5, 2, 3), ValueError, r"the batch shape of log_potentials\['a-b'\] must broadcast with \(4,\)"),
    ],
)
def test_a_table_that_does_not_fit_is_named(table, error, message):
    refused(error, message, log_potentials={**TABLES, "a-b": table})


def test_tensors_on_different_devices_are_named():
    tables = {**TABLES, "a-b": torch.zeros(2, 3, device="meta")}
    message = r"log_potentials\['a-b'\] must be on the device of log_potentials\['a'\], cpu; got meta\."
    refused(ValueError, message, log_potentials=tables)


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        (
            lambda: Evidence(hard={"c": torch.tensor(0)}),
            "each variable in evidence.hard must be one of 'a', 'b'; got 'c'",
        ),
        (
            lambda: Evidence(hard={"a": torch.tensor([0, 2])}),
            r"evidence.hard\['a'\] must be between -1 .* and 1; got 2",
        ),
        (lambda: Evidence(hard={"a": torch.tensor([-2])}), "got -2"),
        (
            lambda: Evidence(soft={"b": torch.zeros(2)}),
            r"evidence.soft\['b'\] over \('b',\) must have shape \(\*batch, 3\)",
        ),
        (lambda: Evidence(soft={"b": torch.full((3,), torch.nan)}), r"evidence.soft\['b'\] must be free of nan"),
        (lambda: Evidence(soft={"b": torch.tensor(0.0)}), r"must have shape \(\*batch, num_states\); got shape \(\)"),
        (lambda: Evidence(hard={"a": torch.zeros(7).long()}), "the batch shape of evidence must broadcast with"),
    ],
)
def test_evidence_that_does_not_fit_is_named(evidence, message):
    with pytest.raises(ValueError, match=message):
        infer(GRAPH, TABLES, evidence())


def test_evidence_of_the_wrong_type_is_refused():
    with pytest.raises(TypeError, match=r"evidence.hard\['a'\] must be a tensor of integers; got torch.float32"):
        Evidence(hard={"a": torch.zeros(3)})
    with pytest.raises(TypeError, match=r"evidence.hard\['a'\] must be a tensor; got int"):
        Evidence(hard={"a": 1})
    refused(TypeError, "evidence must be an Evidence; got dict", evidence={"a": torch.tensor(0)})


def test_unknown_or_repeated_targets_are_named():
    refused(ValueError, "each of targets must be one of 'a', 'b'; got 'z'", targets=["z"])
    refused(ValueError, "targets must not repeat a name; got 'a' more than once", targets=["a", "a"])
    refused(TypeError, "targets must be a sequence of names; got 'a'", targets="a")


def test_a_joint_over_unknown_variables_is_refused():
    with pytest.raises(ValueError, match="each of names must be one of 'a', 'b'; got 'z'"):
        infer(GRAPH, TABLES).joint(["a", "z"])
    with pytest.raises(ValueError, match=r"the name of a target of the query \(joint .*\) must be one of 'a'; got 'b'"):
        infer(GRAPH, TABLES, targets=["a"]).marginal("b")


def test_wrong_kinds_of_arguments_are_refused():
    refused(TypeError, "graph must be a FactorGraph; got str", graph="star")
    refused(TypeError, "log_potentials must be a mapping from factor names to tensors; got list", log_potentials=[])
    refused(TypeError, "method must be an InferenceMethod; got str", method="junction tree")
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator; got int"):
        sample(GRAPH, TABLES, 3, 0)
    with pytest.raises(ValueError, match="num_samples must be at least 0; got -1"):
        sample(GRAPH, TABLES, -1, torch.Generator())
    with pytest.raises(ValueError, match="each factor in log_potentials"):
        decode(GRAPH, {**TABLES, "z": torch.zeros(2)})


def test_a_score_needs_every_variable():
    with pytest.raises(ValueError, match="assignment must give a state of every variable; got none for 'b'"):
        log_score(GRAPH, TABLES, {"a": torch.tensor(0)})
    with pytest.raises(ValueError, match=r"assignment\['b'\] must be between 0 and 2; got -1"):
        log_score(GRAPH, TABLES, {"a": torch.tensor([0, 1, 0, 1]), "b": torch.tensor([0, 1, 0, -1])})


def test_states_of_any_integer_type_and_shape_are_read_alike():
    graph = chain([Variable(name, 3) for name in ("a", "b", "c", "d")])
    tables = random_log_potentials(graph, (), torch.Generator().manual_seed(0))
    states = {"a": torch.tensor([[0, -1], [2, 1]]), "b": torch.tensor([-1, 2]), "d": torch.tensor(1)}
    kinds = dict(zip(states, (torch.int8, torch.int64, torch.uint8), strict=True))
    mixed = Evidence({name: each.to(kinds[name]) for name, each in states.items()})
    found, expected = (infer(graph, tables, evidence).marginal("c") for evidence in (mixed, Evidence(states)))
    assert found.shape == (2, 2, 3) and torch.equal(found, expected)
    too_high = {name: torch.full((5,), 3 if name == "c" else 1) for name in graph.variable_names}
    with pytest.raises(ValueError, match=r"evidence.hard\['c'\] must be between -1 \(unobserved\) and 2; got 3"):
        infer(graph, tables, Evidence(too_high))


@pytest.mark.parametrize("at", ["b", "a"])
def test_of_tables_that_are_parts_of_one_tensor_the_bad_one_is_named(at):
    graph = markov_network([Variable(name, 3) for name in "ab"], [("a", "b")])
    together = torch.zeros(4, 3, 3)
    tables = dict(zip(["a", "b", "unused"], together.unbind(1), strict=True))
    pair = {"a-b": torch.zeros(3, 3)}
    together[2, 2, 0] = torch.nan  # which no table of the graph holds
    infer(graph, {"a": tables["a"], "b": tables["b"], **pair})
    tables[at][1, 2] = torch.inf
    with pytest.raises(ValueError, match=rf"log_potentials\['{at}'\] must be free of nan and \+inf; got \+inf\."):
        infer(graph, {"a": tables["a"], "b": tables["b"], **pair})
    together[1] = 0.0
    together[3, :2, 1] = torch.nan
    with pytest.raises(ValueError, match=r"log_potentials\['a'\] must be free of nan and \+inf; got nan\."):
        infer(graph, {"a": tables["a"], "b": tables["b"], **pair})


def test_a_part_whose_numbers_moved_elsewhere_is_looked_at_there():
    graph = markov_network([Variable(name, 3) for name in "ab"], [("a", "b")])
    together = torch.zeros(2, 4, 3)
    first, second = together.unbind(0)
    second.data = torch.full((4, 3), torch.nan)
    with pytest.raises(ValueError, match=r"log_potentials\['b'\] must be free of nan and \+inf; got nan\."):
        infer(graph, {"a": first, "b": second, "a-b": torch.zeros(3, 3)})
