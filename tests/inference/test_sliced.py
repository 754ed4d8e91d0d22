"""Rows that hide the same variables may have a tree of their own, and a longer search: answers are the same."""

from functools import lru_cache

import pytest
import torch
from hypothesis import given, settings

from graphfuse import Enumeration, Evidence, Variable, VariableElimination, infer, markov_network
from graphfuse.graph.clique_tree import clique_tree
from graphfuse.inference.rows import engine, sliced
from graphfuse.problems.example_networks import example_network
from tests.graphs import assert_close, random_log_potentials
from tests.inference.test_rows import TOLERANCE, doubled, questions


@pytest.fixture
def own_trees_everywhere():
    """As if planning cost nothing, and any tree of its own were better than that of the graph."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "WORTH", 0)
        patch.setattr(sliced, "WORTH", 0)
        patch.setattr(sliced, "SAVED", 0)
        engine.own_layout_of.cache_clear()
        yield
    engine.own_layout_of.cache_clear()


@given(question=questions())
@settings(max_examples=150, deadline=None)
def answers_are_those_of_the_listing(question):
    graph, tables, evidence, targets = question
    found = infer(graph, tables, evidence, targets)
    dtype = next(iter([*tables.values(), *evidence.soft.values()]), torch.zeros(())).dtype
    listed = Evidence(evidence.hard, doubled(evidence.soft))
    expected = infer(graph, doubled(tables), listed, method=Enumeration())
    possible = ~expected.impossible
    assert_close(found.log_partition, expected.log_partition.to(dtype), TOLERANCE[dtype])
    for name, table in found.log_marginals.items():
        assert_close(table[possible], expected.log_marginals[name].to(dtype)[possible], TOLERANCE[dtype])


def test_every_answer_along_trees_of_rows_is_that_of_the_listing(own_trees_everywhere):
    answers_are_those_of_the_listing()
    assert engine.own_layout_of.cache_info().misses > 20


def test_gradients_along_trees_of_rows_are_those_along_the_tree_of_the_graph(generator):
    graph = grid(4, 3)
    tables = random_log_potentials(graph, (9,), generator)
    hard = {name: torch.randint(-1, 3, (9,), generator=generator) for name in graph.variable_names[::2]}

    def gradients():
        leaves = {name: table.clone().requires_grad_() for name, table in tables.items()}
        log_partition = infer(graph, leaves, Evidence(hard), targets=()).log_partition
        return torch.autograd.grad(log_partition.square().sum(), list(leaves.values()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphfuse.inference.rows.query.WIDE", 0)
        expected = gradients()
        patch.setattr(engine, "WORTH", 0)
        patch.setattr(sliced, "WORTH", 0)
        patch.setattr(sliced, "SAVED", 0)
        engine.own_layout_of.cache_clear()
        found = gradients()
        assert engine.own_layout_of.cache_info().currsize
    engine.own_layout_of.cache_clear()
    for mine, theirs in zip(found, expected, strict=True):
        assert_close(mine, theirs, 1e-9)


@pytest.mark.parametrize("num_threads", [1, 3])
def test_rows_of_many_plans_come_back_in_their_order(num_threads, own_trees_everywhere, generator):
    network = example_network("child")
    states = network.sample(40, generator)
    hard = {name: each.masked_fill(torch.rand(40, generator=generator) < 0.5, -1) for name, each in states.items()}
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(num_threads)
        together = network.infer(Evidence(hard), targets=["Disease", "Age"])
    finally:
        torch.set_num_threads(before)
    for row in range(40):
        alone = network.infer(Evidence({name: each[row] for name, each in hard.items()}), targets=["Disease", "Age"])
        for name in ("Disease", "Age"):
            assert_close(together.marginal(name)[row], alone.marginal(name), 1e-12)


def test_a_row_of_large_cliques_has_a_cheaper_tree_of_its_own_and_its_plan_says_so():
    graph, generator = grid(12, 3), torch.Generator().manual_seed(0)
    seen = [name for name in graph.variable_names if torch.rand((), generator=generator) < 0.2]
    hidden = frozenset(graph.variable_names).difference(seen)
    scopes = [factor.scope for factor in graph.factors]
    own, tables = sliced.sliced(graph, scopes, (), hidden, (), True)
    common = sliced.row_tables(clique_tree(graph), scopes, range(len(scopes)), hidden)
    assert set(own.num_states) == hidden
    assert 10 * sum(graph.size(names) for names, _ in tables) < sum(graph.size(names) for names, _ in common)
    plan = VariableElimination().plan(graph, seen)
    assert plan.num_row < 2 * sum(graph.size(names) for names, _ in tables) < plan.num_sliced
    evidence = Evidence({name: torch.zeros((), dtype=torch.int64) for name in seen})
    zeros = {name: torch.zeros(graph.shape(scope)) for name, scope in graph.scopes.items()}
    narrow = VariableElimination(plan.bytes_row, most_work=0)
    assert float(infer(graph, zeros, evidence, method=narrow).log_partition) == pytest.approx(
        len(hidden) * float(torch.tensor(3.0).log()), rel=1e-6
    )


@lru_cache
def grid(size, num_states):
    names = [[f"x{i:02}{j:02}" for j in range(size)] for i in range(size)]
    edges = [(names[i][j], names[i][j + 1]) for i in range(size) for j in range(size - 1)]
    edges += [(names[i][j], names[i + 1][j]) for i in range(size - 1) for j in range(size)]
    return markov_network([Variable(name, num_states) for row in names for name in row], edges)


@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_a_longer_search_gives_the_same_answers_by_a_plan_that_is_no_costlier(seconds, generator):
    network = example_network("insurance")
    states = network.sample(30, generator)
    hard = {name: each.masked_fill(torch.rand(30, generator=generator) < 0.5, -1) for name, each in states.items()}
    quick, slow = VariableElimination(), VariableElimination(planning_seconds=seconds)
    for targets in (["Accident"], None):
        found, expected = (network.infer(Evidence(hard), targets, method) for method in (slow, quick))
        assert_close(found.log_marginals, expected.log_marginals, 1e-9)
        assert_close(found.log_partition, expected.log_partition, 1e-9)
    for graph in (network.graph, grid(6, 2), grid(9, 2)):
        assert slow.plan(graph).num_entries <= quick.plan(graph).num_entries
    decoded = (network.decode(Evidence(hard), method) for method in (slow, quick))
    assert_close(next(decoded), next(decoded))


def test_a_search_is_made_once_for_a_graph():
    graph, method = grid(7, 2), VariableElimination(planning_seconds=0.2)
    method.plan(graph)
    before = clique_tree(graph, seconds=0.2)
    method.plan(graph, ["x0000"], ["x0303"])
    assert clique_tree(graph, seconds=0.2) is before


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_seconds_that_are_none_are_refused(seconds):
    with pytest.raises(ValueError, match="planning_seconds must be a finite number of seconds"):
        VariableElimination(planning_seconds=seconds)
