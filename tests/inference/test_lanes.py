"""Rows learned side by side have the answers and gradients of the listing, whatever they observed and were asked."""

import gc
from itertools import pairwise
from math import inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import grad, gradcheck, gradgradcheck

from graphfuse import Enumeration, Evidence, Factor, FactorGraph, Variable, VariableElimination, infer, markov_network
from graphfuse.inference.lanes.latest import Latest
from graphfuse.inference.rows import query
from tests.graphs import BATCHES, assert_close, factor_graphs, random_evidence

LOGS = VariableElimination()._in_logs
TIES = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("d", "e")]


def loop(num_states=2):
    return markov_network([Variable(name, num_states) for name in "abcde"], TIES)


def question(graph, batch, seed, zeros=0.0, scale=1.0, dtype=torch.float64):
    """Tables of every kind that are learned, shared, per row, and over a part of the batch; and evidence."""
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


def gradients(answer, learned, **options):
    """Of a weighted sum of what is possible."""
    if not answer.requires_grad:
        return [torch.zeros_like(table) for table in learned]
    weights = torch.linspace(-1.0, 2.0, answer.numel(), dtype=answer.dtype).reshape(answer.shape)
    total = (torch.where(answer > -inf, answer, 0.0) * weights).sum()
    return grad(total, learned, retain_graph=True, allow_unused=True, materialize_grads=True, **options)


def assert_same(found, expected, learned, tolerance):
    assert_close(found, expected.expand_as(found), tolerance)
    for mine, theirs in zip(gradients(found, learned), gradients(expected.expand_as(found), learned), strict=True):
        assert bool(mine.isfinite().all())
        assert_close(mine, theirs, tolerance)


