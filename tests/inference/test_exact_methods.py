"""Exact methods agree with the listing of all assignments, on any graph and under any evidence."""

from dataclasses import MISSING, fields

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import (
    Enumeration,
    Evidence,
    FactorGraph,
    Variable,
    VariableElimination,
    decode,
    infer,
    inference,
    log_score,
    markov_network,
    sample,
    star,
    tree,
)
from graphfuse.inference import InferenceMethod
from tests.families import members
from tests.graphs import BATCHES, assert_close, factor_graphs, random_evidence, random_log_potentials

EXACT = [
    method  # that has to be told nothing
    for method in members(inference, InferenceMethod, exact_on={"all"})
    if not any(each.default is MISSING and each.default_factory is MISSING for each in fields(method))
]


def grid(size: int = 3) -> FactorGraph:
    names = [f"x{i}{j}" for i in range(size) for j in range(size)]
    across = [(f"x{i}{j}", f"x{i}{j + 1}") for i in range(size) for j in range(size - 1)]
    down = [(f"x{i}{j}", f"x{i + 1}{j}") for i in range(size - 1) for j in range(size)]
    return markov_network([Variable(name, 2) for name in names], across + down)


def test_the_family_has_its_two_exact_members():
    assert set(EXACT) >= {Enumeration, VariableElimination}


@given(factor_graphs(), st.sampled_from(BATCHES), st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_contraction_equals_enumeration_on_any_graph(graph, batch, seed):
    generator = torch.Generator().manual_seed(seed)
    log_potentials = random_log_potentials(graph, batch, generator)
    evidence = random_evidence(graph, batch, generator)
    found = infer(graph, log_potentials, evidence)
    expected = infer(graph, log_potentials, evidence, method=Enumeration())
    assert_close(found.log_partition, expected.log_partition)
    assert_close(found.log_marginals, expected.log_marginals)
    names = graph.variable_names[:: max(1, len(graph.variables) // 2)][:3]
    assert_close(found.log_joint(names), expected.log_joint(names))
    assert_close(found.log_joint(names[::-1]), expected.log_joint(names[::-1]))


@given(factor_graphs(), st.sampled_from(BATCHES), st.integers(0, 2**31))
@settings(max_examples=100, deadline=None)
def test_the_decoded_assignment_has_the_best_score(graph, batch, seed):
    generator = torch.Generator().manual_seed(seed)
    log_potentials = random_log_potentials(graph, batch, generator)
    observed = {v.name: torch.randint(-1, v.num_states, batch, generator=generator) for v in graph.variables[::2]}
    evidence = Evidence(hard=observed)
    best = decode(graph, log_potentials, evidence)
    expected = decode(graph, log_potentials, evidence, method=Enumeration())
    score = log_score(graph, log_potentials, best)
    assert_close(score, log_score(graph, log_potentials, expected))
    for name, states in observed.items():
        assert bool(((states < 0) | (best[name] == states)).all())


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_answers_have_the_batch_shape_and_dtype_of_the_tables(method, batch, dtype, generator):
    graph = grid(2)
    log_potentials = random_log_potentials(graph, batch, generator, dtype)
    posterior = infer(graph, log_potentials, random_evidence(graph, batch, generator), method=method())
    assert posterior.log_partition.shape == batch
    assert posterior.impossible.shape == posterior.converged.shape == batch
    for variable in graph.variables:
        table = posterior.log_marginals[variable.name]
        assert table.shape == (*batch, variable.num_states) and table.dtype == dtype
        assert_close(table.exp().sum(-1), torch.ones(batch, dtype=dtype), 1e-5)
    assert posterior.joint(("x00", "x11")).shape == (*batch, 2, 2)
    assert decode(graph, log_potentials, method=method())["x00"].shape == batch


@pytest.mark.parametrize("method", EXACT)
def test_a_hidden_markov_chain_agrees_with_the_forward_algorithm(method, generator):
    initial, transition = torch.rand(3, generator=generator), torch.rand(3, 3, generator=generator)
    emission = torch.rand(6, 3, generator=generator).double()
    initial, transition = (initial / initial.sum()).double(), (transition / transition.sum(1, keepdim=True)).double()
    graph = tree([Variable(f"z{i}", 3) for i in range(6)], [(f"z{i}", f"z{i + 1}") for i in range(5)])
    tables = {f"z{i}": emission[i].log() + (initial.log() if i == 0 else 0) for i in range(6)}
    tables |= {f"z{i}-z{i + 1}": transition.log() for i in range(5)}
    forward = initial * emission[0]
    for i in range(1, 6):
        forward = forward @ transition * emission[i]
    posterior = infer(graph, tables, method=method())
    assert_close(posterior.log_partition, forward.sum().log())
    assert_close(posterior.marginal("z5"), forward / forward.sum())


@pytest.mark.parametrize("method", EXACT)
def test_an_impossible_row_is_flagged_and_leaves_its_neighbors_alone(method, generator):
    graph = grid(2)
    log_potentials = random_log_potentials(graph, (), generator)
    log_potentials["x00-x01"] = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]], dtype=torch.float64)
    states = torch.tensor([[0, 0], [0, 1], [-1, 1], [1, 1]])
    evidence = Evidence(hard={"x00": states[:, 0], "x01": states[:, 1]})
    posterior = infer(graph, log_potentials, evidence, method=method())
    assert posterior.impossible.tolist() == [False, True, False, False]
    assert posterior.log_partition[1] == -torch.inf
    for row in (0, 2, 3):
        alone = Evidence(hard={"x00": states[row, 0], "x01": states[row, 1]})
        expected = infer(graph, log_potentials, alone, method=Enumeration())
        assert_close(posterior.log_partition[row], expected.log_partition)
        for name in graph.variable_names:
            assert_close(posterior.log_marginals[name][row], expected.log_marginals[name])
    for table in [*posterior.log_marginals.values(), posterior.log_joint(("x00", "x11"))]:
        assert not table.isnan().any() and bool((table[1] == -torch.inf).all())
    best = decode(graph, log_potentials, evidence, method=method())
    assert all(int(found[1]) == -1 and int(found[0]) >= 0 for found in best.values())
    drawn = sample(graph, log_potentials, 4, generator, evidence, method=method())
    assert all(bool((found[:, 1] == -1).all()) for found in drawn.values())


