"""The density of correlated scores: what scipy says of every subset, and the pools that it has as its limits."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.stats import multivariate_normal

from graphfuse import CorrelatedScorePotential, GraphFusion, ModalityBatch, TablePotential, Variable
from graphfuse.graph import Factor, FactorGraph
from graphfuse.inference import Enumeration
from graphfuse.potentials.correlated_scores import _distinct
from tests.graphs import assert_close

NAMES = ("a", "b", "c")
GRAPH = FactorGraph([Variable("y", 3)], [Factor("prior", ("y",)), Factor("scores", ("y",))])


def drawn(generator, num_states=3, groups=("u", "u", "v"), names=NAMES):
    potential = CorrelatedScorePotential(num_states, names, groups).double()
    with torch.no_grad():
        for parameter in potential.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return potential


def rows_and_masks(generator, num_states=3, num_sources=3):
    masks = torch.tensor(list(product([True, False], repeat=num_sources)))
    scores = torch.randn(len(masks), num_sources, num_states, generator=generator, dtype=torch.float64)
    return torch.where(masks.unsqueeze(-1), scores, 0.0), masks


def by_scipy(potential, scores, mask, state):
    """The density of the scores of one row, state by state, from the moments that the docstring states."""
    weight = potential.log_weight.detach().exp().numpy()
    information = np.exp(potential.spread * potential.log_information.detach().numpy())
    scale = np.exp(potential.spread * potential.log_scale.detach().numpy())
    correlations, total = potential.correlations.detach().numpy(), 0.0
    kept = np.flatnonzero(mask.numpy())
    for k in range(len(scale)):
        mean = information * scale[k] * (k == state) / weight
        covariance = scale[k] * np.sqrt(np.outer(information, information)) * correlations / np.outer(weight, weight)
        total += multivariate_normal(mean[kept], covariance[np.ix_(kept, kept)]).logpdf(scores[kept, k].numpy())
    return total


def test_table_and_reference_are_the_normalized_gaussian_of_every_subset(generator):
    potential = drawn(generator)
    scores, masks = rows_and_masks(generator)
    inputs = list(scores.unbind(1))
    with torch.no_grad():
        found = potential(inputs, masks) + potential.reference_log_density(inputs, masks).unsqueeze(-1)
    for row, mask in enumerate(masks[:-1]):
        expected = [by_scipy(potential, scores[row], mask, state) for state in range(3)]
        np.testing.assert_allclose(found[row].numpy(), expected, atol=1e-10)
    assert_close(found[-1], torch.zeros(3, dtype=torch.float64))  # no source, nothing said


def test_summing_a_source_out_leaves_the_density_of_the_others(generator):
    potential = drawn(generator, num_states=1, groups=("u", "v"), names=("a", "b"))
    grid = torch.linspace(-60, 60, 20_001, dtype=torch.float64)
    inputs = [torch.full((len(grid), 1), 0.4, dtype=torch.float64), grid.unsqueeze(-1)]

    def density(present):
        with torch.no_grad():
            table = potential(inputs, present)[:, 0] + potential.reference_log_density(inputs, present)
        return table.exp().numpy()

    both, first = torch.ones(len(grid), 2, dtype=torch.bool), torch.tensor([[True, False]]).expand(len(grid), 2)
    np.testing.assert_allclose(trapezoid(density(both), grid.numpy()), density(first)[0], rtol=1e-8)


def test_without_correlation_it_is_the_product_of_experts_and_with_all_the_logarithmic_pool():
    potential = CorrelatedScorePotential(2, NAMES, num_factors=1).double()
    scores = [torch.tensor([[1.0, -1.0]]).double(), torch.tensor([[0.5, 0.0]]).double(), torch.zeros(1, 2).double()]
    everyone = torch.ones(1, 3, dtype=torch.bool)
    for loading, weight in ((0.0, 1.0), (1e4, 1 / 3)):
        with torch.no_grad():
            potential.loading.copy_((loading - potential.start) / potential.spread)
            table = potential(scores, everyone)
        expected = weight * torch.stack(scores).sum(0)
        np.testing.assert_allclose(table - table[:, :1], expected - expected[:, :1], atol=1e-4)


@pytest.mark.parametrize("num_sources", [2, 3, 7])
def test_equal_sources_share_their_weight_as_the_closed_form_says(num_sources):
    potential = CorrelatedScorePotential(2, [str(i) for i in range(num_sources)], num_factors=1).double()
    correlation = float(potential.correlations.detach()[0, 1])
    found = potential.weights(torch.ones(num_sources, dtype=torch.bool)).detach()
    expected = 1 / (1 + (num_sources - 1) * correlation)
    assert_close(found, torch.full((num_sources,), expected, dtype=torch.float64))


def test_a_source_alone_is_taken_at_its_word(generator):
    scores, alone = torch.randn(4, 2, generator=generator), torch.tensor([[False, True, False]]).expand(4, 3)
    nothing = torch.zeros(4, 2)
    table = CorrelatedScorePotential(2, NAMES)([nothing, scores, nothing], alone).detach()
    assert_close(table[:, 1] - table[:, 0], scores[:, 1] - scores[:, 0])


def test_only_sources_of_one_group_load_on_a_cause_of_their_own():
    start = CorrelatedScorePotential(2, ["a", "b", "c", "d"], groups=["u", "v", "u", "w"]).start
    assert start.shape == (4, 3)
    assert_close(start[:, 2], torch.tensor([1.5, 0.0, 1.5, 0.0]))


@pytest.mark.parametrize("method", [None, Enumeration()], ids=["elimination", "enumeration"])
@pytest.mark.parametrize("shape", [(8,), (2, 4)], ids=["rows", "rows of rows"])
def test_in_a_graph_the_posterior_of_every_subset_is_that_of_the_joint_density(generator, method, shape):
    potential, log_prior = drawn(generator), torch.tensor([0.2, 0.5, 0.3]).double().log()
    prior = TablePotential(log_prior)
    settings = {} if method is None else {"method": method}
    model = GraphFusion(GRAPH, {"prior": prior, "scores": potential}, ["y"], **settings)
    scores, masks = rows_and_masks(generator)
    states = torch.arange(8).reshape(shape) % 3
    inputs = {name: scores[:, i].reshape(*shape, 3) for i, name in enumerate(NAMES)}
    present = {name: masks[:, i].reshape(shape) for i, name in enumerate(NAMES)}
    batch = ModalityBatch(inputs, present, targets={"y": states})
    found = model(batch)["y"].detach().reshape(8, 3)
    for row, mask in enumerate(masks):
        density = [by_scipy(potential, scores[row], mask, state) if mask.any() else 0.0 for state in range(3)]
        assert_close(found[row], (torch.tensor(density).double() + log_prior).log_softmax(-1))
    subsets = [NAMES, ("a",), ("b", "c"), ()]
    expected = torch.stack([model.log_likelihood(batch.select(NAMES).keep(kept(present, each))) for each in subsets])
    assert_close(model.subset_log_likelihoods(batch, subsets).detach(), expected.detach())


def kept(present, subset):
    return {name: mask & (name in subset) for name, mask in present.items()}


def test_missing_values_neither_reach_the_table_nor_its_gradient(generator):
    potential = drawn(generator)
    model = GraphFusion(GRAPH, {"prior": TablePotential(torch.zeros(3).double()), "scores": potential}, ["y"])
    scores = torch.full((2, 3), torch.nan, dtype=torch.float64)
    some = torch.randn(2, 3, generator=generator, dtype=torch.float64)
    batch = ModalityBatch({"a": some, "b": scores, "c": some}, targets={"y": torch.tensor([0, 2])})
    (-model.log_likelihood(batch).sum()).backward()
    assert all(bool(parameter.grad.isfinite().all()) for parameter in potential.parameters())


def test_masks_are_told_apart_however_many_sources_there_are(generator):
    for num_sources in (1, 6, 50, 80):
        masks = torch.rand(40, num_sources, generator=generator) < 0.5
        patterns, which = _distinct(torch.cat([masks, masks]))
        assert num_sources == 80 or len(patterns) == len({tuple(mask.tolist()) for mask in masks})
        assert torch.equal(patterns[which], torch.cat([masks, masks]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"modalities": []}, "modalities must name at least one modality; got none"),
        ({"spread": 0.0}, r"spread must be positive; got 0\.0"),
        ({"groups": ["u"]}, "groups must name one group per source, 2; got 1"),
        ({"num_states": 0}, "num_states"),
    ],
    ids=["no source", "no spread", "a group too few", "no state"],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        CorrelatedScorePotential(**{"num_states": 2, "modalities": ["a", "b"], **settings})


def test_scores_of_another_width_are_refused_by_name():
    potential = CorrelatedScorePotential(2, ["a", "b"])
    with pytest.raises(ValueError, match=r"scores of modality 'b' must have shape \(\*batch, 2\); got \(1, 3\)"):
        potential([torch.zeros(1, 2), torch.zeros(1, 3)], torch.ones(1, 2, dtype=torch.bool))
