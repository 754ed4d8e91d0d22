"""Rows keep every positive probability, however small, and every zero, however it came about."""

from math import inf, log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import Enumeration, Evidence, Factor, FactorGraph, Variable, VariableElimination, infer
from graphfuse.graph import bayesian_network, chain, markov_network, tree
from tests.graphs import assert_close, factor_graphs, random_evidence

LOGS = VariableElimination()._in_logs


def binary(names):
    return [Variable(name, 2) for name in names]


def log_table(values):
    return torch.tensor(values, dtype=torch.float64).log()


def assert_as_in_logs(graph, tables, evidence, targets=None, tolerance=1e-9):
    found = infer(graph, tables, evidence, targets)
    expected = LOGS(graph, tables, evidence, graph.variable_names if targets is None else targets)
    assert_close(found.log_partition, expected.log_partition, tolerance)
    assert_close(dict(found.log_marginals), dict(expected.log_marginals), tolerance)
    return found


@given(
    factor_graphs(),
    st.sampled_from([(), (4,)]),
    st.sampled_from([3.0, 30.0, 150.0, 400.0, 1e4]),
    st.sampled_from([0.0, 0.15]),
    st.integers(0, 2**31),
)
@settings(max_examples=80, deadline=None)
def test_tables_of_any_range_are_answered_as_by_the_listing(graph, batch, scale, zeros, seed):
    generator = torch.Generator().manual_seed(seed)
    tables = {}
    for i, factor in enumerate(graph.factors):
        shape = (*(batch if i % 2 else ()), *graph.shape(factor.scope))
        table = (scale * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)).clamp(-1e4, 1e4)
        tables[factor.name] = table.masked_fill(torch.rand(shape, generator=generator) < zeros, -inf)
    evidence = random_evidence(graph, batch, generator)
    for targets in (None, graph.variable_names[:1], graph.variable_names[-2:], []):
        found = infer(graph, tables, evidence, targets)
        expected = infer(graph, tables, evidence, targets, method=Enumeration())
        assert_close(found.log_partition, expected.log_partition, 1e-9)
        for name, table in found.log_marginals.items():
            possible = ~expected.impossible
            assert_close(table[possible], expected.log_marginals[name].expand_as(table)[possible], 1e-9)


@pytest.mark.parametrize("step", [100.0, 290.0, 400.0, 590.0])
def test_a_state_of_minus_many_hundred_nats_has_a_finite_log_marginal(step):
    graph = tree(binary("abcd"), [("a", "b"), ("b", "c"), ("c", "d")])
    tables = {factor.name: torch.zeros(graph.shape(factor.scope), dtype=torch.float64) for factor in graph.factors}
    for pair in ("a-b", "b-c", "c-d"):
        tables[pair] = torch.tensor([[0.0, -step], [-inf, 0.0]], dtype=torch.float64)
    tables["a"] = torch.tensor([0.0, -step], dtype=torch.float64)
    tables["d"] = torch.tensor([0.0, -step], dtype=torch.float64)  # beside a = 0: -2 or, by one of three ways, -step
    tables["c"] = torch.tensor([0.0, -step], dtype=torch.float64)
    for targets in (None, ["a"], ["c"], ["a", "d"]):
        found = assert_as_in_logs(graph, tables, Evidence(), targets)
        assert all(bool(table.isfinite().all()) for table in found.log_marginals.values())


def test_the_least_likely_state_far_down_a_tree_is_found_in_every_row_and_neighbors_stay_fast():
    graph = chain(binary([f"x{i}" for i in range(40)]))
    stay = torch.tensor([[0.0, -30.0], [-inf, 0.0]], dtype=torch.float64)
    tables = {
        name: torch.zeros(2, dtype=torch.float64) if len(scope) == 1 else stay for name, scope in graph.scopes.items()
    }
    pull = torch.zeros(3, 2, dtype=torch.float64)
    pull[1, 1] = -590.0
    soft = {"x0": pull, "x39": pull, "x20": pull}
    found = assert_as_in_logs(graph, tables, Evidence(soft=soft))
    assert found.num_in_logs == 1
    assert float(found.log_marginals["x0"][1, 1]) < -1700


