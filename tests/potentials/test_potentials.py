"""Every potential keeps the contract, and says what its formula says."""

import pytest
import torch
from scipy.stats import multivariate_normal
from torch import nn
from torch.autograd import gradcheck

from graphfuse import (
    ConditionalPotential,
    GaussianPotential,
    NeuralPotential,
    ScorePotential,
    TablePotential,
    potentials,
)
from graphfuse.potentials import (
    IsingPotential,
    LogLinearPotential,
    LowRankPotential,
    MixturePotential,
    NoisyMaxPotential,
    NoisyOrPotential,
    Potential,
    PottsPotential,
    ProductPotential,
    TiedPotential,
)
from tests.families import members
from tests.graphs import assert_close

SHAPE = (2, 3)


def random(*shape, generator):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def gaussian(generator, scope=(3,), size=2):
    factor = random(*scope, size, size, generator=generator)
    covariance = factor @ factor.mT + torch.eye(size, dtype=torch.float64)
    return GaussianPotential(random(*scope, size, generator=generator), covariance, "m")


def members_of_one_scope(generator):
    return [NeuralPotential(nn.Linear(4, 6).double(), SHAPE, "m"), TablePotential(random(*SHAPE, generator=generator))]


MAKE = {
    TablePotential: lambda g: (TablePotential(random(*SHAPE, generator=g)), SHAPE, None),
    ConditionalPotential: lambda g: (ConditionalPotential(random(*SHAPE, generator=g)), SHAPE, None),
    NeuralPotential: lambda g: (NeuralPotential(nn.Linear(4, 6).double(), SHAPE, "m"), SHAPE, 4),
    ScorePotential: lambda g: (ScorePotential(3, "m").double(), (3,), 3),
    GaussianPotential: lambda g: (gaussian(g), (3,), 2),
    NoisyOrPotential: lambda g: (NoisyOrPotential(random(2, generator=g), random(generator=g)), (2, 2, 2), None),
    NoisyMaxPotential: lambda g: (
        NoisyMaxPotential([random(1, 3, generator=g), random(2, 3, generator=g)], random(3, generator=g)),
        (2, 3, 3),
        None,
    ),
    LogLinearPotential: lambda g: (
        LogLinearPotential(random(*SHAPE, 4, generator=g), random(4, generator=g)),
        SHAPE,
        None,
    ),
    PottsPotential: lambda g: (PottsPotential(3, random(generator=g)), (3, 3), None),
    IsingPotential: lambda g: (IsingPotential(random(generator=g)), (2, 2), None),
    LowRankPotential: lambda g: (
        LowRankPotential([random(size, 2, generator=g) for size in SHAPE]),
        SHAPE,
        None,
    ),
    TiedPotential: lambda g: (
        TiedPotential(NeuralPotential(nn.Linear(4, 6).double(), SHAPE, "m"), (1, 0)),
        (3, 2),
        4,
    ),
    ProductPotential: lambda g: (ProductPotential(members_of_one_scope(g), SHAPE), SHAPE, 4),
    MixturePotential: lambda g: (
        MixturePotential(members_of_one_scope(g), SHAPE, random(2, generator=g)),
        SHAPE,
        4,
    ),
}
FAMILY = members(potentials, Potential)


@pytest.mark.parametrize("kind", FAMILY)
@pytest.mark.parametrize("batch", [(), (1,), (4,), (2, 3), (0,)], ids=str)
def test_a_potential_fills_the_table_of_its_scope(kind, batch, generator):
    potential, shape, num_features = MAKE[kind](generator)
    inputs = None if num_features is None else torch.randn((*batch, num_features), generator=generator).double()
    table = potential(inputs)
    assert table.shape == ((*batch, *shape) if num_features else shape)
    assert (potential.modality is None) == (num_features is None)


@pytest.mark.parametrize("kind", FAMILY)
def test_a_potential_passes_gradcheck_in_its_inputs_and_parameters(kind, generator):
    potential, _, num_features = MAKE[kind](generator)
    names = [name for name, _ in potential.named_parameters()]
    parameters = [parameter.detach().requires_grad_() for parameter in potential.parameters()]
    inputs = [random(4, num_features, generator=generator).requires_grad_()] if num_features else []

    def function(*tensors):
        state = dict(zip(names, tensors, strict=False))
        arguments = tensors[len(names) :] or (None,)
        return torch.func.functional_call(potential, state, tuple(arguments))

    assert gradcheck(function, (*parameters, *inputs))


@pytest.mark.parametrize("kind", FAMILY)
def test_a_row_says_the_same_alone_and_in_a_batch(kind, generator):
    potential, _, num_features = MAKE[kind](generator)
    if num_features:
        inputs = random(5, num_features, generator=generator)
        table = potential(inputs)
        for row in range(5):
            assert_close(potential(inputs[row : row + 1])[0], table[row])


@pytest.mark.parametrize("kind", FAMILY)
def test_a_potential_is_restored_from_its_state(kind, generator):
    potential, _, num_features = MAKE[kind](generator)
    other, _, _ = MAKE[kind](generator)
    other.load_state_dict(potential.state_dict())
    inputs = random(3, num_features, generator=generator) if num_features else None
    assert_close(other(inputs), potential(inputs))
    assert kind.__name__ in repr(potential)


@pytest.mark.parametrize("kind", FAMILY)
def test_every_parameter_of_a_potential_moves_its_table(kind, generator):
    potential, _, num_features = MAKE[kind](generator)
    table = potential(random(4, num_features, generator=generator) if num_features else None)
    (table * random(*table.shape, generator=generator)).sum().backward()
    for name, parameter in potential.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name