@given(
    factor_graphs(),
    st.sampled_from(BATCHES),
    st.sampled_from([0.0, 0.15]),
    st.sampled_from([1.0, 30.0, 200.0, 1e4]),
    st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_log_partitions_and_marginals_have_the_gradients_of_the_listing(graph, batch, zeros, scale, seed):
    tables, evidence = question(graph, batch, seed, zeros, scale)
    learned = [*tables.values(), *evidence.soft.values()]
    if not learned:
        return
    names = graph.variable_names[:2]
    found = infer(graph, tables, evidence, targets=names)
    listed = infer(graph, tables, evidence, targets=names, method=Enumeration())
    assert_same(found.log_partition, listed.log_partition, learned, 1e-9)
    assert torch.equal(found.impossible, listed.impossible)
    for name in names:
        assert_same(found.log_marginals[name], listed.log_marginals[name], learned, 1e-9)


@pytest.mark.parametrize("num_rows", [1, 7, 8, 511, 512, 513, 1030])
def test_any_number_of_rows_fills_the_blocks(num_rows, generator):
    graph = loop(3)
    tables, evidence = question(graph, (num_rows,), 0)
    learned = [*tables.values(), *evidence.soft.values()]
    found = infer(graph, tables, evidence, targets=["d"])
    expected = LOGS(graph, tables, evidence, ("d",))
    assert_same(found.log_partition, expected.log_partition, learned, 1e-9)
    assert_same(found.log_marginals["d"], expected.log_marginals["d"], learned, 1e-9)


@pytest.mark.parametrize("targets", [(), ("a",), ("a", "e")], ids=str)
def test_in_single_precision_answers_are_those_of_double_precision(targets):
    graph = loop(4)
    tables, evidence = question(graph, (40,), 3, dtype=torch.float32)
    learned = [*tables.values(), *evidence.soft.values()]
    twice = {name: table.detach().double().requires_grad_() for name, table in tables.items()}
    soft = {name: table.detach().double().requires_grad_() for name, table in evidence.soft.items()}
    found = infer(graph, tables, evidence, targets)
    listed = infer(graph, twice, Evidence(evidence.hard, soft), targets, Enumeration())
    pairs = [(found.log_partition, listed.log_partition)]
    pairs += [(found.log_marginals[name], listed.log_marginals[name]) for name in targets]
    for mine, exact in pairs:
        assert mine.dtype == torch.float32
        assert_close(mine.double(), exact, 1e-5)
        both = gradients(mine, learned), gradients(exact, [*twice.values(), *soft.values()])
        for one, other in zip(*both, strict=True):
            assert one.dtype == torch.float32
            assert_close(one.double(), other, 1e-5)


@pytest.mark.parametrize("targets", [(), ("c",)], ids=str)
@pytest.mark.parametrize("batch", [(), (2,)], ids=str)
def test_gradients_and_their_gradients_pass_numerical_checks(batch, targets):
    graph = loop()
    tables, evidence = question(graph, batch, 5)
    names, soft = list(tables), list(evidence.soft)

    def function(*learned):
        seen = Evidence(evidence.hard, dict(zip(soft, learned[len(names) :], strict=True)))
        posterior = infer(graph, dict(zip(names, learned[: len(names)], strict=True)), seen, targets)
        return posterior.log_marginals["c"] if targets else posterior.log_partition

    learned = [*tables.values(), *evidence.soft.values()]
    assert gradcheck(function, learned)
    assert gradgradcheck(function, learned, fast_mode=bool(batch))  # along random directions where entries are many


def test_a_gradient_kept_for_differentiation_equals_the_plain_one():
    graph = loop()
    tables, evidence = question(graph, (6,), 1)
    learned = list(tables.values())
    answer = infer(graph, tables, evidence, targets=["b"])
    for each in (answer.log_partition, answer.log_marginals["b"]):
        kept = gradients(each, learned, create_graph=True)
        for one, other in zip(gradients(each, learned), kept, strict=True):
            assert_close(one, other.detach(), 1e-9)


def test_long_chains_of_small_numbers_do_without_logarithms(generator):
    names = [f"x{i}" for i in range(60)]
    graph = markov_network([Variable(name, 2) for name in names], list(pairwise(names)))
    tables = {
        name: (40 * torch.rand(5, *graph.shape(scope), generator=generator, dtype=torch.float64)).requires_grad_()
        for name, scope in graph.scopes.items()
    }
    found = infer(graph, tables, targets=["x30"])
    expected = LOGS(graph, tables, Evidence(), ("x30",))
    assert found.num_in_logs == 0
    assert_same(found.log_partition, expected.log_partition, list(tables.values()), 1e-9)
    assert_same(found.log_marginals["x30"], expected.log_marginals["x30"], list(tables.values()), 1e-9)


def test_rows_beyond_probabilities_are_counted_and_leave_their_neighbors_alone():
    graph = loop(3)
    tables, _ = question(graph, (6,), 2)
    usual = infer(graph, tables, targets=["c"])
    assert usual.num_in_logs == 0
    before = gradients(usual.log_partition, [tables["b"]])[0]
    with torch.no_grad():
        tables["b"][[1, 4], 0] = -1e4
    found = infer(graph, tables, targets=["c"])
    assert found.num_in_logs == 2
    same = [0, 2, 3, 5]
    assert torch.equal(found.log_marginals["c"][same], usual.log_marginals["c"][same])
    assert torch.equal(gradients(found.log_partition, [tables["b"]])[0][same], before[same])
    expected = LOGS(graph, tables, Evidence(), ("c",))
    assert_same(found.log_marginals["c"], expected.log_marginals["c"], list(tables.values()), 1e-9)


def test_impossible_rows_have_gradient_zero_and_do_not_touch_others():
    graph = loop()
    tables, _ = question(graph, (3,), 4)
    tables["a-b"] = torch.tensor([[0.0, -inf], [-inf, 0.0]], dtype=torch.float64, requires_grad=True)
    tables["c"] = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    evidence = Evidence({"a": torch.tensor([0, 0, -1]), "b": torch.tensor([0, 1, -1])})
    found = infer(graph, tables, evidence, targets=["d"])
    assert found.impossible.tolist() == [False, True, False]
    assert found.log_marginals["d"][1].tolist() == [-inf, -inf]
    for answer in (found.log_partition, found.log_marginals["d"]):
        for each in grad(answer[~found.impossible].sum(), [tables["c"], tables["a-b"]], retain_graph=True):
            assert bool(each.isfinite().all())
        assert grad(answer[1].sum(), tables["c"], retain_graph=True)[0].tolist() == [[0.0, 0.0]] * 3


def test_a_factor_without_variables_has_the_weight_of_its_rows():
    graph = FactorGraph(loop().variables, [*loop().factors, Factor("all", ()), Factor("each", ())])
    tables, evidence = question(graph, (3,), 6)
    tables["all"] = torch.tensor([0.5, -inf, 2.0], dtype=torch.float64, requires_grad=True)
    tables["each"] = torch.tensor(0.25, dtype=torch.float64, requires_grad=True)
    found = infer(graph, tables, evidence, targets=["a"])
    listed = infer(graph, tables, evidence, targets=["a"], method=Enumeration())
    assert_same(found.log_partition, listed.log_partition, list(tables.values()), 1e-9)
    assert_same(found.log_marginals["a"], listed.log_marginals["a"], list(tables.values()), 1e-9)


def test_small_and_wide_graphs_are_learned_alike(monkeypatch):
    graph = loop(3)
    tables, evidence = question(graph, (9,), 7)
    learned = [*tables.values(), *evidence.soft.values()]
    small = infer(graph, tables, evidence, targets=()).log_partition
    monkeypatch.setattr(query, "WIDE", 0)
    wide = infer(graph, tables, evidence, targets=()).log_partition
    assert_same(small, wide, learned, 1e-9)


def test_a_table_that_was_changed_in_place_is_read_anew():
    graph = loop()
    tables, evidence = question(graph, (4,), 8)
    first = infer(graph, tables, evidence, targets=()).log_partition
    again = infer(graph, tables, evidence, targets=()).log_partition
    assert torch.equal(first, again)
    tables["a"].data += torch.tensor([3.0, 0.0], dtype=torch.float64)  # which no version tells
    found = infer(graph, tables, evidence, targets=()).log_partition
    assert_close(found, LOGS(graph, tables, evidence, ()).log_partition)
    with torch.no_grad():
        tables["a"][0] = inf
    with pytest.raises(ValueError, match=r"log_potentials\['a'\] must be free of nan and \+inf"):
        infer(graph, tables, evidence, targets=())


def test_tables_are_loaded_once_for_several_answers_and_go_with_them():
    graph = loop()
    tables, _ = question(graph, (4,), 9)
    latest, scoped = Latest(), [(scope, tables[name]) for name, scope in graph.scopes.items()]
    first = latest.load(graph, scoped, torch.Size([4]))
    assert latest.load(graph, scoped, torch.Size([4])) is first
    del first
    gc.collect()
    assert latest._kept is not None and latest._kept() is None


def test_the_same_numbers_from_elsewhere_have_gradients_of_their_own():
    graph = loop()
    tables, _ = question(graph, (4,), 10)
    first = infer(graph, tables, targets=()).log_partition
    others = {name: table.detach().clone().requires_grad_() for name, table in tables.items()}
    total = first.sum() + 2.0 * infer(graph, others, targets=()).log_partition.sum()
    ours, theirs = grad(total, [tables["a-b"], others["a-b"]])
    assert_close(2.0 * ours, theirs)


def test_a_table_learned_from_now_on_has_a_gradient():
    graph = loop()
    tables, _ = question(graph, (4,), 11)
    tables["a"].requires_grad_(False)
    first = infer(graph, tables, targets=()).log_partition
    tables["a"].requires_grad_()
    second = infer(graph, tables, targets=()).log_partition
    (found,) = grad(first.sum() + second.sum(), tables["a"])
    expected = grad(LOGS(graph, tables, Evidence(), ()).log_partition.sum(), tables["a"])[0]
    assert_close(found, expected, 1e-9)


def test_a_free_and_a_clamped_query_differ_by_the_gradient_of_both():
    graph = loop(3)
    tables, evidence = question(graph, (2, 5), 12)
    tables = {name: table * 1.0 for name, table in tables.items()}  # not leaves
    hard, learned = Evidence(evidence.hard), list(tables.values())
    found = [infer(graph, tables, seen, targets=()).log_partition for seen in (None, hard)]
    expected = [LOGS(graph, tables, seen, ()).log_partition for seen in (Evidence(), hard)]
    assert_same(found[0] - found[1], expected[0] - expected[1], learned, 1e-9)


def test_queries_of_the_same_tables_can_be_sent_back_one_after_the_other():
    graph = loop()
    tables, evidence = question(graph, (4,), 13)
    answers = [infer(graph, tables, seen, targets=()).log_partition for seen in (None, Evidence(evidence.hard))]
    for answer in answers:
        answer.sum().backward()
    expected = [LOGS(graph, tables, seen, ()).log_partition for seen in (Evidence(), Evidence(evidence.hard))]
    assert_close(tables["b"].grad, grad(sum(each.sum() for each in expected), tables["b"])[0], 1e-9)


@pytest.mark.parametrize(
    "laid",
    [
        lambda table: table.mT.contiguous().mT,  # the last dimension is not the innermost one
        lambda table: torch.stack([table, table + 1.0], dim=-1)[..., 0],
        lambda table: table[:1].expand_as(table),
        lambda table: torch.cat([table, table])[::2],
        lambda table: table.flip(0)[:1].unsqueeze(0),
    ],
    ids=["turned", "every other entry", "expanded", "every other row", "one more dimension"],
)
def test_tables_are_read_as_they_lie_in_memory(laid):
    graph = loop(3)
    tables, evidence = question(graph, (9,), 14)
    tables["a-b"] = torch.linspace(-2.0, 1.0, 81, dtype=torch.float64).reshape(9, 3, 3).requires_grad_()
    given, hard = {**tables, "a-b": laid(tables["a-b"])}, Evidence(evidence.hard)
    found = infer(graph, given, hard, targets=()).log_partition
    assert_same(found, LOGS(graph, given, hard, ()).log_partition, list(tables.values()), 1e-9)


def test_states_of_several_integer_types_are_read_together():
    graph = loop(3)
    tables, _ = question(graph, (2,), 15)
    evidence = Evidence({"a": torch.tensor([0, -1], dtype=torch.int8), "b": torch.tensor([2, 1]), "c": torch.tensor(1)})
    found = infer(graph, tables, evidence, targets=()).log_partition
    assert_same(found, LOGS(graph, tables, evidence, ()).log_partition, list(tables.values()), 1e-9)


def test_a_row_whose_largest_number_has_no_inverse_leaves_the_others_alone():
    variables, scopes = [Variable("a", 3), Variable("b", 2), Variable("c", 2)], [("a",)] * 3 + [("a", "b"), ("b", "c")]
    graph = FactorGraph(variables, [Factor(f"f{i}", scope) for i, scope in enumerate(scopes)])
    tables = {f"f{i}": torch.zeros(2, 3, dtype=torch.float64) for i in range(3)}
    for i, table in enumerate(tables.values()):
        table[1] = -360.0
        table[1, i] = 0.0
    tables |= {"f3": torch.linspace(-1.0, 1.0, 6).double().reshape(3, 2), "f4": torch.eye(2, dtype=torch.float64)}
    learned = [table.requires_grad_() for table in tables.values()]
    found = infer(graph, tables, targets=()).log_partition
    assert_same(found, LOGS(graph, tables, Evidence(), ()).log_partition, learned, 1e-9)
