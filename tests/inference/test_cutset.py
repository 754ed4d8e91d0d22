"""Cutset conditioning gives the answers that more memory gives, or refuses before it starts."""

from math import prod
from time import process_time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import Enumeration, Evidence, Variable, VariableElimination, bayesian_network, infer, markov_network
from graphfuse.inference.cutset import Conditioned
from graphfuse.problems import example_network
from tests.graphs import assert_close, factor_graphs, random_evidence, random_log_potentials
from tests.patience import PATIENCE

WIDE = VariableElimination()


def grid(size, num_states=2):
    names = [[f"x{i}{j}" for j in range(size)] for i in range(size)]
    edges = [(names[i][j], names[i][j + 1]) for i in range(size) for j in range(size - 1)]
    edges += [(names[i][j], names[i + 1][j]) for i in range(size - 1) for j in range(size)]
    return markov_network([Variable(name, num_states) for row in names for name in row], edges)


def rows_of_gaps(graph, num_rows, generator):
    hard = {
        variable.name: torch.randint(-1, variable.num_states, (num_rows,), generator=generator)
        for variable in graph.variables[::2]
    }
    return Evidence(hard)


@pytest.mark.parametrize("batch", [(), (3,), (2, 2)], ids=str)
@pytest.mark.parametrize("targets", [None, ["x11"], ["x00", "x22"], []], ids=str)
def test_answers_within_little_memory_are_those_within_much(batch, targets, generator):
    graph = grid(3)
    tables = random_log_potentials(graph, batch, generator)
    evidence = random_evidence(graph, batch, generator)
    narrow = VariableElimination(memory_budget=96)
    found, expected = (infer(graph, tables, evidence, targets, method) for method in (narrow, WIDE))
    assert_close(dict(found.log_marginals), dict(expected.log_marginals))
    assert_close(found.log_partition, expected.log_partition)
    names = ("x02", "x20")
    assert_close(found.log_joint(names), expected.log_joint(names))


@given(graph=factor_graphs(max_variables=6), budget=st.integers(32, 160), data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_graph_is_answered_as_by_enumeration_or_refused(graph, budget, data):
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    tables = random_log_potentials(graph, (3,), generator)
    evidence = random_evidence(graph, (3,), generator)
    query = Conditioned(graph, tables, evidence, lambda *asked: WIDE.run(*asked[:4]), budget)
    try:
        found = query.posterior(graph.variable_names)
    except MemoryError:
        return
    expected = infer(graph, tables, evidence, method=Enumeration())
    assert_close(dict(found.log_marginals), dict(expected.log_marginals))
    assert_close(found.log_partition, expected.log_partition)


def test_every_row_has_the_cutset_of_its_own_gaps(generator):
    graph = grid(4)
    tables = {name: table.softmax(-1).log() for name, table in random_log_potentials(graph, (), generator).items()}
    evidence = rows_of_gaps(graph, 40, generator)
    found = infer(graph, tables, evidence, method=VariableElimination(memory_budget=256))
    expected = infer(graph, tables, evidence, method=WIDE)
    assert_close(dict(found.log_marginals), dict(expected.log_marginals))
    query = Conditioned(graph, tables, evidence, WIDE._in_rows, 256)
    fewer, more = (query._choice.cutset(frozenset(each), ()) for each in (["x00", "x11"], graph.variable_names))
    assert fewer.names == () and more.names
    assert more.num_conditions == prod(graph.num_states[name] for name in more.names)
    assert more.fits and 8 * more.num_entries <= 256


def test_impossible_rows_stay_impossible(generator):
    graph = grid(3)
    tables = random_log_potentials(graph, (), generator)
    first = next(name for name, scope in graph.scopes.items() if len(scope) == 2)
    tables[first] = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]], dtype=torch.float64)
    a, b = graph.scopes[first]
    evidence = Evidence({a: torch.tensor([0, 0, 1, -1]), b: torch.tensor([1, 0, -1, -1])})
    found, expected = (infer(graph, tables, evidence, method=m) for m in (VariableElimination(128), WIDE))
    assert found.impossible.tolist() == [True, False, False, False]
    assert_close(dict(found.log_marginals), dict(expected.log_marginals))
    assert_close(found.joint([a, b]), expected.joint([a, b]))


def test_what_bears_on_nothing_needs_no_cutset(generator):
    names = [f"c{i}" for i in range(12)]
    graph = bayesian_network([Variable(name, 2) for name in ["root", *names]], {names[-1]: ["root", *names[:-1]]})
    tables = {name: torch.randn(graph.shape(scope), generator=generator) for name, scope in graph.scopes.items()}
    tables = {name: table.double().log_softmax(-1) for name, table in tables.items()}
    query = Conditioned(graph, tables, Evidence(), WIDE._in_rows, 128)
    assert query._choice.cutset(frozenset(graph.variable_names), ["root"]).names == ()
    found = query.posterior(["root"]).log_marginals["root"]
    assert_close(found, tables["root"])


def test_gradients_of_the_log_partition_are_marginals(generator):
    graph = grid(3)
    tables = random_log_potentials(graph, (), generator)
    tables["x11"] = tables["x11"].clone().requires_grad_()
    total = infer(graph, tables, targets=[], method=VariableElimination(256)).log_partition
    gradient = torch.autograd.grad(total, tables["x11"])[0]
    expected = infer(graph, {name: table.detach() for name, table in tables.items()}).marginal("x11")
    assert_close(gradient, expected)


