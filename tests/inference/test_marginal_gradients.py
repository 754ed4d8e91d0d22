"""Many marginals are differentiated at once, row by row: as those of the listing, to second order."""

from itertools import pairwise
from math import inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import grad, gradcheck, gradgradcheck

from graphfuse import Enumeration, Evidence, Factor, FactorGraph, Variable, VariableElimination, infer, markov_network
from graphfuse.inference.rows import engine, query, sliced
from tests.graphs import BATCHES, assert_close, factor_graphs, random_evidence

LOGS = VariableElimination()._in_logs
TIES = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("d", "e"), ("f", "g")]


@pytest.fixture(autouse=True, scope="module")
def all_marginals_are_differentiated_at_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(query, "MOST_ALONE", 0)
        yield


def loops(num_states=2):
    """A loop with a tail, and a pair by itself."""
    return markov_network([Variable(name, num_states) for name in "abcdefg"], TIES)


def question(graph, batch, seed, zeros=0.0, scale=1.0, dtype=torch.float64):
    """Tables that are learned, shared, per row, and over a part of the batch; and evidence, every row its own."""
    generator = torch.Generator().manual_seed(seed)
    tables = {}
    for i, factor in enumerate(graph.factors):
        own = ((), batch, batch[1:], (*batch[:1], *[1] * (len(batch) - 1)))[i % 4]
        table = scale * torch.randn((*own, *graph.shape(factor.scope)), generator=generator, dtype=torch.float64)
        gone = torch.rand(table.shape, generator=generator) < zeros
        tables[factor.name] = table.clamp(-1e4, 1e4).masked_fill(gone, -inf).to(dtype).requires_grad_()
    evidence = random_evidence(graph, batch, generator)
    soft = {name: table.to(dtype).requires_grad_() for name, table in evidence.soft.items()}
    return tables, Evidence(evidence.hard, soft)


def side_by_side(posterior, names):
    """Log-marginals ``(*batch, num_entries)``."""
    return torch.cat([posterior.log_marginals[name] for name in names], dim=-1)


def gradients(answer, learned, **options):
    """Of a weighted sum of what is possible."""
    if not answer.requires_grad:
        return [torch.zeros_like(table) for table in learned]
    weights = torch.linspace(-1.0, 2.0, answer.numel(), dtype=answer.dtype).reshape(answer.shape)
    total = (torch.where(answer > -inf, answer, 0.0) * weights).sum()
    return grad(total, learned, retain_graph=True, allow_unused=True, materialize_grads=True, **options)


def assert_same(found, expected, learned, tolerance=1e-9):
    expected = expected.expand_as(found)
    assert_close(found, expected, tolerance)
    for mine, theirs in zip(gradients(found, learned), gradients(expected, learned), strict=True):
        assert bool(mine.isfinite().all())
        assert_close(mine, theirs, tolerance)