@pytest.mark.parametrize("observed", [False, True], ids=["hidden", "observed"])
def test_many_small_observed_entries_do_not_make_a_row_impossible(observed):
    names = [f"x{i}" for i in range(8)]
    graph = bayesian_network([Variable("y", 2), *binary(names)], {name: ["y"] for name in names})
    small = 1e-200
    child = log_table([[1 - small, small], [1 - 0.5 * small, 0.5 * small]])
    tables = {"y": log_table([0.3, 0.7]), **dict.fromkeys(names, child)}
    hard = {name: torch.tensor([1, 0, -1]) for name in names}
    if observed:
        hard["y"] = torch.tensor([0, -1, 1])
    for targets in (None, ["y"], ["x3"], ["x3", "y"]):
        found = assert_as_in_logs(graph, tables, Evidence(hard), targets)
        assert not found.impossible.any()
    if not observed:
        assert float(infer(graph, tables, Evidence(hard)).log_partition[0]) == pytest.approx(
            8 * log(small) + log(0.3 + 0.7 * 0.5**8)
        )


def test_a_cause_with_hundreds_of_observed_effects_is_answered_without_logarithms(generator):
    names = [f"x{i}" for i in range(400)]
    graph = bayesian_network(
        [Variable("y", 3), Variable("z", 2), *binary(names)], {"z": ["y"], **{x: ["y"] for x in names}}
    )
    child = (0.05 + 0.4 * torch.rand(3, 2, generator=generator, dtype=torch.float64)).log().log_softmax(-1)
    tables = {"y": log_table([0.2, 0.3, 0.5]), "z": log_table([[0.1, 0.9], [0.5, 0.5], [0.6, 0.4]])}
    tables |= dict.fromkeys(names, child)
    hard = {name: (torch.rand(4, generator=generator) < child[1, 1].exp()).long() for name in names}
    evidence = Evidence(hard)
    for targets in (None, ["y"], ["z", "y"]):
        found = assert_as_in_logs(graph, tables, evidence, targets)
        assert found.num_in_logs == 0
    assert float(found.log_partition.max()) < -100


def test_chains_of_any_length_neither_vanish_nor_lose_digits(generator):
    length = 1000
    graph = chain([Variable(f"x{i}", 2) for i in range(length)])
    pair = torch.tensor([[1e-3, 2e-5], [3e-7, 1e-4]], dtype=torch.float64)
    tables = {name: pair.log() if len(scope) == 2 else torch.zeros(2).double() for name, scope in graph.scopes.items()}
    message, logs = torch.ones(2, dtype=torch.float64), 0.0
    for _ in range(length - 1):
        message = pair @ message
        logs += float(message.sum().log())
        message = message / message.sum()
    found = infer(graph, tables)
    assert float(found.log_partition) == pytest.approx(logs + log(float(message.sum())), abs=1e-8, rel=1e-12)
    assert_close(found.marginal("x0"), message, 1e-9)
    alone = infer(graph, tables, targets=["x0"])
    assert_close(alone.log_marginals["x0"], found.log_marginals["x0"], 1e-9)
    assert found.num_in_logs == alone.num_in_logs == 0
    tables["x0"].requires_grad_()
    (gradient,) = torch.autograd.grad(infer(graph, tables, targets=[]).log_partition, tables["x0"])
    assert_close(gradient, message, 1e-9)


