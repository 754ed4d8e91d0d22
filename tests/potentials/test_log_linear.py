"""A log-linear potential is the weighted sum of its features, and learns by matching their expectations."""

import pytest
import torch

from graphfuse import Factor, FactorGraph, Variable, infer
from graphfuse.potentials import LogLinearPotential, PottsPotential
from tests.graphs import assert_close


def test_the_table_is_the_weighted_sum_of_features(generator):
    features = torch.randn(2, 3, 2, 4, generator=generator).double()
    weights = torch.randn(4, generator=generator).double()
    table = LogLinearPotential(features, weights)().detach()
    for index in torch.cartesian_prod(*(torch.arange(size) for size in (2, 3, 2))).tolist():
        expected = sum(float(features[(*index, k)]) * float(weights[k]) for k in range(4))
        assert float(table[tuple(index)]) == pytest.approx(expected, abs=1e-12)


def test_features_of_functions_are_their_values_at_every_joint_state():
    potential = LogLinearPotential.from_functions(
        (2, 3), [lambda a, b: a == b, lambda a, b: a * b, lambda a, b: b[:1], lambda a, b: torch.tensor(2)]
    )
    for a in range(2):
        for b in range(3):
            assert potential.features[a, b].tolist() == [float(a == b), a * b, b, 2.0]
    assert bool((potential() == 0).all())


def test_an_agreement_feature_is_the_potts_model():
    agree = LogLinearPotential.from_functions((3, 3), [lambda a, b: a == b])
    agree.load_state_dict({**agree.state_dict(), "weights": torch.tensor([0.7])})
    assert_close(agree().detach(), PottsPotential(3, 0.7)().detach())


def test_the_gradient_of_the_log_partition_is_the_expectation_of_the_features(generator):
    graph = FactorGraph([Variable("a", 2), Variable("b", 3), Variable("c", 2)], [Factor("f", ("a", "b", "c"))])
    potential = LogLinearPotential(
        torch.randn(2, 3, 2, 4, generator=generator).double(), torch.randn(4, generator=generator).double()
    )
    infer(graph, {"f": potential()}).log_partition.backward()
    probabilities = potential().detach().exp()
    expected = (probabilities[..., None] * potential.features).sum((0, 1, 2)) / probabilities.sum()
    assert_close(potential.weights.grad, expected)


def test_training_matches_the_expectations_of_the_features(generator):
    potential = LogLinearPotential.from_functions((4, 3), [lambda a, b: a == b, lambda a, b: a * b]).double()
    data = torch.rand(4, 3, generator=generator, dtype=torch.float64)
    data = data / data.sum()
    optimizer = torch.optim.LBFGS(potential.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = potential().logsumexp((0, 1)) - (data * potential()).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    model = potential().detach().flatten().softmax(0).reshape(4, 3)
    observed, expected = ((table[..., None] * potential.features).sum((0, 1)) for table in (data, model))
    assert_close(expected, observed, tolerance=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogLinearPotential([1.0]), "features must be a tensor; got list"),
        (lambda: LogLinearPotential(torch.zeros(2, 2).long()), "features must be a floating-point tensor; got .*int64"),
        (lambda: LogLinearPotential(torch.zeros(2, 0)), r"at least one feature; got \(2, 0\)"),
        (lambda: LogLinearPotential(torch.full((2, 1), -torch.inf)), "features must be finite"),
        (lambda: LogLinearPotential(torch.zeros(2, 3), torch.zeros(2)), r"weights must have shape \(3,\); got \(2,\)"),
        (lambda: LogLinearPotential.from_functions((2,), []), "functions must hold at least one function; got none"),
        (lambda: LogLinearPotential.from_functions(2, [abs]), "shape must be a sequence of numbers of states; got int"),
        (
            lambda: LogLinearPotential.from_functions((2, 3), [lambda a, b: torch.zeros(2)]),
            r"the values of functions\[0\] must broadcast over \(2, 3\); got \(2,\)",
        ),
    ],
)
def test_what_is_no_log_linear_model_is_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
