"""Inference by the cases of one variable equals the listing of all assignments, whatever the cases leave open."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import (
    Conditioning,
    Enumeration,
    Evidence,
    Factor,
    FactorGraph,
    Variable,
    decode,
    infer,
    log_score,
    sample,
)
from tests.graphs import BATCHES, assert_close, factor_graphs, random_evidence, random_log_potentials

CASE = "case"


def with_cases(graph, batch, generator, num_pinned, num_open):
    """The graph with one more variable, whose first states fix all others, and tables for it."""
    count = num_pinned + num_open
    links = [Factor(f"{CASE}-{each.name}", (CASE, each.name)) for each in graph.variables]
    wider = FactorGraph(
        [*graph.variables, Variable(CASE, count)], [*graph.factors, *links, Factor(f"{CASE} alone", (CASE,))]
    )
    tables = random_log_potentials(graph, batch, generator)
    tables[f"{CASE} alone"] = torch.randn(*batch, count, generator=generator, dtype=torch.float64)
    for each in graph.variables:
        link = torch.randn(count, each.num_states, generator=generator, dtype=torch.float64)
        chosen = torch.randint(each.num_states, (num_pinned,), generator=generator)
        others = torch.arange(each.num_states) != chosen[:, None]
        link[:num_pinned] = link[:num_pinned].masked_fill(others, -torch.inf)
        tables[f"{CASE}-{each.name}"] = link
    return wider, tables


@given(factor_graphs(), st.sampled_from(BATCHES), st.integers(0, 5), st.integers(0, 2), st.integers(0, 2**31))
@settings(max_examples=100, deadline=None)
def test_it_equals_enumeration_on_any_graph(graph, batch, num_pinned, num_open, seed):
    generator = torch.Generator().manual_seed(seed)
    graph, tables = with_cases(graph, batch, generator, num_pinned, max(num_open, int(num_pinned == 0)))
    evidence = random_evidence(graph, batch, generator)
    found = infer(graph, tables, evidence, method=Conditioning(CASE))
    expected = infer(graph, tables, evidence, method=Enumeration())
    assert_close(found.log_partition, expected.log_partition)
    assert_close(found.log_marginals, expected.log_marginals)
    others = graph.variable_names[:: max(1, len(graph.variables) // 2)][:2]
    mixed = () if others[:1] == (CASE,) else ((*others[:1], CASE), (CASE, *others[:1]))
    for names in [others, others[::-1], (CASE,), *mixed]:
        assert_close(found.log_joint(names), expected.log_joint(names))


@given(factor_graphs(), st.sampled_from(BATCHES), st.integers(0, 5), st.integers(0, 2), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_the_decoded_assignment_has_the_best_score(graph, batch, num_pinned, num_open, seed):
    generator = torch.Generator().manual_seed(seed)
    graph, tables = with_cases(graph, batch, generator, num_pinned, max(num_open, int(num_pinned == 0)))
    first = graph.variables[0]
    seen = Evidence(soft={first.name: torch.randn(*batch, first.num_states, generator=generator).double()})
    best = decode(graph, tables, seen, method=Conditioning(CASE))
    expected = decode(graph, tables, seen, method=Enumeration())

    def score(states):
        chosen = seen.soft[first.name].gather(-1, states[first.name].unsqueeze(-1)).squeeze(-1)
        return log_score(graph, tables, states) + chosen

    assert_close(score(best), score(expected))


@pytest.mark.parametrize("batch", BATCHES, ids=str)
def test_samples_have_the_frequencies_of_the_joint(batch, generator):
    graph = FactorGraph([Variable("a", 2), Variable("b", 3)], [Factor("ab", ("a", "b"))])
    graph, tables = with_cases(graph, batch, generator, 3, 1)
    drawn = sample(graph, tables, 4000, generator, method=Conditioning(CASE))
    expected = infer(graph, tables, method=Enumeration()).joint(("a", "b", CASE))
    index = (drawn["a"] * 3 + drawn["b"]) * 4 + drawn[CASE]
    found = torch.stack([(index == i).double().mean(0) for i in range(24)], -1)
    assert_close(found, expected.reshape(*batch, 24), 0.04)


def test_gradients_equal_those_of_enumeration(generator):
    graph = FactorGraph([Variable("a", 2), Variable("b", 2)], [Factor("a", ("a",)), Factor("ab", ("a", "b"))])
    graph, tables = with_cases(graph, (3,), generator, 3, 1)
    free = [name for name in tables if not (tables[name] == -torch.inf).any()]
    evidence = Evidence(hard={"a": torch.tensor([-1, 0, 1])})

    def answers(*given, method):
        found = infer(graph, tables | dict(zip(free, given, strict=True)), evidence, method=method)
        return found.log_partition, found.log_marginals["b"]

    start = [tables[name].clone().requires_grad_() for name in free]
    both = [answers(*start, method=method) for method in (Conditioning(CASE), Enumeration())]
    for found, expected in zip(*both, strict=True):
        slopes = [torch.autograd.grad(each.sum(), start, retain_graph=True) for each in (found, expected)]
        assert_close(slopes[0], slopes[1])
    assert torch.autograd.gradcheck(lambda *given: answers(*given, method=Conditioning(CASE)), start)


def test_rows_that_no_case_admits_are_flagged(generator):
    graph = FactorGraph([Variable("a", 2)], [])
    graph, tables = with_cases(graph, (), generator, 1, 0)
    state = int(tables[f"{CASE}-a"][0].argmax())
    seen = Evidence(hard={"a": torch.tensor([state, 1 - state])})
    found = infer(graph, tables, seen, method=Conditioning(CASE))
    assert found.impossible.tolist() == [False, True]
    assert decode(graph, tables, seen, method=Conditioning(CASE))[CASE].tolist() == [0, -1]


def test_a_variable_that_the_graph_lacks_is_refused():
    graph = FactorGraph([Variable("a", 2)], [])
    with pytest.raises(ValueError, match="variable of Conditioning must be one of 'a'; got 'b'"):
        infer(graph, {}, method=Conditioning("b"))
