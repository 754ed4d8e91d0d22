"""Rows answered one by one agree with the listing of all assignments, whatever each of them observed and was asked."""

import threading
from math import inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import Enumeration, Evidence, Factor, FactorGraph, Variable, VariableElimination, infer
from graphfuse.graph import bayesian_network, chain, markov_network
from graphfuse.inference.rows.query import serves
from tests.graphs import BATCHES, assert_close

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}


@st.composite
def questions(draw):
    """A graph, its tables, evidence and targets.

    The first variables are a Bayesian network, the others are tied by factors of any scope, also by none or an empty
    one; so there are directed, undirected and mixed graphs, in one part or several.
    """
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=6))
    names = [f"v{i}" for i in range(len(sizes))]
    num_directed = draw(st.sampled_from([0, len(sizes) // 2, len(sizes)]))
    parents = [
        draw(st.lists(st.sampled_from(names[:i]), max_size=2, unique=True)) if i else [] for i in range(num_directed)
    ]
    scopes = [(*above, name) for above, name in zip(parents, names[:num_directed], strict=True)]
    ties = st.lists(st.lists(st.sampled_from(names), max_size=3, unique=True).map(tuple), max_size=5)
    scopes += draw(ties) if num_directed < len(sizes) or draw(st.booleans()) else []
    graph = FactorGraph(
        [Variable(name, size) for name, size in zip(names, sizes, strict=True)],
        [Factor(f"f{i}", scope) for i, scope in enumerate(scopes)],
    )
    batch, dtype = draw(st.sampled_from(BATCHES)), draw(st.sampled_from([torch.float64, torch.float32]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    zeros = draw(st.sampled_from([0.0, 0.0, 0.2]))
    tables = {}
    for i, factor in enumerate(graph.factors):
        shape = (*(batch if draw(st.booleans()) else ()), *graph.shape(factor.scope))
        table = random_table(shape, zeros, generator)
        tables[factor.name] = (table.log_softmax(-1).nan_to_num(-inf, neginf=-inf) if i < num_directed else table).to(
            dtype
        )
    hard, soft = {}, {}
    for name, size in zip(names, sizes, strict=True):
        kind = draw(st.sampled_from(["hidden", "hidden", "hard", "one for all", "soft", "both"]))
        if kind in ("hard", "both"):
            hard[name] = torch.randint(-1, size, batch, generator=generator)
        elif kind == "one for all":
            hard[name] = torch.randint(-1, size, (), generator=generator)
        if kind in ("soft", "both"):
            soft[name] = random_table((*batch, size), zeros, generator).to(dtype)
    targets = draw(st.none() | st.lists(st.sampled_from(names), max_size=3, unique=True))
    return graph, tables, Evidence(hard, soft), targets


def random_table(shape, zeros, generator):
    table = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return table.masked_fill(torch.rand(shape, generator=generator) < zeros, -inf)


def doubled(tables):
    return {name: table.double() for name, table in tables.items()}


@given(questions())
@settings(max_examples=100, deadline=None)
def test_every_answer_is_that_of_the_listing(question):
    graph, tables, evidence, targets = question
    found = infer(graph, tables, evidence, targets)
    dtype = next(iter([*tables.values(), *evidence.soft.values()]), torch.zeros(())).dtype
    tolerance = TOLERANCE[dtype]
    listed = Evidence(evidence.hard, doubled(evidence.soft))
    expected = infer(graph, doubled(tables), listed, method=Enumeration())
    assert_close(found.log_partition, expected.log_partition.to(dtype), tolerance)
    assert torch.equal(found.impossible, expected.impossible) and bool(found.converged.all())
    possible = ~expected.impossible
    assert list(found.log_marginals) == list(graph.variable_names if targets is None else targets)
    for name, table in found.log_marginals.items():
        assert table.dtype == dtype
        wanted = expected.log_marginals[name].expand_as(table)
        assert_close(table[possible], wanted[possible].to(dtype), tolerance)
        if targets is None:
            assert bool((table[~possible] == -inf).all())
        else:  # evidence that does not bear on the targets was left out, or the row is impossible without it
            left = table[~possible].exp().sum(-1)
            assert bool(((left == 0) | ((left - 1).abs() < 1e-5)).all())
    names = graph.variable_names[:: max(1, len(graph.variables) // 2)][:3]
    assert_close(found.log_joint(names), expected.log_joint(names).to(dtype), tolerance)
    assert found.num_in_logs == 0


@given(questions(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_a_target_is_answered_alike_alone_and_among_others(question, random):
    graph, tables, evidence, _ = question
    every = infer(graph, tables, evidence)
    names = list(graph.variable_names)
    random.shuffle(names)
    for targets in (names[:1], names[:2], names[1:], names):
        some = infer(graph, tables, evidence, targets)
        for name in targets:
            possible = ~every.impossible
            assert_close(some.log_marginals[name][possible], every.log_marginals[name][possible], 1e-5)
        assert_close(some.log_partition, every.log_partition, 1e-5)


def network():
    """a → b → c, and d → e apart, with a zero in b given a and in e given d."""
    variables = [Variable(name, 2) for name in "abcde"]
    graph = bayesian_network(variables, {"b": ["a"], "c": ["b"], "e": ["d"]})
    values = {
        "a": [0.4, 0.6], "b": [[1.0, 0.0], [0.3, 0.7]], "c": [[0.2, 0.8], [0.9, 0.1]],
        "d": [0.5, 0.5], "e": [[1.0, 0.0], [0.5, 0.5]],
    }  # fmt: skip
    return graph, {name: torch.tensor(table, dtype=torch.float64).log() for name, table in values.items()}


@pytest.mark.parametrize("directed", [True, False], ids=["directed", "undirected"])
def test_contradictions_bear_on_what_they_are_connected_with_and_make_the_row_impossible(directed):
    graph, tables = network()
    if not directed:
        tables = {name: table + 1.0 for name, table in tables.items()}
    here, there = {"a": torch.tensor(0), "b": torch.tensor(1)}, {"d": torch.tensor(0), "e": torch.tensor(1)}
    apart = infer(graph, tables, Evidence(there), ["c"])
    assert_close(apart.log_marginals["c"], infer(graph, tables).log_marginals["c"])
    for posterior in (
        apart,
        infer(graph, tables, Evidence(there), ["c", "a"]),
        infer(graph, tables, Evidence(here), ["c"]),
        infer(graph, tables, Evidence(here)),
    ):
        assert bool(posterior.impossible) and float(posterior.log_partition) == -inf
        assert bool((posterior.log_joint(("c", "e")) == -inf).all())
        assert bool((posterior.log_joint(("c",)) == -inf).all())
    connected = Evidence({"a": torch.tensor(0), "c": torch.tensor(1)}, {"b": torch.tensor([-inf, 0.0]).double()})
    for targets in (["b"], ["b", "d"], None):
        assert bool((infer(graph, tables, connected, targets).log_marginals["b"] == -inf).all())


def test_what_lies_beyond_an_observed_parent_does_not_bear_on_its_child():
    graph, tables = network()
    evidence = Evidence({"a": torch.tensor([0, 1]), "b": torch.tensor([1, 1])})
    found = infer(graph, tables, evidence, ["c"])
    assert found.impossible.tolist() == [True, False]
    assert_close(found.marginal("c"), torch.tensor([[0.9, 0.1], [0.9, 0.1]], dtype=torch.float64))


def test_an_observed_target_is_a_point_mass_unless_the_row_is_known_to_be_impossible():
    graph, tables = network()
    evidence = Evidence({"a": torch.tensor([0, 1]), "b": torch.tensor([1, 1])})
    alone = infer(graph, tables, evidence, ["b"])
    assert alone.marginal("b").tolist() == [[0.0, 1.0], [0.0, 1.0]]
    assert alone.impossible.tolist() == [True, False]
    for posterior in (infer(graph, tables, evidence), infer(graph, tables, evidence, method=Enumeration())):
        assert posterior.marginal("b").tolist() == [[0.0, 0.0], [0.0, 1.0]]


def test_a_factor_of_zero_without_variables_makes_every_row_impossible():
    graph = chain([Variable(name, 2) for name in "abc"])
    graph = FactorGraph(graph.variables, [*graph.factors, Factor("all", ())])
    tables = {factor.name: torch.zeros(graph.shape(factor.scope)) for factor in graph.factors}
    for scale, expected in ((0.5, [False, False]), (-inf, [True, True]), (torch.tensor([1.0, -inf]), [False, True])):
        found = infer(graph, {**tables, "all": torch.as_tensor(scale)}, Evidence({"a": torch.tensor([0, -1])}))
        assert found.impossible.tolist() == expected
        assert found.marginal("b").sum(-1).tolist() == [float(not each) for each in expected]


def test_a_target_that_is_read_only_by_what_sums_to_one_is_uniform():
    graph = FactorGraph(
        [Variable("a", 3), Variable("b", 2), Variable("c", 2)], [Factor("b", ("a", "b")), Factor("c", ("b", "c"))]
    )
    tables = {"b": torch.zeros(3, 2).double().log_softmax(-1), "c": torch.randn(2, 2).double().log_softmax(-1)}
    for targets in (["a"], ["a", "b"], None):
        assert_close(infer(graph, tables, targets=targets).marginal("a"), torch.full((3,), 1 / 3, dtype=torch.float64))


def big_rows(num_rows, generator, dtype=torch.float64):
    names = [f"x{i}" for i in range(12)]
    ties = [(names[i], names[j]) for i in range(12) for j in (i + 1, i + 4) if j < 12]
    graph = markov_network([Variable(name, 3) for name in names], ties)
    tables = {
        factor.name: torch.randn(graph.shape(factor.scope), generator=generator, dtype=dtype)
        for factor in graph.factors
    }
    hard = {name: torch.randint(-1, 3, (num_rows,), generator=generator) for name in names}
    soft = {names[5]: torch.randn(num_rows, 3, generator=generator, dtype=dtype)}
    return graph, tables, Evidence(hard, soft)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("targets", [None, ["x3"], []], ids=["all", "one", "none"])
def test_the_number_of_threads_changes_nothing(threads, generator, targets):
    graph, tables, evidence = big_rows(2500, generator)
    answers = []
    for num_threads in (1, 2):
        threads(num_threads)
        found = infer(graph, tables, evidence, targets)
        answers.append([found.log_partition, *found.log_marginals.values()])
    assert all(map(torch.equal, *answers))


def test_a_row_that_needs_more_room_than_those_before_it_changes_no_answer(generator):
    graph, tables, evidence = big_rows(6, generator)
    observed = {name: states.clamp(min=0) for name, states in evidence.hard.items()}
    for row in (1, 4):  # nothing observed: the cliques outgrow the first scratch on both ways
        for states in observed.values():
            states[row] = -1
    whole = infer(graph, tables, Evidence(observed, evidence.soft))
    for row in range(6):
        soft = {name: table[row] for name, table in evidence.soft.items()}
        alone = Evidence({name: states[row] for name, states in observed.items()}, soft)
        expected = VariableElimination()._in_logs(graph, tables, alone, graph.variable_names)
        assert_close(whole.log_partition[row], expected.log_partition)
        assert_close({k: v[row] for k, v in whole.log_marginals.items()}, dict(expected.log_marginals))


def test_a_row_beyond_the_memory_budget_is_refused_with_its_cost_and_others_are_answered(threads, generator):
    graph, tables, evidence = big_rows(1200, generator)
    observed = {name: states.clamp(min=0) for name, states in evidence.hard.items()}
    method = VariableElimination(memory_budget=2000, most_work=0)
    for num_threads in (1, 2):
        threads(num_threads)
        assert bool(infer(graph, tables, Evidence(observed), method=method).log_partition.isfinite().all())
    for states in observed.values():
        states[700] = -1
    for num_threads in (1, 2):
        threads(num_threads)
        for targets in (None, ["x3"], []):
            with pytest.raises(MemoryError, match=r"must be at least [\d.]+ \w+, for .* of row 700 .*; got 2\.0 KiB"):
                _ = infer(graph, tables, Evidence(observed), targets, method).log_partition


def test_joint_states_beyond_any_memory_are_refused_whatever_the_budget():
    names = [f"x{i:02}" for i in range(46)]
    ties = [("apart", names[0]), *((a, b) for a in names for b in names if a < b)]
    graph = markov_network([Variable(name, 2) for name in ("apart", *names)], ties)
    tables = {factor.name: torch.zeros(graph.shape(factor.scope)) for factor in graph.factors}
    for budget in (8 * 2**30, 2**40):
        for num_hidden in (46, 42):
            hard = {name: torch.tensor([0]) for name in names[num_hidden:]}
            tied = Evidence({**hard, names[0]: torch.tensor([-1])})
            for targets in ([names[0]], []):
                with pytest.raises(MemoryError, match=r"at least [\d,.]+ GiB, for the hidden joint states of row 0"):
                    _ = infer(graph, tables, tied, targets, VariableElimination(budget)).log_partition


def test_two_queries_at_once_do_not_disturb_each_other(generator):
    questions = [big_rows(1500, generator), big_rows(1500, generator, torch.float32)]
    expected = [infer(*question).log_marginals["x7"] for question in questions]
    wrong = []

    def ask(i):
        for turn in range(6):
            graph, tables, evidence = questions[(i + turn) % 2]
            fresh = {name: table.clone() for name, table in tables.items()} if turn % 3 == 0 else tables
            if not torch.equal(infer(graph, fresh, evidence).log_marginals["x7"], expected[(i + turn) % 2]):
                wrong.append((i, turn))

    askers = [threading.Thread(target=ask, args=(i,)) for i in range(2)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert not wrong


def test_rows_are_looped_over_only_where_there_is_more_than_one_clique(generator):
    graph, tables, evidence = big_rows(3, generator)
    assert serves(graph, tables, evidence)
    assert not serves(graph, {name: table.half() for name, table in tables.items()}, evidence)
    single = chain([Variable("a", 2), Variable("b", 2)])
    assert not serves(
        single, {name: torch.zeros(single.shape(scope)) for name, scope in single.scopes.items()}, evidence
    )
