"""Many rows, answered with what they have in common, are answered as each by itself and as by the listing."""

import threading
from math import inf

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphfuse import Enumeration, Evidence, Factor, FactorGraph, Variable, VariableElimination, infer
from graphfuse.graph import bayesian_network, chain, star
from graphfuse.inference.rows import engine
from graphfuse.inference.rows.batches import FEW
from graphfuse.inference.rows.memo import MOST_BITS, WORD
from tests.graphs import assert_close


@st.composite
def questions(draw):
    """A graph of which the first variables are a Bayesian network, constant tables, evidence of many rows, a target."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=3, max_size=7))
    names = [f"v{i}" for i in range(len(sizes))]
    num_directed = draw(st.sampled_from([0, len(sizes) // 2, len(sizes), len(sizes)]))
    parents = [
        draw(st.lists(st.sampled_from(names[:i]), max_size=2, unique=True)) if i else [] for i in range(num_directed)
    ]
    scopes = [(*above, name) for above, name in zip(parents, names[:num_directed], strict=True)]
    ties = st.lists(st.lists(st.sampled_from(names), max_size=3, unique=True).map(tuple), max_size=6)
    scopes += draw(ties) if num_directed < len(sizes) or draw(st.booleans()) else []
    variables = [Variable(name, size) for name, size in zip(names, sizes, strict=True)]
    graph = FactorGraph(variables, [Factor(f"f{i}", scope) for i, scope in enumerate(scopes)])
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    zeros, scale = draw(st.sampled_from([0.0, 0.2])), draw(st.sampled_from([3.0, 3.0, 150.0, 1e4]))
    tables = {}
    for i, (name, scope) in enumerate(graph.scopes.items()):
        table = scale * (2 * torch.rand(graph.shape(scope), generator=generator, dtype=torch.float64) - 1)
        table = table.masked_fill(torch.rand(table.shape, generator=generator) < zeros, -inf)
        tables[name] = table.log_softmax(-1).nan_to_num(-inf, neginf=-inf) if i < num_directed else table
    num_rows = draw(st.sampled_from([FEW, FEW + 1, 3 * WORD - 1]))
    return graph, tables, random_rows(graph, num_rows, generator), draw(st.sampled_from(names))


def random_rows(graph, num_rows, generator):
    """Evidence in which every row hides another half of the variables."""
    states = {each.name: torch.randint(each.num_states, (num_rows,), generator=generator) for each in graph.variables}
    return Evidence(
        {name: each.masked_fill(torch.rand(num_rows, generator=generator) < 0.5, -1) for name, each in states.items()}
    )


def random_tables(graph, generator):
    shapes = {name: graph.shape(scope) for name, scope in graph.scopes.items()}
    return {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}


def one_by_one(graph, tables, evidence, targets):
    """The answers of few rows at a time."""
    hard = {name: states.split(FEW - 1) for name, states in evidence.hard.items()}
    parts = [Evidence(dict(zip(hard, part, strict=True))) for part in zip(*hard.values(), strict=True)]
    found = [infer(graph, tables, part, targets) for part in parts]
    marginals = {name: torch.cat([each.marginal(name) for each in found]) for name in targets}
    return marginals, torch.cat([each.log_partition for each in found])


@given(questions())
@settings(max_examples=60, deadline=None)
def test_the_marginals_of_a_target_and_the_partitions_of_a_batch_are_those_of_the_listing(question):
    graph, tables, evidence, target = question
    assume(tables)  # which say that answers are in double precision
    expected = infer(graph, tables, evidence, [target], method=Enumeration())
    found = infer(graph, tables, evidence, [target])
    assert_close(infer(graph, tables, evidence, []).log_partition, expected.log_partition, 1e-9)
    assert_close(found.log_partition, expected.log_partition, 1e-9)
    possible = ~expected.impossible
    assert_close(found.marginal(target)[possible], expected.marginal(target)[possible], 1e-9)
    marginals, log_partition = one_by_one(graph, tables, evidence, [target])
    assert_close(found.marginal(target), marginals[target], 1e-12)
    assert_close(found.log_partition, log_partition, 1e-9)


@pytest.mark.parametrize("num_rows", [FEW - 1, FEW, 3 * WORD - 1, 3 * WORD, 3 * WORD + 1, 1100])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_rows_and_threads_changes_no_answer(num_rows, threads, generator):
    graph = star(Variable("label", 3), [f"m{i}" for i in range(4)])
    graph = FactorGraph(
        [*graph.variables, *(Variable(f"x{i}", 2) for i in range(6))],
        [*graph.factors, *(Factor(f"t{i}", ("label", f"x{i}")) for i in range(6)), Factor("p", ("x0", "x1", "x2"))],
    )
    tables, evidence = random_tables(graph, generator), random_rows(graph, num_rows, generator)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = infer(graph, tables, evidence, ["x3"])
        marginals, log_partition = one_by_one(graph, tables, evidence, ["x3"])
    finally:
        torch.set_num_threads(before)
    assert_close(found.marginal("x3"), marginals["x3"], 1e-12)
    assert_close(found.log_partition, log_partition, 1e-11)


def test_rows_of_deterministic_tables_that_contradict_each_other_are_impossible_and_others_are_not(generator):
    graph = bayesian_network([Variable(name, 2) for name in "abcd"], {"b": ["a"], "c": ["b"], "d": ["c"]})
    copies = torch.eye(2, dtype=torch.float64).log()
    tables = {name: copies if len(scope) > 1 else torch.zeros(2).double() for name, scope in graph.scopes.items()}
    evidence = random_rows(graph, 3 * WORD, generator)
    found = infer(graph, tables, evidence, [])
    seen = torch.stack([evidence.hard[name] for name in "abcd"])
    differ = ((seen == 0).any(dim=0)) & ((seen == 1).any(dim=0))
    assert torch.equal(found.impossible, differ) and differ.any() and not differ.all()


def test_tables_changed_in_place_are_read_anew(generator):
    graph = chain([Variable(f"v{i}", 3) for i in range(6)])
    tables, evidence = random_tables(graph, generator), random_rows(graph, 200, generator)
    first = infer(graph, tables, evidence, ["v2"]).marginal("v2")
    for table in tables.values():
        table.mul_(-1.0)
    found = infer(graph, tables, evidence, ["v2"]).marginal("v2")
    assert (found - first).abs().max() > 0.1
    assert_close(found, infer(graph, tables, evidence, ["v2"], method=Enumeration()).marginal("v2"), 1e-12)


@pytest.mark.parametrize("budget", [2**33, 2**18, 2**17, 2**16])
def test_memory_too_short_to_keep_all_changes_no_answer(budget, generator):
    graph = chain([Variable(f"v{i}", 12) for i in range(8)])
    tables, evidence = random_tables(graph, generator), random_rows(graph, 700, generator)
    found = infer(graph, tables, evidence, ["v7"], VariableElimination(budget))
    marginals, _ = one_by_one(graph, tables, evidence, ["v7"])
    assert_close(found.marginal("v7"), marginals["v7"], 1e-12)


def test_a_clique_of_more_factors_than_bits_is_answered_one_row_after_the_other(generator):
    variables = [Variable(name, 2) for name in "abc"]
    many = [Factor(f"f{i}", ("a", "b")) for i in range(MOST_BITS)]
    graph = FactorGraph(variables, [*many, Factor("tie", ("b", "c"))])
    tables, evidence = random_tables(graph, generator), random_rows(graph, FEW, generator)
    found, expected = (infer(graph, tables, evidence, ["c"], each) for each in (VariableElimination(), Enumeration()))
    assert_close(found.marginal("c"), expected.marginal("c"), 1e-12)


def test_batches_in_threads_of_their_own_do_not_disturb_each_other(generator):
    graph = chain([Variable(f"v{i}", 3) for i in range(9)])
    tables, evidence = random_tables(graph, generator), random_rows(graph, 600, generator)
    expected, _ = one_by_one(graph, tables, evidence, ["v4"])
    found = [None] * 4

    def ask(i):
        found[i] = infer(graph, tables, evidence, ["v4"]).marginal("v4")

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in found:
        assert_close(each, expected["v4"], 1e-12)


def test_many_rows_of_safe_constant_tables_are_a_batch_and_others_are_not(generator, monkeypatch):
    graph = chain([Variable(f"v{i}", 2) for i in range(5)])
    tables, evidence = random_tables(graph, generator), random_rows(graph, FEW, generator)
    deep = {name: 400 * table for name, table in tables.items()}
    per_row = {**tables, "v0": torch.zeros(FEW, 2, dtype=torch.float64)}
    sizes = []

    def spy(*args):
        sizes.append(len(args[2]))
        return answer_batch(*args)

    answer_batch = engine.answer_batch
    monkeypatch.setattr(engine, "answer_batch", spy)
    few = Evidence({name: states[: FEW - 1] for name, states in evidence.hard.items()})
    for asked, given_tables in ((evidence, deep), (evidence, per_row), (few, tables)):
        infer(graph, given_tables, asked, ["v0"])
    infer(graph, tables, evidence, ["v0", "v1"])
    assert sizes == []
    infer(graph, tables, evidence, ["v0"])
    assert sizes == [FEW]
