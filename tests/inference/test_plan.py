"""A plan says what a query takes before it is answered, and is right about it."""

import pytest
import torch

from graphfuse import Evidence, Variable, VariableElimination, bayesian_network, chain, infer, markov_network, star
from graphfuse.problems.example_networks import example_network
from tests.graphs import random_log_potentials

WIDE = VariableElimination(memory_budget=8 * 2**30)


def evidence_on(graph, names):
    return Evidence({name: torch.zeros(1, dtype=torch.int64) for name in names})


@pytest.mark.parametrize("network", ["asia", "child", "insurance", "alarm", "hepar2"])
@pytest.mark.parametrize("share", [0, 2, 4])
@pytest.mark.parametrize("asked", ["all", "one", "some"])
def test_a_row_is_answered_within_the_bytes_of_its_plan_and_not_within_less(network, share, asked):
    bundled = example_network(network)
    graph, tables = bundled.graph, bundled.log_tables
    seen = [name for i, name in enumerate(graph.variable_names) if share and i % share == 1]
    targets = {"all": None, "one": [graph.variable_names[0]], "some": list(graph.variable_names[::5])}[asked]
    plan = WIDE.plan(graph, seen, targets, tables)
    assert plan.executor == "rows" and plan.fits and plan.num_largest <= plan.num_row
    enough, short = (VariableElimination(plan.bytes_row - 8 * less, most_work=0) for less in (0, 3))
    infer(graph, tables, evidence_on(graph, seen), targets, enough)
    with pytest.raises(MemoryError):
        infer(graph, tables, evidence_on(graph, seen), targets, short)


@pytest.mark.parametrize("asked", ["all", "one", "some"])
@pytest.mark.parametrize("share", [0, 3])
def test_a_row_of_learned_tables_has_its_gradient_within_the_bytes_of_its_plan(share, asked):
    bundled = example_network("insurance")
    graph = bundled.graph
    tables = {name: table.clone().requires_grad_() for name, table in bundled.log_tables.items()}
    seen = [name for i, name in enumerate(graph.variable_names) if share and i % share == 1]
    targets = {"all": graph.variable_names, "one": graph.variable_names[:1], "some": graph.variable_names[::5]}[asked]
    plan = WIDE.plan(graph, seen, targets, tables)
    assert plan.executor == "rows" and "learned" in plan.reason
    enough, short = (VariableElimination(plan.bytes_row - 16 * less, most_work=0) for less in (0, 3))
    found = infer(graph, tables, evidence_on(graph, seen), targets, enough).log_marginals
    torch.stack([table[..., 0].sum() for table in found.values()]).sum().backward()
    with pytest.raises(MemoryError):
        infer(graph, tables, evidence_on(graph, seen), targets, short)


def test_dense_bytes_are_those_of_all_rows_together(generator):
    graph = markov_network([Variable(f"x{i}", 3) for i in range(3)], [("x0", "x1", "x2")])
    tables = random_log_potentials(graph, (), generator)
    plan = WIDE.plan(graph, log_potentials=tables)
    assert plan.executor == "logarithms" and "one clique" in plan.reason
    infer(graph, tables, method=VariableElimination(plan.bytes_dense))
    with pytest.raises(MemoryError):
        infer(graph, tables, method=VariableElimination(plan.bytes_dense - 1))


def test_tables_being_learned_are_answered_side_by_side(generator):
    graph = chain([Variable(f"x{i}", 3) for i in range(5)])
    tables = {name: table.requires_grad_() for name, table in random_log_potentials(graph, (), generator).items()}
    plan = WIDE.plan(graph, log_potentials=tables)
    assert plan.executor == "lanes" and "learned" in plan.reason


def test_what_does_not_bear_on_the_targets_is_pruned():
    parents = {"cough": ["flu"], "fever": ["flu"], "visit": ["cough"], "pollen": [], "sneeze": ["pollen"]}
    names = ["flu", *parents]
    graph = bayesian_network([Variable(name, 2) for name in names], parents)
    zeros = {name: torch.zeros(graph.shape(scope), dtype=torch.float64) for name, scope in graph.scopes.items()}
    tables = {name: table.log_softmax(-1) for name, table in zeros.items()}
    plan = WIDE.plan(graph, ["fever"], ["flu"], tables)
    assert plan.pruned == ("cough", "visit", "pollen", "sneeze")
    assert WIDE.plan(graph, ["fever", "visit"], ["flu"], tables).pruned == ("pollen", "sneeze")
    assert WIDE.plan(graph, ["cough"], ["visit"], tables).pruned == ("flu", "fever", "pollen", "sneeze")
    assert WIDE.plan(graph, ["fever"], ["flu"]).pruned == ("pollen", "sneeze")  # no table is known to sum to one
    assert WIDE.plan(graph, ["fever"]).pruned == ()


def test_counts_are_those_of_a_chain_cut_by_what_was_observed():
    graph = chain([Variable(f"x{i}", 3) for i in range(6)])
    plan = WIDE.plan(graph, ["x2"], ["x0"])
    assert (plan.width, plan.num_entries, plan.num_sliced) == (1, 5 * 9, 9 + 3 + 3 + 9 + 9)
    assert sorted(plan.order) == sorted(graph.variable_names)
    assert plan.pruned == ("x3", "x4", "x5") and plan.num_largest == 9


def test_a_star_is_one_clique_and_answered_in_logarithms():
    plan = WIDE.plan(star(Variable("y", 3), ["a", "b"]))
    assert (plan.executor, plan.reason) == ("logarithms", "one clique, nothing to send")


def test_a_plan_explains_itself_in_a_few_lines():
    network = example_network("alarm")
    text = str(WIDE.plan(network.graph, ["HR"], ["LVFAILURE"], network.log_tables))
    assert len(text.splitlines()) <= 13 and all(len(line) < 120 for line in text.splitlines())
    for word in (
        "width 4",
        "1: LVFAILURE",
        "1: HR",
        "pruned",
        "sliced",
        "compiled loop",
        "fits into 8.0 GiB",
        "in logarithms",
    ):
        assert word in text
    everyone = [f"v{i}" for i in range(90)]
    dense = markov_network([Variable(name, 2) for name in everyone], [tuple(everyone[:80]), tuple(everyone[70:])])
    assert "does not fit" in str(WIDE.plan(dense)) and "about 2^80" in str(WIDE.plan(dense))


def test_unknown_names_are_refused():
    graph = chain([Variable("mon", 2), Variable("tue", 2)])
    with pytest.raises(ValueError, match="each of evidence_names must be one of 'mon', 'tue'; got 'wed'"):
        WIDE.plan(graph, ["wed"])
    with pytest.raises(ValueError, match=r"each of targets must be one of 'mon', 'tue'; got 'mond'"):
        WIDE.plan(graph, targets=["mond"])
