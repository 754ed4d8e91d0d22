"""Questions in logarithms, with the observed states indexed out, have the answers of the listing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import (
    Enumeration,
    Evidence,
    Variable,
    VariableElimination,
    decode,
    infer,
    log_score,
    markov_network,
    sample,
)
from graphfuse.inference import log_parts
from graphfuse.inference.log_query import LogQuery
from tests.graphs import assert_close, factor_graphs, random_log_potentials

LISTED = Enumeration()


def grid(size):
    names = [[f"x{i:x}{j:x}" for j in range(size)] for i in range(size)]
    edges = [(names[i][j], names[i][j + 1]) for i in range(size) for j in range(size - 1)]
    edges += [(names[i][j], names[i + 1][j]) for i in range(size - 1) for j in range(size)]
    return markov_network([Variable(name, 2) for row in names for name in row], edges)


AMPLE = 2**40


@pytest.fixture(scope="module", params=[0, 4, 2**14], ids=["always", "where it pays soon", "as ever"])
def worth(request):
    """How little may be saved for rows to be told apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_parts, "WORTH", request.param)
        yield request.param


def mixed_evidence(graph, batch, generator, share=0.5):
    """Hard evidence with gaps on most variables, some of it the same in all rows; soft on every third one."""
    hard, soft = {}, {}
    for i, variable in enumerate(graph.variables):
        shape = () if i % 4 == 3 else batch
        if i % 5 != 4:
            states = torch.randint(0, variable.num_states, shape, generator=generator)
            hard[variable.name] = torch.where(torch.rand(shape, generator=generator) < share, states, -1)
        if i % 3 == 1:
            soft[variable.name] = torch.randn((*batch, variable.num_states), generator=generator, dtype=torch.float64)
    return Evidence(hard, soft)


def drawn_question(graph, batch, seed, zeros=0.1):
    generator = torch.Generator().manual_seed(seed)
    tables = random_log_potentials(graph, batch, generator)
    for name, table in tables.items():
        tables[name] = table.masked_fill(torch.rand(table.shape, generator=generator) < zeros, -torch.inf)
    return tables, mixed_evidence(graph, batch, generator)


questions = given(
    factor_graphs(),
    st.sampled_from([(), (1,), (6,), (2, 3), (0,)]),
    st.integers(0, 2**31),
    st.sampled_from([60, AMPLE]),
)


@questions
@settings(max_examples=40, deadline=None)
def test_every_answer_is_that_of_the_listing(worth, graph, batch, seed, budget):
    tables, evidence = drawn_question(graph, batch, seed)
    expected = infer(graph, tables, evidence, method=LISTED)
    try:
        found = LogQuery(graph, tables, evidence, budget).posterior(graph.variable_names)
        best = LogQuery(graph, tables, evidence, budget).decode()
    except MemoryError:
        assert budget < AMPLE
        return
    assert_close(found.log_partition, expected.log_partition)
    assert_close(dict(found.log_marginals), {name: expected.log_marginals[name] for name in found.log_marginals})
    assert_close(found.entropy.nan_to_num(-1), expected.entropy.nan_to_num(-1), 1e-8)
    names = graph.variable_names[::2]
    if budget == AMPLE:
        assert_close(found.log_joint(names), expected.log_joint(names))
    assert found.log_partition.shape == found.converged.shape == expected.log_partition.shape
    assert list(best) == list(graph.variable_names)
    assert_best(graph, tables, evidence, best, expected)


def assert_best(graph, tables, evidence, best, expected):
    for states in best.values():
        assert states.shape == expected.log_partition.shape
        assert torch.equal(states == -1, expected.impossible)
    for name, states in evidence.hard.items():
        clash = (best[name] != states) & (states >= 0) & ~expected.impossible
        assert not clash.any()
    possible = {name: states.clamp(min=0) for name, states in best.items()}
    listed = decode(graph, tables, evidence, LISTED)
    listed = {name: states.clamp(min=0) for name, states in listed.items()}

    def score(states):
        soft = [table.expand(*expected.log_partition.shape, -1) for table in evidence.soft.values()]
        of_soft = [t.gather(-1, states[n].unsqueeze(-1)).squeeze(-1) for n, t in zip(evidence.soft, soft, strict=True)]
        return log_score(graph, tables, states) + sum(of_soft, torch.zeros(()))

    rows = ~expected.impossible
    assert_close(score(possible)[rows].double(), score(listed)[rows].double())