@given(
    factor_graphs(),
    st.sampled_from(BATCHES),
    st.sampled_from([0.0, 0.15]),
    st.sampled_from([1.0, 30.0, 200.0, 1e4]),
    st.sampled_from([1, 2, 6]),
    st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_any_marginals_have_the_gradients_of_the_listing(graph, batch, zeros, scale, num_targets, seed):
    tables, evidence = question(graph, batch, seed, zeros, scale)
    learned, names = [*tables.values(), *evidence.soft.values()], graph.variable_names[-num_targets:]
    if not learned:
        return
    found = infer(graph, tables, evidence, names)
    listed = infer(graph, tables, evidence, names, Enumeration())
    assert_same(side_by_side(found, names), side_by_side(listed, names), learned)
    assert_same(found.log_partition, listed.log_partition, learned)
    assert torch.equal(found.impossible, listed.impossible)


@pytest.mark.parametrize("zeros", [0.0, 0.1])
@pytest.mark.parametrize("batch", [(), (5,), (2, 3), (600,)], ids=str)
@pytest.mark.parametrize("targets", ["abcdefg", "ac", "g"])
def test_marginals_of_a_loop_have_the_gradients_of_the_listing(targets, batch, zeros):
    graph = loops(3)
    tables, evidence = question(graph, batch, 1, zeros)
    learned = [*tables.values(), *evidence.soft.values()]
    found, listed = (infer(graph, tables, evidence, list(targets), m) for m in (VariableElimination(), Enumeration()))
    assert_same(side_by_side(found, targets), side_by_side(listed, targets), learned)


@pytest.mark.parametrize("targets", ["abcdefg", "b"])
@pytest.mark.parametrize("batch", [(), (2,)], ids=str)
def test_gradients_and_their_gradients_pass_numerical_checks(batch, targets):
    graph = loops()
    tables, evidence = question(graph, batch, 5)
    names, soft = list(tables), list(evidence.soft)

    def function(*learned):
        seen = Evidence(evidence.hard, dict(zip(soft, learned[len(names) :], strict=True)))
        posterior = infer(graph, dict(zip(names, learned[: len(names)], strict=True)), seen, list(targets))
        return side_by_side(posterior, targets).exp()

    learned = [*tables.values(), *evidence.soft.values()]
    assert gradcheck(function, learned)
    assert gradgradcheck(function, learned, fast_mode=bool(batch))  # along random directions where entries are many


def test_a_gradient_kept_for_differentiation_equals_the_plain_one():
    graph = loops(3)
    tables, evidence = question(graph, (6,), 2)
    learned = list(tables.values())
    found, listed = infer(graph, tables, evidence), infer(graph, tables, evidence, method=Enumeration())
    found, listed = (side_by_side(each, graph.variable_names) for each in (found, listed))
    kept, expected = (gradients(each, learned, create_graph=True) for each in (found, listed))
    for one, other in zip(gradients(found, learned), kept, strict=True):
        assert_close(one, other.detach(), 1e-9)
    second, theirs = (grad(sum((each**2).sum() for each in some), learned) for some in (kept, expected))
    for one, other in zip(second, theirs, strict=True):
        assert_close(one, other, 1e-9)


def test_in_single_precision_gradients_are_those_of_double_precision():
    graph = loops(4)
    tables, evidence = question(graph, (40,), 3, dtype=torch.float32)
    learned = [*tables.values(), *evidence.soft.values()]
    twice = {name: table.detach().double().requires_grad_() for name, table in tables.items()}
    soft = {name: table.detach().double().requires_grad_() for name, table in evidence.soft.items()}
    found = side_by_side(infer(graph, tables, evidence), graph.variable_names)
    exact = side_by_side(infer(graph, twice, Evidence(evidence.hard, soft), method=Enumeration()), graph.variable_names)
    assert found.dtype == torch.float32
    for one, other in zip(gradients(found, learned), gradients(exact, [*twice.values(), *soft.values()]), strict=True):
        assert one.dtype == torch.float32
        assert_close(one.double(), other, 1e-5)


def test_impossible_rows_have_gradient_zero_and_do_not_touch_others():
    graph = loops()
    tables, _ = question(graph, (3,), 4)
    tables["a-b"] = torch.tensor([[0.0, -inf], [-inf, 0.0]], dtype=torch.float64, requires_grad=True)
    tables["c"] = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    evidence = Evidence({"a": torch.tensor([0, 0, -1]), "b": torch.tensor([0, 1, -1])})
    found = infer(graph, tables, evidence)
    assert found.impossible.tolist() == [False, True, False]
    total = sum(found.marginal(name)[:, 0].square().sum() for name in graph.variable_names)
    own, shared = grad(total, [tables["c"], tables["a-b"]])
    assert own[1].tolist() == [0.0, 0.0] and bool(own.isfinite().all()) and bool(shared.isfinite().all())
    possible = torch.tensor([0, 2])
    kept = {name: t[possible] if t.ndim > len(graph.scopes[name]) else t for name, t in tables.items()}
    listed = infer(graph, kept, Evidence({n: s[possible] for n, s in evidence.hard.items()}), method=Enumeration())
    total = sum(listed.marginal(name)[:, 0].square().sum() for name in graph.variable_names)
    for mine, theirs in zip((own, shared), grad(total, [tables["c"], tables["a-b"]]), strict=True):
        assert_close(mine, theirs, 1e-9)


def test_improbable_states_have_the_gradients_of_logarithms():
    graph = loops(3)
    tables, _ = question(graph, (4,), 6)
    own = torch.zeros(4, 3, dtype=torch.float64)
    own[:, 0] = torch.tensor([-50.0, -300.0, -590.0, -3000.0], dtype=torch.float64)
    tables["e"] = own.requires_grad_()
    found = infer(graph, tables)
    assert found.num_in_logs == 1
    expected = LOGS(graph, tables, Evidence(), graph.variable_names)
    names = graph.variable_names
    assert_same(side_by_side(found, names), side_by_side(expected, names), list(tables.values()))


def test_factors_without_variables_and_variables_without_factors_bear_on_nothing():
    graph = FactorGraph([*loops().variables, Variable("alone", 3)], [*loops().factors, Factor("all", ())])
    tables, evidence = question(graph, (3,), 7)
    tables["all"] = torch.tensor([0.5, -inf, 2.0], dtype=torch.float64, requires_grad=True)
    learned, names = list(tables.values()), graph.variable_names
    found, listed = infer(graph, tables, evidence), infer(graph, tables, evidence, method=Enumeration())
    assert_same(side_by_side(found, names), side_by_side(listed, names), learned)


@pytest.mark.parametrize("targets", ["abcdefg", "ce", "c"])
def test_rows_with_trees_of_their_own_have_the_gradients_of_the_listing(targets, monkeypatch):
    graph = loops(3)
    tables, evidence = question(graph, (9,), 8)
    for module, name in ((engine, "WORTH"), (sliced, "WORTH"), (sliced, "SAVED")):
        monkeypatch.setattr(module, name, 0)
    engine.own_layout_of.cache_clear()
    found, listed = (infer(graph, tables, evidence, list(targets), m) for m in (VariableElimination(), Enumeration()))
    learned = [*tables.values(), *evidence.soft.values()]
    assert_same(side_by_side(found, targets), side_by_side(listed, targets), learned)
    assert engine.own_layout_of.cache_info().currsize
    engine.own_layout_of.cache_clear()


def test_little_memory_has_the_same_gradients():
    cells = [[f"x{i}{j}" for j in range(3)] for i in range(3)]
    ties = [pair for line in (*cells, *zip(*cells, strict=True)) for pair in pairwise(line)]
    graph = markov_network([Variable(name, 3) for line in cells for name in line], ties)
    tables, _ = question(graph, (2,), 9)
    learned, names = list(tables.values()), graph.variable_names
    listed = side_by_side(infer(graph, tables, method=Enumeration()), names)
    for budget in (1000, 2000, 4000, 8000, 16000):
        found = side_by_side(infer(graph, tables, method=VariableElimination(memory_budget=budget)), names)
        assert_same(found, listed, learned)
