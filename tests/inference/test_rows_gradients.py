"""The log-partition of rows is differentiable: its gradient is that of the general rule, to second order."""

from math import inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import grad, gradcheck, gradgradcheck

from graphfuse import Evidence, Factor, FactorGraph, Variable, VariableElimination, infer, markov_network
from graphfuse.inference.rows import query
from tests.graphs import assert_close, factor_graphs, random_evidence, random_log_potentials

LOGS = VariableElimination()._in_logs


@pytest.fixture(autouse=True, scope="module")
def small_graphs_are_learned_row_by_row_too():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(query, "WIDE", 0)
        yield


TIES = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("d", "e")]


def loop(num_states=2):
    return markov_network([Variable(name, num_states) for name in "abcde"], TIES)


def log_partition(graph, tables, evidence):
    return infer(graph, tables, evidence, targets=[]).log_partition


def gradients(answer, tables, weights, **options):
    """Of the weighted sum over the rows that are possible."""
    total = torch.where(answer > -inf, answer, 0.0) * weights
    return grad(total.sum(), tables, allow_unused=True, materialize_grads=True, **options)


def question(graph, batch, generator, zeros=0.0, scale=1.0, dtype=torch.float64):
    """Tables and soft evidence that are learned, hard evidence, weights of rows."""
    tables = random_log_potentials(graph, batch, generator, dtype)
    evidence = random_evidence(graph, batch, generator)
    soft = {name: table.to(dtype) for name, table in evidence.soft.items()}
    for each in (tables, soft):
        for name, table in each.items():
            gone = torch.rand(table.shape, generator=generator) < zeros
            each[name] = (scale * table).masked_fill(gone, -inf).requires_grad_()
    weights = torch.randn(batch, generator=generator, dtype=dtype)
    return tables, Evidence(evidence.hard, soft), weights


@given(
    factor_graphs(),
    st.sampled_from([(), (5,), (2, 3), (0,)]),
    st.sampled_from([0.0, 0.15]),
    st.sampled_from([1.0, 200.0, 5000.0]),
    st.integers(0, 2**31),
)
@settings(max_examples=80, deadline=None)
def test_the_gradient_is_that_of_the_general_rule(graph, batch, zeros, scale, seed):
    tables, evidence, weights = question(graph, batch, torch.Generator().manual_seed(seed), zeros, scale)
    learned = [*tables.values(), *evidence.soft.values()]
    if not learned:
        return
    found = log_partition(graph, tables, evidence)
    expected = LOGS(graph, tables, evidence, ()).log_partition
    assert_close(found, expected, 1e-9)
    for mine, theirs in zip(gradients(found, learned, weights), gradients(expected, learned, weights), strict=True):
        assert_close(mine, theirs, 1e-9)


def test_in_single_precision_the_gradient_has_the_dtype_of_the_tables(generator):
    graph = loop(3)
    tables, evidence, weights = question(graph, (4,), generator, dtype=torch.float32)
    learned = [*tables.values(), *evidence.soft.values()]
    doubled = {name: table.detach().double().requires_grad_() for name, table in tables.items()}
    soft = {name: table.detach().double().requires_grad_() for name, table in evidence.soft.items()}
    expected = LOGS(graph, doubled, Evidence(evidence.hard, soft), ()).log_partition
    theirs = gradients(expected, [*doubled.values(), *soft.values()], weights.double())
    for mine, exact in zip(gradients(log_partition(graph, tables, evidence), learned, weights), theirs, strict=True):
        assert mine.dtype == torch.float32
        assert_close(mine, exact.float(), 1e-5)


@pytest.mark.parametrize("batch", [(), (2,)], ids=str)
def test_the_gradient_and_its_gradient_pass_numerical_checks(batch, generator):
    graph = loop()
    tables, evidence, _ = question(graph, batch, generator)
    names, soft = list(tables), list(evidence.soft)

    def function(*learned):
        given_tables = dict(zip(names, learned[: len(names)], strict=True))
        return log_partition(
            graph, given_tables, Evidence(evidence.hard, dict(zip(soft, learned[len(names) :], strict=True)))
        )

    learned = [*tables.values(), *evidence.soft.values()]
    assert gradcheck(function, learned)
    assert gradgradcheck(function, learned)