def test_parity_of_many_bits_is_exact(generator):
    length = 60
    names = [f"s{i}" for i in range(length + 1)]
    graph = FactorGraph(
        [*binary(names), *binary([f"b{i}" for i in range(length)])],
        [Factor(f"f{i}", (names[i], f"b{i}", names[i + 1])) for i in range(length)] + [Factor("start", ("s0",))],
    )
    flip = torch.full((2, 2, 2), -inf, dtype=torch.float64)
    for a in range(2):
        for b in range(2):
            flip[a, b, a ^ b] = 0.0
    tables = {**{f"f{i}": flip for i in range(length)}, "start": torch.tensor([0.0, -inf], dtype=torch.float64)}
    bits = torch.randint(0, 2, (5, length), generator=generator)
    seen = {f"b{i}": bits[:, i] for i in range(1, length)}
    parity = bits[:, 1:].sum(1) % 2
    found = infer(graph, tables, Evidence({**seen, names[-1]: torch.tensor([0, 1, 0, 1, -1])}))
    expected = torch.tensor([0, 1, 0, 1]) ^ parity[:4]
    assert torch.equal(found.marginal("b0")[:4], torch.nn.functional.one_hot(expected, 2).double())
    assert_close(found.log_partition, torch.tensor([0, 0, 0, 0, log(2)], dtype=torch.float64))
    contradicted = infer(graph, tables, Evidence({**seen, "b0": 1 - expected.new_zeros(5), names[-1]: parity}))
    assert bool(contradicted.impossible.all())


def test_a_product_of_many_small_entries_within_one_clique_is_told_from_zero():
    names = "abc"
    pairs = [("a", "b"), ("b", "c"), ("a", "c")]
    graph = FactorGraph(
        binary([*names, "d"]),
        [Factor(f"f{i}", pairs[i % 3]) for i in range(9)] + [Factor("zero", ("a", "b", "c")), Factor("d", ("c", "d"))],
    )
    tables = {f"f{i}": torch.tensor([[0.0, -150.0], [-150.0, -300.0]], dtype=torch.float64) for i in range(9)}
    tables["d"] = torch.zeros(2, 2, dtype=torch.float64)
    tables["zero"] = torch.zeros(2, 2, 2, dtype=torch.float64)
    assert float(assert_as_in_logs(graph, tables, Evidence()).log_marginals["a"][1]) == pytest.approx(-900)
    tables["zero"][0, 0, 0] = tables["zero"][1] = -inf
    found = assert_as_in_logs(graph, tables, Evidence())
    assert float(found.log_marginals["a"][1]) == -inf and bool(found.log_marginals["b"].isfinite().all())


def test_a_row_in_logarithms_leaves_its_neighbors_alone_and_is_counted(generator):
    graph = markov_network(binary("abcde"), [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "a")])
    tables = {
        factor.name: torch.randn(graph.shape(factor.scope), generator=generator).double() for factor in graph.factors
    }
    tables["c"] = torch.randn(6, 2, generator=generator).double()
    usual = infer(graph, tables)
    assert usual.num_in_logs == 0
    tables["c"] = tables["c"].clone()
    tables["c"][[1, 4], 0] = -5000.0
    found = assert_as_in_logs(graph, tables, Evidence())
    assert found.num_in_logs == 2
    for name in graph.variable_names:
        assert torch.equal(found.log_marginals[name][[0, 2, 3, 5]], usual.log_marginals[name][[0, 2, 3, 5]])


def test_rows_in_logarithms_take_turns_where_memory_is_short(generator):
    graph = chain(binary([f"x{i}" for i in range(30)]))
    tables = {
        name: 700 * torch.randn(200, *graph.shape(scope), generator=generator, dtype=torch.float64)
        for name, scope in graph.scopes.items()
    }
    method = VariableElimination(memory_budget=20 * 2 * 8 * 29 * 4)  # twenty rows of log tables
    tables["x0"].requires_grad_()
    with pytest.raises(MemoryError, match="for 200 rows"):
        method._in_logs(graph, tables, Evidence(), [])
    tables["x0"].requires_grad_(False)
    found, expected = infer(graph, tables, method=method), LOGS(graph, tables, Evidence(), graph.variable_names)
    assert found.num_in_logs == 200
    assert_close(found.log_partition, expected.log_partition, 1e-9)
    assert_close(dict(found.log_marginals), dict(expected.log_marginals), 1e-9)
