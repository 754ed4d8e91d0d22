"""Products and mixtures say what their members say together."""

import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm
from torch import nn

from graphfuse import (
    ConditionalPotential,
    Factor,
    FactorGraph,
    GaussianPotential,
    GraphFusion,
    ModalityBatch,
    NeuralPotential,
    ScorePotential,
    TablePotential,
    Variable,
    infer,
    star,
)
from graphfuse.potentials import MixturePotential, ProductPotential
from tests.graphs import assert_close

COMBINED = [ProductPotential, MixturePotential]


def table(*shape, generator):
    return TablePotential(torch.randn(shape, generator=generator, dtype=torch.float64))


def gaussian(mean, deviation):
    mean = torch.tensor(mean, dtype=torch.float64).unsqueeze(-1)
    return GaussianPotential(mean, torch.full((len(mean), 1, 1), deviation**2, dtype=torch.float64), "m")


def test_a_product_is_as_many_factors_over_one_scope(generator):
    graph = FactorGraph(
        [Variable("a", 2), Variable("b", 3)], [Factor(name, ("a", "b")) for name in ("first", "second", "third")]
    )
    parts = {name: table(2, 3, generator=generator) for name in graph.scopes}
    single = FactorGraph(graph.variables, [Factor("all", ("a", "b"))])
    expected = infer(graph, {name: part() for name, part in parts.items()})
    found = infer(single, {"all": ProductPotential(list(parts.values()), (2, 3))()})
    assert_close(found.log_partition, expected.log_partition)
    assert_close(dict(found.log_marginals), dict(expected.log_marginals))


@pytest.mark.parametrize("rows", [(), (4,), (2, 3), (0,)], ids=str)
def test_constant_and_reading_members_meet_in_every_batch_shape(rows, generator):
    constant, reading = table(3, generator=generator), ScorePotential(3, "m").double()
    inputs = torch.randn(*rows, 3, generator=generator).double()
    product = ProductPotential([constant, reading], (3,))(inputs)
    assert_close(product, inputs + constant().expand_as(inputs))
    log_weights = torch.tensor([0.3, 0.7], dtype=torch.float64).log()
    mixture = MixturePotential([constant, reading], (3,), log_weights)(inputs)
    assert_close(mixture, (0.3 * constant().exp() + 0.7 * inputs.exp()).log())


def test_a_mixture_of_gaussians_equals_scipys(generator):
    mixture = MixturePotential(
        [gaussian([0.0, 1.0], 0.5), gaussian([2.0, -1.0], 3.0)], (2,), torch.tensor([2.0, 1.0]).double().log()
    )
    inputs = torch.randn(6, 1, generator=generator).double()
    found = mixture(inputs).detach()
    for state, means in enumerate([(0.0, 2.0), (1.0, -1.0)]):
        parts = [norm(mean, scale).logpdf(inputs[:, 0].numpy()) for mean, scale in zip(means, (0.5, 3.0), strict=True)]
        expected = logsumexp(parts, axis=0, b=[[2 / 3], [1 / 3]])
        assert_close(found[:, state], torch.as_tensor(expected))


def test_a_mixture_of_densities_says_nothing_of_a_row_without_cells():
    mixture = MixturePotential([gaussian([0.0, 1.0], 1.0), gaussian([3.0, 0.0], 2.0)], (2,))
    assert_close(mixture(torch.tensor([[torch.nan]]).double()).detach(), torch.zeros(1, 2).double(), tolerance=1e-7)


def test_a_mixture_of_conditional_tables_is_one_whatever_its_weights(generator):
    parts = [ConditionalPotential(torch.randn(2, 3, generator=generator).double()) for _ in range(3)]
    mixture = MixturePotential(parts, (2, 3), torch.randn(3, generator=generator).double())
    assert_close(mixture().exp().sum(-1), torch.ones(2, dtype=torch.float64))


def test_forbidden_states_are_those_of_any_member_of_a_product_and_of_all_of_a_mixture():
    left = TablePotential(torch.tensor([0.0, -torch.inf, -torch.inf]))
    right = TablePotential(torch.tensor([0.0, 0.0, -torch.inf]))
    product, mixture = ProductPotential([left, right], (3,)), MixturePotential([left, right], (3,))
    assert product().tolist() == [0.0, -torch.inf, -torch.inf]
    assert_close(mixture().exp().detach(), torch.tensor([1.0, 0.5, 0.0]))
    mixture().exp().sum().backward()
    for parameter in mixture.parameters():
        assert bool(parameter.grad.isfinite().all())