def test_a_gradient_kept_for_differentiation_equals_the_plain_one(generator):
    graph = loop()
    tables, evidence, weights = question(graph, (6,), generator)
    learned = list(tables.values())
    plain = gradients(log_partition(graph, tables, evidence), learned, weights)
    kept = gradients(log_partition(graph, tables, evidence), learned, weights, create_graph=True)
    expected = gradients(LOGS(graph, tables, evidence, ()).log_partition, learned, weights, create_graph=True)
    for one, other in zip(plain, kept, strict=True):
        assert_close(one, other.detach(), 1e-9)
    second, theirs = (grad(sum((each**2).sum() for each in found), learned) for found in (kept, expected))
    for one, other in zip(second, theirs, strict=True):
        assert_close(one, other, 1e-9)


def test_impossible_rows_have_gradient_zero_and_do_not_touch_others(generator):
    graph = loop()
    tables, _, _ = question(graph, (3,), generator)
    tables["a-b"] = torch.tensor([[0.0, -inf], [-inf, 0.0]], dtype=torch.float64, requires_grad=True)
    own = torch.randn(3, 2, dtype=torch.float64, generator=generator).requires_grad_()
    tables["c"] = own
    evidence = Evidence({"a": torch.tensor([0, 0, -1]), "b": torch.tensor([0, 1, -1])})
    found = log_partition(graph, tables, evidence)
    assert found.isfinite().tolist() == [True, False, True]
    mine = gradients(found, [own, tables["a-b"]], torch.ones(3))
    assert mine[0][1].tolist() == [0.0, 0.0] and not any(each.isnan().any() for each in mine)
    possible = torch.tensor([0, 2])
    kept = {name: t[possible] if t.ndim > len(graph.scopes[name]) else t for name, t in tables.items()}
    hard = {name: states[possible] for name, states in evidence.hard.items()}
    theirs = gradients(LOGS(graph, kept, Evidence(hard), ()).log_partition, [own, tables["a-b"]], torch.ones(2))
    for one, other in zip(mine, theirs, strict=True):
        assert_close(one, other, 1e-9)


def test_a_factor_of_zero_without_variables_leaves_no_gradient(generator):
    graph = FactorGraph(loop().variables, [*loop().factors, Factor("all", ())])
    tables, evidence, _ = question(graph, (2,), generator)
    tables["all"] = torch.tensor([0.5, -inf], dtype=torch.float64, requires_grad=True)
    found = log_partition(graph, tables, evidence)
    for one, other in zip(
        gradients(found, list(tables.values()), torch.ones(2)),
        gradients(LOGS(graph, tables, evidence, ()).log_partition, list(tables.values()), torch.ones(2)),
        strict=True,
    ):
        assert_close(one, other, 1e-9)


def test_rows_of_which_one_is_in_logarithms_have_the_gradient_of_each_alone(generator):
    graph = loop(3)
    tables, evidence, weights = question(graph, (4,), generator)
    own = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    own[2, 0] = -3000.0
    tables["e"] = own.requires_grad_()
    shared = tables["a"]
    mine = gradients(log_partition(graph, tables, evidence), [own, shared], weights)
    total = torch.zeros_like(shared)
    for row in range(4):
        alone = {name: t[row] if t.ndim > len(graph.scopes[name]) else t for name, t in tables.items()}
        soft = {name: table[row] for name, table in evidence.soft.items()}
        seen = Evidence({name: states[row] for name, states in evidence.hard.items()}, soft)
        theirs = gradients(log_partition(graph, alone, seen), [own, shared], weights[row])
        assert_close(mine[0][row], theirs[0][row], 1e-9)
        total += theirs[1]
    assert_close(mine[1], total, 1e-9)


def test_the_gradient_does_not_depend_on_the_number_of_threads(generator):
    graph = loop(3)
    tables, evidence, weights = question(graph, (2000,), generator)
    learned = [*tables.values(), *evidence.soft.values()]
    before, found = torch.get_num_threads(), []
    try:
        for num_threads in (1, 2):
            torch.set_num_threads(num_threads)
            found.append(gradients(log_partition(graph, tables, evidence), learned, weights))
    finally:
        torch.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        assert_close(one, other, 1e-11)


def test_the_gradient_in_hidden_and_observed_entries_is_their_expected_count(generator):
    graph = loop()
    tables, _, _ = question(graph, (3,), generator)
    evidence = Evidence({"a": torch.tensor([1, -1, 0])})
    (mine,) = grad(log_partition(graph, tables, evidence).sum(), tables["d-e"])
    fixed = {name: table.detach() for name, table in tables.items()}
    pair = infer(graph, fixed, evidence).joint(graph.scopes["d-e"])
    assert_close(mine, pair if tables["d-e"].ndim == 3 else pair.sum(0), 1e-9)