def test_a_conditional_table_is_normalized_over_its_child_whatever_its_parameters(generator):
    potential = ConditionalPotential(random(2, 3, 4, generator=generator))
    assert_close(potential().exp().sum(-1), torch.ones(2, 3, dtype=torch.float64))
    table = torch.tensor([[0.25, 0.75], [1.0, 0.0]], dtype=torch.float64)
    assert_close(ConditionalPotential.from_probabilities(table)().exp(), table)


def test_a_gaussian_equals_scipys_density_on_whichever_cells_are_observed(generator):
    potential = gaussian(generator, scope=(2, 2), size=3)
    mean, covariance = potential.mean.detach().numpy(), potential.covariance.detach().numpy()
    inputs = random(9, 3, generator=generator)
    inputs[torch.rand(9, 3, generator=generator) < 0.4] = torch.nan
    inputs[0] = torch.nan
    table = potential(inputs).detach()
    for row in range(9):
        cells = (~inputs[row].isnan()).nonzero().squeeze(-1).numpy()
        for i in range(2):
            for j in range(2):
                expected = 0.0
                if len(cells):
                    block = covariance[i, j][cells][:, cells]
                    expected = multivariate_normal(mean[i, j][cells], block).logpdf(inputs[row, cells].numpy())
                assert float(table[row, i, j]) == pytest.approx(expected, abs=1e-10)


def test_gaussians_without_shrinkage_are_the_maximum_likelihood_estimates_of_complete_rows(generator):
    inputs, states = random(60, 3, generator=generator), torch.arange(60) % 2
    potential = GaussianPotential.from_data(inputs, states, 2, "m", shrinkage=0.0)
    for state in range(2):
        rows = inputs[states == state]
        assert_close(potential.mean[state].detach(), rows.mean(0))
        assert_close(potential.covariance[state].detach(), torch.cov(rows.T, correction=0))


def test_gaussians_are_estimated_from_rows_with_gaps_and_for_states_without_rows(generator):
    inputs, states = random(40, 3, generator=generator), torch.randint(0, 2, (40,), generator=generator)
    inputs[torch.rand(40, 3, generator=generator) < 0.3] = torch.nan
    potential = GaussianPotential.from_data(inputs, states, 3, "m")
    assert bool(potential(inputs).isfinite().all())
    assert_close(potential.mean[2].detach(), inputs.nanmean(0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TablePotential(torch.tensor([torch.nan])), "log_values must be free of nan and \\+inf; got nan"),
        (lambda: ConditionalPotential(torch.tensor(1.0)), r"log_weights must have shape \(\*parents, child\)"),
        (lambda: ConditionalPotential(torch.full((2, 2), -torch.inf)), "log_weights must be below"),
        (
            lambda: ConditionalPotential.from_probabilities(torch.tensor([[0.5, 0.6]])),
            "table must sum to 1 over its last dimension, the child; got a row that sums to 1.1",
        ),
        (
            lambda: ConditionalPotential.from_probabilities(torch.tensor([[1.5, -0.5]])),
            "table must hold probabilities of at least 0; got -0.5",
        ),
        (lambda: ConditionalPotential.from_probabilities(torch.tensor([torch.nan, 1.0])), "table must hold"),
        (lambda: NeuralPotential(nn.Linear(2, 5), (2, 3), "m")(torch.zeros(4, 2)), "must have 6 entries per row"),
        (lambda: NeuralPotential(nn.Linear(2, 5), (5,), "m")(), "inputs must be the values of modality 'm'; got None"),
        (lambda: NeuralPotential(nn.Linear(2, 5), 5, "m"), "shape must be a sequence of numbers of states; got int"),
        (lambda: NeuralPotential(nn.Linear(2, 5), (5.0,), "m"), "each of shape must be an integer; got 5.0"),
        (
            lambda: NeuralPotential(nn.Linear(2, 5), (5,), "m")(torch.zeros(4, 2).double()),
            r"the values of modality 'm' must be of the dtype of its encoder, torch.float32 .*; got torch.float64",
        ),
        (
            lambda: NeuralPotential(nn.Linear(2, 5), (5,), "m")(torch.zeros(4, 2, device="meta")),
            "the values of modality 'm' must be on the device of its encoder, cpu .*; got meta",
        ),
        (lambda: ConditionalPotential([[1.0]]), "log_weights must be a tensor; got list"),
        (lambda: ScorePotential(2, "m")(torch.zeros(())), r"must have shape \(\*batch, 2\); got \(\)"),
        (lambda: NeuralPotential(len, (5,), "m"), "encoder must be a torch module; got builtin_function_or_method"),
        (lambda: NeuralPotential(nn.LSTM(2, 5), (5,), "m")(torch.zeros(4, 2)), "must be a tensor; got tuple"),
        (lambda: ScorePotential(3, "m")(torch.zeros(4, 2)), r"scores of modality 'm' must have shape \(\*batch, 3\)"),
        (lambda: GaussianPotential(torch.zeros(2, 1), torch.ones(2, 1), "m"), "covariance must have shape"),
        (lambda: GaussianPotential(torch.zeros(1, 2), torch.ones(1, 2, 2), "m"), "must be positive definite"),
        (lambda: GaussianPotential(torch.zeros(1, 1), torch.ones(1, 1, 1), ""), "modality must not be empty"),
        (
            lambda: GaussianPotential(torch.zeros(1, 1), torch.ones(1, 1, 1), "m")(torch.zeros(3, 2)),
            r"values of modality 'm' must have shape \(\*batch, 1\); got \(3, 2\)",
        ),
        (
            lambda: GaussianPotential.from_data(torch.full((3, 1), torch.nan), torch.zeros(3).long(), 2, "m"),
            "inputs must have an observed value in every column; got a column of nan",
        ),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