@pytest.mark.parametrize("method", EXACT)
def test_an_observed_variable_is_a_point_mass(method, generator):
    graph = grid(2)
    evidence = Evidence(hard={"x01": torch.tensor([1, -1])})
    posterior = infer(graph, random_log_potentials(graph, (), generator), evidence, method=method())
    assert posterior.marginal("x01")[0].tolist() == [0.0, 1.0]
    assert 0 < float(posterior.marginal("x01")[1, 0]) < 1


@pytest.mark.parametrize("method", EXACT)
def test_samples_follow_the_posterior(method, generator):
    graph = grid(2)
    log_potentials = random_log_potentials(graph, (3,), generator)
    evidence = Evidence(hard={"x11": torch.tensor([0, 1, -1])})
    drawn = sample(graph, log_potentials, 20_000, generator, evidence, method=method())
    expected = infer(graph, log_potentials, evidence, method=Enumeration()).joint(("x00", "x11"))
    pairs = torch.nn.functional.one_hot(2 * drawn["x00"] + drawn["x11"], 4).double().mean(0).reshape(3, 2, 2)
    assert_close(pairs, expected, 0.02)


def test_hard_evidence_equals_soft_evidence_that_excludes_the_rest(generator):
    graph = grid()
    log_potentials = random_log_potentials(graph, (4,), generator)
    states = torch.tensor([0, 1, -1, 1])
    excluded = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0], [0.0, 0.0], [-torch.inf, 0.0]], dtype=torch.float64)
    hard = infer(graph, log_potentials, Evidence(hard={"x11": states}))
    soft = infer(graph, log_potentials, Evidence(soft={"x11": excluded}))
    assert_close(hard.log_partition, soft.log_partition)
    assert_close(dict(hard.log_marginals), dict(soft.log_marginals))


def test_a_batch_of_mixed_gaps_equals_its_rows_one_by_one(generator):
    graph = grid()
    log_potentials = random_log_potentials(graph, (8,), generator)
    evidence = random_evidence(graph, (8,), generator)
    whole = infer(graph, log_potentials, evidence)
    for row in range(8):
        tables = {
            name: table[row] if table.ndim > len(graph.scopes[name]) else table
            for name, table in log_potentials.items()
        }
        hard = {name: states[row] for name, states in evidence.hard.items()}
        soft = {name: table[row] for name, table in evidence.soft.items()}
        alone = infer(graph, tables, Evidence(hard, soft))
        assert_close(whole.log_partition[row], alone.log_partition)
        assert_close({k: v[row] for k, v in whole.log_marginals.items()}, dict(alone.log_marginals))


