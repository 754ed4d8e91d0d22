"""Likelihoods and numbers of states, among labels, say what soft and hard evidence say."""

import numpy as np
import pandas as pd
import pytest
import torch

from graphfuse import Enumeration, Evidence, Variable, bayesian_network, infer
from graphfuse.networks import Network, encode_labels

STATES = {"flu": ("no", "yes"), "grade": ("1", "2", "3"), "fever": ("none", "mild", "high")}
GRAPH = bayesian_network(
    [Variable(name, len(states), states) for name, states in STATES.items()], {"grade": ["flu"], "fever": ["flu"]}
)


@pytest.fixture
def network(generator):
    tables = {
        name: torch.randn(GRAPH.shape(scope), generator=generator).log_softmax(-1)
        for name, scope in GRAPH.scopes.items()
    }
    return Network(GRAPH, tables)


def same_answers(network, labels, evidence):
    found = network.infer(labels)
    expected = infer(GRAPH, network.log_tables, evidence, method=Enumeration())
    for name in STATES:
        torch.testing.assert_close(found.marginal(name), expected.marginal(name), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.log_partition, expected.log_partition, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("as_frame", [False, True])
def test_labels_likelihoods_and_gaps_in_one_call_are_hard_and_soft_evidence(network, as_frame):
    columns = {
        "flu": [{"yes": 2.0, "no": 0.5}, None, "yes", {"yes": 1.0}],
        "grade": ["3", {"1": 1, "2": 2, "3": 4}, None, "1"],
        "fever": [None, "mild", "high", None],
    }
    labels = pd.DataFrame(columns, index=list("abcd")) if as_frame else columns
    flu = torch.tensor([[0.5, 2.0], [1, 1], [1, 1], [0, 1]]).log()
    grade = torch.tensor([[1.0, 1, 1], [1, 2, 4], [1, 1, 1], [1, 1, 1]]).log()
    hard = {
        "flu": torch.tensor([-1, -1, 1, -1]),
        "grade": torch.tensor([2, -1, -1, 0]),
        "fever": torch.tensor([-1, 1, 2, -1]),
    }
    same_answers(network, labels, Evidence(hard, {"flu": flu, "grade": grade}))


def test_one_likelihood_holds_for_all_rows_and_a_sequence_for_one_each(network):
    fever = Evidence({"flu": torch.tensor([1, -1])}, {"fever": torch.tensor([1.0, 2.0, 0.0]).log()})
    same_answers(network, {"flu": ["yes", None], "fever": {"none": 1, "mild": 2}}, fever)
    by_row = {"none": [1.0, 0.5], "mild": np.array([2.0, 3.0]), "high": 0.1}
    table = torch.tensor([[1.0, 2.0, 0.1], [0.5, 3.0, 0.1]]).log()
    same_answers(network, {"flu": ["yes", None], "fever": by_row}, Evidence(fever.hard, {"fever": table}))
    assert network.infer({"fever": {"mild": 1.0}}).log_partition.shape == ()


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 0, 1]),
        pd.Series([1.0, None, 0.0]),
        pd.array([1, None, 0], dtype="Int64"),
        np.array([0, 1, 1]),
        torch.tensor([1, 1, 0]),
    ],
    ids=str,
)
def test_a_numeric_column_holds_the_numbers_of_named_states(column):
    expected = [-1 if pd.isna(cell) else int(cell) for cell in column]
    labels = {"flu": column} if isinstance(column, torch.Tensor) else pd.DataFrame({"flu": column})
    assert encode_labels(GRAPH, labels).hard["flu"].tolist() == expected


def test_names_that_are_numbers_come_before_numbers_of_states():
    frame = pd.DataFrame({"grade": [1, 3]})
    assert encode_labels(GRAPH, frame).hard["grade"].tolist() == [0, 2]
    with pytest.raises(ValueError, match=r"labels\['grade'\] in row 1 must be one of '1', '2', '3'; got 0"):
        encode_labels(GRAPH, pd.DataFrame({"grade": [1, 0]}))
    with pytest.raises(ValueError, match=r"labels\['flu'\] in row 1 must be one of 'no', 'yes'; got 2"):
        encode_labels(GRAPH, pd.DataFrame({"flu": [1, 2]}))
    with pytest.raises(ValueError, match=r"labels\['flu'\] in row 0 must be one of 'no', 'yes'; got True"):
        encode_labels(GRAPH, pd.DataFrame({"flu": [True]}))


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ({"flue": {"no": 1}}, ValueError, r"each variable in labels must be .*'flu'"),
        ({"flu": {"maybe": 1}}, ValueError, r"each label in labels\['flu'\] must be one of 'no', 'yes'; got 'maybe'"),
        ({"flu": {"no": "1"}}, TypeError, r"labels\['flu'\]\['no'\] must be a number, or one a row; got '1'"),
        ({"flu": {"no": -1}}, ValueError, r"labels\['flu'\]\['no'\] must be a finite number of at least 0.*; got -1"),
        ({"flu": {"no": 0}}, ValueError, r"labels\['flu'\] must hold a positive likelihood in every row; got none"),
        ({"grade": {"1": 1, 1: 2}}, ValueError, r"labels\['grade'\] must name each state once; got 1 again"),
        ({"flu": ["no", {"no": [1, 2]}]}, ValueError, r"labels\['flu'\] in row 1 must hold one number a label; got 2"),
        ({"flu": {"no": [1, 2], "yes": [1]}}, ValueError, r"sequences in labels\['flu'\] must have the same length"),
        (
            pd.DataFrame({"flu": ["no", {"nope": 1}]}, index=["ann", "bob"]),
            ValueError,
            r"each label in labels\['flu'\] in row 'bob' must be one of 'no', 'yes'; got 'nope'",
        ),
    ],
    ids=str,
)
def test_what_is_no_likelihood_is_refused_by_name(network, labels, error, message):
    with pytest.raises(error, match=message):
        network.infer(labels)
