"""Rows that take turns get the answers that all rows together get."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.profiler import ProfilerActivity, profile

from graphfuse import Evidence, Variable, VariableElimination, decode, infer, markov_network, sample
from graphfuse.graph.clique_tree import clique_tree
from graphfuse.inference.contraction import bytes_of_row
from graphfuse.inference.turns import in_turns
from tests.graphs import assert_close, random_evidence, random_log_potentials

CLIQUE = markov_network([Variable(name, 3) for name in "abc"], [("a", "b", "c")])
ROW = bytes_of_row(clique_tree(CLIQUE), 8)
AMPLE = VariableElimination()


@settings(max_examples=40, deadline=None)
@given(
    batch=st.sampled_from([(7,), (2, 5), (5, 2), (1, 4), (3, 1, 4)]),
    rows_at_a_time=st.integers(1, 9),
    targets=st.sampled_from([None, ["b"], []]),
    seed=st.integers(0, 2**31),
)
def test_every_question_is_answered_as_with_ample_memory(batch, rows_at_a_time, targets, seed):
    generator = torch.Generator().manual_seed(seed)
    tables = random_log_potentials(CLIQUE, batch, generator, torch.float64)
    tables["a"] = torch.randn(3, generator=generator, dtype=torch.float64)  # shared by all rows
    evidence = random_evidence(CLIQUE, batch[-1:], generator)
    short = VariableElimination(
        memory_budget=ROW * max(rows_at_a_time, batch[0] * batch[-1] // max(batch)), most_work=0
    )
    found, expected = (infer(CLIQUE, tables, evidence, targets, method) for method in (short, AMPLE))
    assert_close(found.log_partition, expected.log_partition, 1e-12)
    assert_close(dict(found.log_marginals), dict(expected.log_marginals), 1e-12)
    assert_close(found.log_joint(["c", "a"]), expected.log_joint(["c", "a"]), 1e-12)
    assert found.converged.all() and found.converged.shape == expected.converged.shape
    best = decode(CLIQUE, tables, evidence, short)
    assert all(torch.equal(best[name], states) for name, states in decode(CLIQUE, tables, evidence).items())


def test_samples_of_rows_in_turns_follow_the_posterior_of_their_row(generator):
    tables = random_log_potentials(CLIQUE, (6,), generator, torch.float64)
    evidence = Evidence({"c": torch.tensor([0, 1, 2, -1, -1, -1])})
    drawn = sample(CLIQUE, tables, 20_000, generator, evidence, VariableElimination(memory_budget=4 * ROW))
    expected = infer(CLIQUE, tables, evidence)
    for name in "abc":
        assert drawn[name].shape == (20_000, 6)
        shares = torch.stack([(drawn[name] == state).double().mean(0) for state in range(3)], -1)
        assert_close(shares, expected.marginal(name), 0.02)


@pytest.mark.parametrize("budget", [2**18, 2**21])
@pytest.mark.parametrize("targets", [None, ["x3"], []], ids=str)
def test_no_question_takes_more_memory_than_the_budget(budget, targets, generator, tmp_path):
    names = [f"x{i}" for i in range(8)]
    graph = markov_network([Variable(name, 4) for name in names], [tuple(names[i : i + 4]) for i in range(0, 5, 2)])
    tables = random_log_potentials(graph, (300,), generator, torch.float32)
    short = VariableElimination(memory_budget=budget)
    questions = (
        lambda: short._in_logs(graph, tables, Evidence(), graph.variable_names if targets is None else targets),
        lambda: decode(graph, tables, method=short),
        lambda: sample(graph, tables, 1, generator, method=short),
    )
    for question in questions:
        assert most_bytes(question, tmp_path / "trace.json") <= budget


def most_bytes(work, path):
    """What the tensors of some work take together at most, as PyTorch's profiler has it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        work()
    found.export_chrome_trace(str(path))
    events = [event for event in json.loads(path.read_text())["traceEvents"] if event.get("name") == "[memory]"]
    held = [event["args"]["Total Allocated"] for event in sorted(events, key=lambda event: event["ts"])]
    return max(held) - held[0]


@pytest.mark.parametrize("most_rows, sizes", [(0, [1, 1, 1]), (1, [1, 1, 1]), (2, [1, 1, 1]), (5, [2, 1]), (6, [6])])
def test_no_turn_has_more_rows_than_fit_unless_one_slice_has(most_rows, sizes):
    turns = in_turns([(("a",), torch.zeros(2, 3, 4)), ((), torch.zeros(3))], most_rows)
    lengths = [part[0][1].shape[1] for part in turns.parts]
    assert lengths == sizes if len(sizes) > 1 else len(lengths) == 1


def test_rows_whose_gradient_is_wanted_are_refused_where_they_do_not_fit_together(generator):
    tables = random_log_potentials(CLIQUE, (9,), generator, torch.float64)
    tables["a"].requires_grad_()
    short = VariableElimination(memory_budget=4 * ROW, most_work=0)
    with pytest.raises(MemoryError, match=r"for 9 rows on this graph .* fewer rows at a time cost less"):
        _ = infer(CLIQUE, tables, method=short).log_partition
    with torch.no_grad():
        assert infer(CLIQUE, tables, method=short).log_partition.shape == (9,)
    best, expected = decode(CLIQUE, tables, method=short), decode(CLIQUE, tables)  # which have no gradient
    assert all(torch.equal(best[name], states) for name, states in expected.items())