@given(factor_graphs(), st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_gradients_are_those_of_the_listing_in_tables_and_soft_evidence(worth, graph, seed):
    tables, evidence = drawn_question(graph, (5,), seed)
    if not tables:
        return

    def gradients(answer):
        leaves = [table.clone().requires_grad_() for table in (*tables.values(), *evidence.soft.values())]
        potentials = dict(zip(tables, leaves, strict=False))
        soft = dict(zip(evidence.soft, leaves[len(tables) :], strict=True))
        found = answer(potentials, Evidence(evidence.hard, soft))
        total = sum((table.exp() * torch.arange(table.shape[-1])).sum() for table in found.log_marginals.values())
        total = total + found.log_partition.masked_fill(found.impossible, 0.0).sum()
        total = total + found.entropy.masked_fill(found.impossible, 0.0).sum()
        return torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)

    names = graph.variable_names
    found = gradients(lambda *query: LogQuery(graph, *query, AMPLE).posterior(names))
    expected = gradients(lambda *query: LISTED.run(graph, *query, names))
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, 1e-8)


def test_answers_of_mixed_rows_pass_gradcheck_twice(worth, generator):
    graph = grid(2)
    tables = random_log_potentials(graph, (3,), generator)
    leaves = [table.requires_grad_() for table in tables.values()]
    evidence = Evidence({"x00": torch.tensor([0, -1, 1]), "x11": torch.tensor([-1, -1, 1]), "x01": torch.tensor(0)})

    def answer(*logs):
        found = LogQuery(graph, dict(zip(tables, logs, strict=True)), evidence, AMPLE).posterior(["x00", "x10"])
        return (
            found.log_partition,
            found.log_marginals["x10"],
            found.log_joint(("x00", "x10")).exp(),
            found.entropy,
        )

    assert torch.autograd.gradcheck(answer, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(answer, leaves, fast_mode=True)


def test_samples_of_rows_told_apart_follow_the_posterior_of_their_row(worth, generator):
    graph = grid(2)
    tables = {
        name: torch.randn(graph.shape(scope), generator=generator).double() for name, scope in graph.scopes.items()
    }
    evidence = Evidence({"x00": torch.tensor([0, -1, 1, 1]), "x01": torch.tensor([1, 1, -1, 0])})
    drawn = sample(graph, tables, 20_000, generator, evidence)
    expected = infer(graph, tables, evidence, method=LISTED)
    for name in graph.variable_names:
        assert drawn[name].shape == (20_000, 4)
        assert_close((drawn[name] == 1).double().mean(0), expected.marginal(name)[:, 1].double(), 0.02)
    alike = sample(graph, tables, 2000, generator, Evidence({name: torch.tensor([1, 1]) for name in ("x00", "x11")}))
    assert not torch.equal(alike["x01"][:, 0], alike["x01"][:, 1])  # rows are drawn independently


def test_what_is_too_wide_whole_is_answered_where_what_is_left_fits(generator):
    graph = grid(14)
    tables = {name: torch.randn(graph.shape(scope), generator=generator) for name, scope in graph.scopes.items()}
    columns = [[f"x{i:x}{j:x}" for i in range(14)] for j in range(2, 14, 3)]
    seen = {name: torch.randint(0, 2, (4,), generator=generator) for column in columns for name in column}
    seen["x00"] = torch.tensor([0, -1, 1, -1])
    method, evidence = VariableElimination(memory_budget=2**17), Evidence(seen)
    with pytest.raises(MemoryError, match="of VariableElimination must be at least"):
        decode(graph, tables, method=method)
    best = decode(graph, tables, evidence, method)
    ample = decode(graph, tables, evidence)
    assert_close(log_score(graph, tables, best), log_score(graph, tables, ample), 1e-5)
    assert all(torch.equal(best[name].where(states >= 0, states), states) for name, states in seen.items())
    drawn = sample(graph, tables, 3, generator, evidence, method)
    assert all(bool(((drawn[name] == states) | (states < 0)).all()) for name, states in seen.items())
    leaf = tables["x03-x04"] = tables["x03-x04"].requires_grad_()
    learned = infer(graph, tables, evidence, ["x04"], VariableElimination(memory_budget=2**19)).log_marginals["x04"]
    with torch.no_grad():
        assert_close(learned, infer(graph, tables, evidence, ["x04"]).log_marginals["x04"], 1e-4)
    assert bool(torch.autograd.grad(learned[:, 0].sum(), leaf)[0].isfinite().all())


def test_rows_that_do_not_fit_are_named_before_anything_is_computed(generator):
    graph = grid(8)
    tables = {name: torch.randn(graph.shape(scope), generator=generator) for name, scope in graph.scopes.items()}
    some = torch.ones(5, dtype=torch.int64)
    some[3] = -1
    evidence = Evidence({name: some for name in graph.variable_names[:-1]})
    with pytest.raises(MemoryError, match="for row 3 on this graph"):
        decode(graph, tables, evidence, VariableElimination(memory_budget=2048))