@given(factor_graphs(), st.integers(0, 2**31), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_variables_and_factors_changes_nothing(graph, seed, random):
    generator = torch.Generator().manual_seed(seed)
    log_potentials = random_log_potentials(graph, (3,), generator)
    variables, factors = list(graph.variables), list(graph.factors)
    random.shuffle(variables)
    random.shuffle(factors)
    found = infer(FactorGraph(variables, factors), log_potentials)
    expected = infer(graph, log_potentials)
    assert_close(found.log_partition, expected.log_partition)
    for name in graph.variable_names:
        assert_close(found.log_marginals[name], expected.log_marginals[name])


def test_the_order_of_rows_changes_nothing(generator):
    graph = grid()
    log_potentials = random_log_potentials(graph, (7,), generator)
    order = torch.randperm(7, generator=generator)
    shuffled = {
        name: table[order] if table.ndim > len(graph.scopes[name]) else table for name, table in log_potentials.items()
    }
    expected = infer(graph, log_potentials)
    assert_close(infer(graph, shuffled).log_partition, expected.log_partition[order])


def test_targets_restrict_the_answer_and_not_the_partition(generator):
    graph = grid()
    log_potentials = random_log_potentials(graph, (2,), generator)
    every, some = infer(graph, log_potentials), infer(graph, log_potentials, targets=["x22"])
    assert list(some.log_marginals) == ["x22"]
    assert_close(some.log_marginals["x22"], every.log_marginals["x22"])
    assert_close(some.log_partition, every.log_partition)
    assert infer(graph, log_potentials, targets=[]).log_marginals == {}


def test_log_potentials_of_any_size_neither_overflow_nor_vanish(generator):
    graph = grid()
    log_potentials = {name: 1e4 * t for name, t in random_log_potentials(graph, (6,), generator).items()}
    found, expected = infer(graph, log_potentials), infer(graph, log_potentials, method=Enumeration())
    assert_close(found.log_partition, expected.log_partition, 1e-9)
    for name in graph.variable_names:
        assert_close(found.marginal(name), expected.marginal(name), 1e-8)


def test_a_star_of_a_hundred_sources_is_the_product_of_its_factors(generator):
    graph = star(Variable("label", 3), [f"s{i}" for i in range(100)])
    log_potentials = random_log_potentials(graph, (4,), generator)
    expected = sum(table.expand(4, 3) for table in log_potentials.values()).log_softmax(-1)
    assert_close(infer(graph, log_potentials).log_marginals["label"], expected)


def test_variables_without_factors_are_uniform():
    graph = FactorGraph([Variable("free", 4)], [])
    posterior = infer(graph, {})
    assert_close(posterior.marginal("free"), torch.full((4,), 0.25))
    assert_close(posterior.log_partition, torch.tensor(4.0).log(), 1e-6)


def test_inference_runs_where_autograd_is_off(generator):
    graph = grid()
    log_potentials = random_log_potentials(graph, (3,), generator)
    expected = infer(graph, log_potentials).log_partition
    with torch.inference_mode():
        assert_close(infer(graph, log_potentials).log_partition, expected)


def test_a_query_beyond_the_memory_budget_is_refused_before_it_starts(generator):
    graph = grid()
    log_potentials = random_log_potentials(graph, (50,), generator)
    with pytest.raises(
        MemoryError, match=r"must be at least .*, for the hidden joint states of row 0 .*; got 100 bytes"
    ):
        infer(graph, log_potentials, method=VariableElimination(memory_budget=100, most_work=0))
    names = [f"v{i}" for i in range(40)]
    wide = markov_network([Variable(name, 2) for name in names], [tuple(names)])
    table = torch.zeros(()).expand(*[2] * 40)
    with pytest.raises(MemoryError, match="its largest clique joins 40 variables"):
        VariableElimination().run(wide, {name: table for name in wide.scopes}, Evidence(), [])
    with pytest.raises(MemoryError, match="max_entries of Enumeration must be at least"):
        infer(graph, log_potentials, method=Enumeration(max_entries=100))