def test_a_weight_that_is_excluded_stays_so():
    mixture = MixturePotential(
        [TablePotential(torch.zeros(2)), TablePotential(torch.ones(2))], (2,), torch.tensor([0.0, -torch.inf])
    )
    assert_close(mixture().detach(), torch.zeros(2))
    mixture()[0].backward()
    assert mixture.log_weights.grad.tolist() == [0.0, 0.0]


def test_trained_weights_are_the_maximum_likelihood_proportions(generator):
    first, second = torch.tensor([0.9, 0.1]).double(), torch.tensor([0.2, 0.8]).double()
    parts = [ConditionalPotential.from_probabilities(each).requires_grad_(False) for each in (first, second)]
    mixture = MixturePotential(parts, (2,), torch.zeros(2).double())
    data = 0.7 * first + 0.3 * second
    optimizer = torch.optim.LBFGS([mixture.log_weights], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = -(data * mixture()).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert_close(mixture.log_weights.softmax(0).detach(), torch.tensor([0.7, 0.3]).double(), tolerance=1e-4)


@pytest.mark.parametrize("kind", COMBINED)
def test_a_missing_modality_silences_the_constant_members_too(kind, generator):
    graph = star(Variable("label", 2), sources=["all"])
    members = [table(2, generator=generator), ScorePotential(2, "m").double()]
    model = GraphFusion(graph, {"prior": TablePotential(torch.zeros(2)), "all": kind(members, (2,))}, targets=["label"])
    rows = ModalityBatch({"m": torch.tensor([[1.0, -1.0], [torch.nan, torch.nan]]).double()})
    found = model(rows)["label"]
    assert_close(found[1].exp(), torch.tensor([0.5, 0.5]).double())
    assert_close(found[0], model.potential_of["all"](rows.inputs["m"])[0].log_softmax(-1))


@pytest.mark.parametrize("kind", COMBINED)
def test_members_stay_shared_with_whoever_else_holds_them(kind, generator):
    shared = table(2, generator=generator)
    combined = kind([shared, kind([shared], (2,))], (2,))
    assert sum(parameter is shared.log_values for parameter in combined.parameters()) == 1


@pytest.mark.parametrize("kind", COMBINED)
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda kind: kind([], (2,)), "members must hold at least one potential; got none"),
        (lambda kind: kind([torch.zeros(2)], (2,)), r"members\[0\] must be a Potential; got Tensor"),
        (lambda kind: kind(TablePotential(torch.zeros(2)), (2,)), "members must be a sequence of potentials"),
        (
            lambda kind: kind([ScorePotential(2, "eye"), ScorePotential(2, "ear")], (2,)),
            "members must read one modality at most .* got 'eye', 'ear'",
        ),
        (lambda kind: kind([TablePotential(torch.zeros(2))], 2), "shape must be a sequence of numbers of states"),
        (
            lambda kind: kind([TablePotential(torch.zeros(3, 3)), TablePotential(torch.zeros(3))], (3, 3))(),
            r"the table of members\[1\] must have shape \(3, 3\); got \(3,\)",
        ),
        (
            lambda kind: kind([NeuralPotential(nn.Linear(4, 3), (3,), "m")], (2,))(torch.zeros(5, 4)),
            r"the table of members\[0\] must have shape \(\*batch, 2\); got \(5, 3\)",
        ),
    ],
)
def test_what_does_not_combine_is_named(kind, make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(kind)


@pytest.mark.parametrize(
    ("log_weights", "message"),
    [
        (torch.zeros(3), r"log_weights must have shape \(1,\), one per member; got \(3,\)"),
        (torch.tensor([-torch.inf]), "log_weights must have a finite entry"),
        (torch.tensor([torch.nan]), "log_weights must be free of nan"),
    ],
)
def test_weights_that_are_none_are_named(log_weights, message):
    with pytest.raises(ValueError, match=message):
        MixturePotential([TablePotential(torch.zeros(2))], (2,), log_weights)
