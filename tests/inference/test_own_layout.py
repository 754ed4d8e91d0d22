"""What rows that hide the same variables go by is planned in compiled loops as it is by name."""

import numpy as np
import pytest

from graphfuse import Variable, markov_network
from graphfuse.inference.plan import summing_to_one
from graphfuse.inference.rows import sliced
from graphfuse.inference.rows.own_layout import layout_towards, mask_of, plan_pattern
from graphfuse.problems.example_networks import example_network
from tests.inference.test_sliced import grid

MANY = 10**9  # rows, for which any plan is worth its time


def both(graph, closed, hidden, asked, whole):
    """The plan by numbers, and the tables of that by name."""
    scopes = tuple(factor.scope for factor in graph.factors)
    common = layout_towards(graph, scopes, frozenset(closed), asked[0] if len(asked) == 1 else None, 0.0)
    plan = plan_pattern(graph, common, scopes, mask_of(graph, hidden), asked, whole, MANY)
    _, tables = sliced.sliced(graph, scopes, closed, hidden, asked, whole, 0.0, MANY)
    return plan, tables


def some_hidden(graph, share, seed):
    drawn = np.random.default_rng(seed)
    return {name for name in graph.variable_names if drawn.random() < share}


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("asked", ["sum", "all", "one", "two"])
@pytest.mark.parametrize("model", ["grid", "alarm", "hepar2", "insurance"])
def test_it_takes_what_a_plan_by_name_takes(model, asked, share):
    graph, closed = grid(12, 2), set()
    if model != "grid":
        network = example_network(model)
        graph, closed = network.graph, summing_to_one(network.graph, network.log_tables)
    names = graph.variable_names
    targets = {"sum": (), "all": names, "one": names[5:6], "two": names[5:7]}[asked]
    for seed in range(3):
        hidden = some_hidden(graph, share, seed)
        plan, tables = both(graph, closed, hidden, targets, asked in ("sum", "all"))
        expected = sliced.num_entries(graph, tables, two_way=len(targets) > 1)
        assert 0.8 * expected <= plan.num_entries <= 1.25 * expected  # ties of an order may fall otherwise
        assert sum(graph.size(joined) + sent for joined, sent in plan.tables()) <= plan.num_entries
        assert {name for joined, _ in plan.tables() for name in joined} == {
            name for joined, _ in tables for name in joined
        }


def test_a_variable_with_very_many_neighbors_is_planned_by_name():
    graph = grid(5, 2)
    ties = [*graph.scopes.values(), *[("hub", f"leaf{i:03}") for i in range(250)], ("hub", "x0000")]
    leaves = [Variable(f"leaf{i:03}", 2) for i in range(250)]
    graph = markov_network([*graph.variables, Variable("hub", 2), *leaves], [tie for tie in ties if len(tie) > 1])
    hidden = set(graph.variable_names).difference({"x0202", "x0201", "x0203"})
    plan, tables = both(graph, (), hidden, (), True)
    assert plan.num_entries == sliced.num_entries(graph, tables, two_way=False)
    seen, tables = both(graph, (), hidden - {"hub"}, (), True)
    assert seen.num_entries == sliced.num_entries(graph, tables, two_way=False) < plan.num_entries


def test_a_plan_may_be_of_more_entries_than_any_memory_holds():
    names = [f"v{i:02}" for i in range(90)]
    graph = markov_network([Variable(name, 2) for name in names], [tuple(names[:80]), tuple(names[70:])])
    plan, _ = both(graph, (), set(names), names, True)
    assert plan.num_entries >= 2**80
