"""Inference is differentiable in every table, to second order, also beside zeros."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from graphfuse import (
    Enumeration,
    Evidence,
    Variable,
    VariableElimination,
    decode,
    infer,
    log_score,
    markov_network,
    star,
)
from tests.graphs import assert_close, random_log_potentials

NAMES = "abcd"


def loop():
    return markov_network([Variable(name, 2) for name in NAMES], [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")])


def tables_and_function(answer, batch, generator):
    graph = loop()
    log_potentials = random_log_potentials(graph, batch, generator)
    evidence = Evidence(hard={"b": torch.tensor([1, -1]) if batch else torch.tensor(1)})
    names = list(log_potentials)

    def function(*tables):
        return answer(infer(graph, dict(zip(names, tables, strict=True)), evidence))

    return function, [log_potentials[name].requires_grad_() for name in names]


ANSWERS = {
    "log_partition": lambda posterior: posterior.log_partition,
    "marginal": lambda posterior: posterior.marginal("c"),
    "joint": lambda posterior: posterior.joint(("a", "c")),
}


@pytest.mark.parametrize("batch", [(), (2,)], ids=str)
@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_pass_gradcheck_in_every_table(answer, batch, generator):
    function, tables = tables_and_function(ANSWERS[answer], batch, generator)
    assert gradcheck(function, tables)


def test_answers_can_be_differentiated_twice(generator):
    function, tables = tables_and_function(ANSWERS["marginal"], (), generator)
    assert gradgradcheck(function, tables)


def test_the_gradient_of_the_log_partition_is_the_marginals(generator):
    graph = loop()
    log_potentials = random_log_potentials(graph, (3,), generator)
    unary = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    log_potentials["a"] = log_potentials["a"] + unary
    posterior = infer(graph, log_potentials)
    (gradient,) = torch.autograd.grad(posterior.log_partition.sum(), unary)
    assert_close(gradient, posterior.marginal("a"))


def test_gradients_stay_finite_beside_zeros_and_vanish_in_impossible_rows(generator):
    graph = loop()
    log_potentials = random_log_potentials(graph, (), generator)
    forbidden = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]], dtype=torch.float64)
    unary = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    evidence = Evidence(hard={"a": torch.tensor([0, 0, -1]), "b": torch.tensor([0, 1, -1])})
    posterior = infer(graph, {**log_potentials, "a-b": forbidden, "c": unary}, evidence)
    for value in (posterior.log_partition, posterior.marginal("c")[:, 0], posterior.joint(("a", "c"))[:, 0, 0]):
        (gradient,) = torch.autograd.grad(value[~posterior.impossible].sum(), unary, retain_graph=True)
        assert bool(gradient.isfinite().all())
        assert gradient[1].tolist() == [0.0, 0.0]
    (gradient,) = torch.autograd.grad(posterior.log_partition.sum(), unary)
    assert bool(gradient.isfinite().all()) and gradient[1].tolist() == [0.0, 0.0]


def test_soft_evidence_is_differentiable(generator):
    graph = star(Variable("y", 3), ["x"])
    log_potentials = random_log_potentials(graph, (2,), generator)
    soft = torch.randn(2, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    assert gradcheck(lambda table: infer(graph, log_potentials, Evidence(soft={"y": table})).marginal("y"), [soft])


def test_the_score_of_an_assignment_is_differentiable(generator):
    graph = loop()
    log_potentials = {name: t.requires_grad_() for name, t in random_log_potentials(graph, (), generator).items()}
    assignment = {name: torch.tensor([0, 1]) for name in NAMES}
    log_score(graph, log_potentials, assignment).sum().backward()
    assert log_potentials["a-b"].grad.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_the_score_of_the_best_assignment_is_differentiable_where_no_other_is_as_good(generator):
    graph = loop()
    tables = random_log_potentials(graph, (3,), generator)
    evidence = Evidence({graph.variable_names[0]: torch.tensor([0, -1, 1])})
    leaves = [table.requires_grad_() for table in tables.values()]

    def score(*logs):
        potentials = dict(zip(tables, logs, strict=True))
        return log_score(graph, potentials, decode(graph, potentials, evidence))

    assert gradcheck(score, leaves)
    for gradient in torch.autograd.grad(score(*leaves).sum(), leaves):
        assert bool(((gradient == 0) | (gradient >= 1)).all())  # entries of the best assignment count, no others


@pytest.mark.parametrize("method", [VariableElimination(), Enumeration()], ids=str)
@pytest.mark.parametrize("batch", [(), (3,)], ids=str)
def test_the_entropy_passes_gradcheck(method, batch, generator):
    graph = loop()
    tables = random_log_potentials(graph, batch, generator)
    leaves = [table.requires_grad_() for table in tables.values()]
    evidence = Evidence({graph.variable_names[0]: torch.full(batch, 1)})
    assert gradcheck(
        lambda *logs: infer(graph, dict(zip(tables, logs, strict=True)), evidence, method=method).entropy, leaves
    )
