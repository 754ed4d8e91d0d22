"""Chains and loops of Potts and Ising pairs have the partition function of the transfer matrix."""

from math import cosh, exp, log

import pytest
import torch

from graphfuse import Factor, FactorGraph, Variable, chain, infer
from graphfuse.potentials import IsingPotential, PottsPotential
from tests.graphs import assert_close


def ring(num_variables, num_states):
    variables = [Variable(f"v{i}", num_states) for i in range(num_variables)]
    pairs = [(f"v{i}", f"v{(i + 1) % num_variables}") for i in range(num_variables)]
    return FactorGraph(variables, [Factor("-".join(pair), pair) for pair in pairs])


def double(value):
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("coupling", [-0.8, 0.0, 1.3])
@pytest.mark.parametrize("num_variables", [3, 4, 7])
def test_an_ising_ring_has_the_partition_function_of_its_transfer_matrix(coupling, num_variables):
    graph = ring(num_variables, 2)
    table = IsingPotential(double(coupling))()
    found = infer(graph, dict.fromkeys(graph.scopes, table.detach())).log_partition
    eigenvalues = (exp(coupling) + exp(-coupling), exp(coupling) - exp(-coupling))
    assert float(found) == pytest.approx(log(sum(value**num_variables for value in eigenvalues)), abs=1e-12)


@pytest.mark.parametrize("num_states", [1, 2, 5])
@pytest.mark.parametrize("coupling", [-0.4, 0.9])
def test_a_potts_ring_has_the_partition_function_of_its_transfer_matrix(num_states, coupling):
    graph = ring(4, num_states)
    table = PottsPotential(num_states, double(coupling))()
    found = infer(graph, dict.fromkeys(graph.scopes, table.detach())).log_partition
    largest, others = exp(coupling) - 1 + num_states, exp(coupling) - 1
    assert float(found) == pytest.approx(log(largest**4 + (num_states - 1) * others**4), abs=1e-12)


@pytest.mark.parametrize("field", [0.0, 0.7])
def test_an_ising_chain_in_a_field_equals_the_product_of_its_matrices(field):
    coupling, length = 0.6, 6
    graph = chain([Variable(f"v{i}", 2) for i in range(length)])
    one, pair = double([-field, field]), IsingPotential(double(coupling))().detach()
    tables = {name: one if len(scope) == 1 else pair for name, scope in graph.scopes.items()}
    product = one.exp()
    for _ in range(length - 1):
        product = (product @ pair.exp()) * one.exp()
    found = infer(graph, tables).log_partition
    assert float(found) == pytest.approx(float(product.sum().log()), abs=1e-12)
    if not field:
        assert float(found) == pytest.approx(log(2) + (length - 1) * log(2 * cosh(coupling)), abs=1e-12)


def test_the_ising_model_is_the_potts_model_of_two_states_and_twice_the_coupling():
    ising, potts = IsingPotential(double(0.4))().detach(), PottsPotential(2, double(0.8))().detach()
    assert_close(ising, potts - 0.4)


def test_one_coupling_for_all_pairs_collects_the_gradient_of_all_pairs():
    graph = ring(5, 3)
    potential = PottsPotential(3, double(0.3))
    posterior = infer(graph, {name: potential() for name in graph.scopes})
    posterior.log_partition.backward()
    agreements = [posterior.joint(scope).detach().diagonal().sum() for scope in graph.scopes.values()]
    assert_close(potential.coupling.grad, torch.stack(agreements).sum())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PottsPotential(0), "num_states must be at least 1; got 0"),
        (lambda: PottsPotential(2, float("nan")), "coupling must be one finite floating-point number; got nan"),
        (lambda: IsingPotential(torch.zeros(2)), "coupling must be one finite"),
        (lambda: IsingPotential("strong"), "coupling must be a number or a tensor; got str"),
    ],
)
def test_what_is_no_coupling_is_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