@pytest.mark.parametrize("budget", [100, 200, 400])
@pytest.mark.parametrize("targets", [None, ["a"], []], ids=str)
def test_rows_beyond_what_probabilities_hold_are_answered_within_little_memory(budget, targets, generator):
    ring = markov_network([Variable(name, 2) for name in "abcd"], map(tuple, ["ab", "bc", "cd", "da"]))
    tables = random_log_potentials(ring, (3,), generator)
    spread = torch.tensor([1.0, 1e4, 1e4], dtype=torch.float64)
    tables = {name: table * spread.reshape(3, *[1] * len(ring.scopes[name])) for name, table in tables.items()}
    found = infer(ring, tables, targets=targets, method=VariableElimination(memory_budget=budget))
    expected = infer(ring, tables, targets=targets, method=Enumeration())
    assert_close(found.log_partition, expected.log_partition)
    assert_close(dict(found.log_marginals), dict(expected.log_marginals))
    assert_close(found.log_joint(("a", "c")), expected.log_joint(("a", "c")))
    assert_close(found.entropy, expected.entropy)
    assert found.num_in_logs == 2


def test_weak_rows_that_do_not_fit_are_refused_by_their_number(generator):
    graph = grid(6)
    tables = random_log_potentials(graph, (), generator)
    tables["x33"] = torch.zeros(5, 2, dtype=torch.float64)
    tables["x33"][3, 0] = -5000.0
    enough = VariableElimination().plan(graph).bytes_row
    with pytest.raises(MemoryError, match="for the hidden joint states of row 3"):
        infer(graph, tables, method=VariableElimination(enough, most_work=0))
    assert infer(graph, tables, method=VariableElimination(enough)).num_in_logs == 1


def test_weak_rows_of_all_widths_are_answered_in_their_order(generator):
    graph = grid(4)
    tables = random_log_potentials(graph, (), generator)
    tables["x33"] = 3000 * torch.randn(8, 2, generator=generator, dtype=torch.float64)
    evidence = rows_of_gaps(graph, 8, generator)
    found, expected = (infer(graph, tables, evidence, ["x00"], each) for each in (VariableElimination(1200), WIDE))
    assert_close(dict(found.log_marginals), dict(expected.log_marginals))
    assert found.num_in_logs == expected.num_in_logs > 3


def test_many_patterns_are_refused_without_a_plan_for_each(generator):
    graph = grid(9)
    tables = random_log_potentials(graph, (), generator)
    hard = {name: torch.randint(-1, 2, (300,), generator=generator) for name in graph.variable_names}
    query = Conditioned(graph, tables, Evidence(hard), WIDE._in_rows, memory_budget=256, most_work=2**16)
    with pytest.raises(MemoryError, match="that most_work allows"):
        query.posterior(graph.variable_names)
    assert len(query._choice._costs) < 100


def test_too_much_work_is_refused_with_its_cost(generator):
    graph = grid(4)
    tables = random_log_potentials(graph, (), generator)
    with pytest.raises(
        MemoryError, match=r"at least [\d.]+ KiB, for the hidden joint states of row 0 .* 100 that most_w"
    ):
        infer(graph, tables, method=VariableElimination(memory_budget=128, most_work=100))
    with pytest.raises(MemoryError, match="of 0 that most_work allows"):
        infer(graph, tables, method=VariableElimination(memory_budget=128, most_work=0))


def test_hopeless_graphs_are_refused_and_not_tried(generator):
    start = process_time()
    for size, asked in ((150, 3), (300, 1)):
        names = [f"v{i:03}" for i in range(size)]
        drawn = torch.rand(size, size, generator=generator) < 30 / size
        edges = [(names[i], names[j]) for i in range(size) for j in range(i) if drawn[i, j]]
        graph = markov_network([Variable(name, 2) for name in names], edges)
        tables = {factor.name: torch.zeros(graph.shape(factor.scope)) for factor in graph.factors}
        for targets in ([], [names[0]], None)[:asked]:
            with pytest.raises(MemoryError, match=r"at least about 2\^\d+ GiB, for the hidden joint states of row 0"):
                _ = infer(graph, tables, targets=targets).log_partition
    assert process_time() - start < PATIENCE


def test_gradients_of_marginals_within_little_memory_are_those_within_much(generator):
    network = example_network("child")
    evidence, targets = Evidence({"Age": torch.tensor([0, -1])}), ["Disease", "LungFlow", "CO2"]
    found = []
    for method in (VariableElimination(memory_budget=2**11), WIDE):
        tables = {name: table.clone().requires_grad_() for name, table in network.log_tables.items()}
        posterior = infer(network.graph, tables, evidence, targets, method)
        total = torch.stack([posterior.log_marginals[name][..., 0] for name in targets]).sum()
        found.append((total.detach(), torch.autograd.grad(total, list(tables.values()))))
    assert_close(found[0][0], found[1][0])
    for few, many in zip(found[0][1], found[1][1], strict=True):
        assert_close(few, many)
