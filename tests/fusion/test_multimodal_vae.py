"""Gaussian opinions multiply as densities do, and the lower bound is one, tight at the exact posterior."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from graphfuse import MeanPool, ModalityBatch, Variable
from graphfuse.encoders import MLP
from graphfuse.fusion import MultimodalVAE
from graphfuse.fusion.multimodal_vae import product_of_gaussians
from graphfuse.learning import SubsampledELBO
from tests.graphs import assert_close

SLOPE, SHIFT = 1.5, 0.4


@pytest.mark.parametrize("num_experts", [0, 1, 3])
def test_the_posterior_is_the_normalized_product_of_densities(num_experts, generator):
    means = torch.randn(num_experts, 1, generator=generator, dtype=torch.float64)
    precisions = 3 * torch.rand(num_experts, 1, generator=generator, dtype=torch.float64) + 0.1
    grid = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    log_density = Normal(0.0, 1.0).log_prob(grid)
    for mean, precision in zip(means, precisions, strict=True):
        log_density = log_density + Normal(mean, precision.rsqrt()).log_prob(grid)
    density = (log_density - log_density.max()).exp()
    density = density / torch.trapezoid(density, grid)
    mean, precision = product_of_gaussians(means, precisions)
    assert_close(density, Normal(mean, precision.rsqrt()).log_prob(grid).exp(), 1e-8)


class ExactExpert(nn.Module):
    """The mean and the (inverse softplus of the) precision of the likelihood of z in x = SLOPE z + SHIFT + noise."""

    def forward(self, inputs):
        precision = torch.full_like(inputs, SLOPE**2)
        return torch.cat([(inputs - SHIFT) / SLOPE, precision.expm1().log()], -1)


def linear_gaussian(offset=0.0):
    decoder, classifier = nn.Linear(1, 1).double(), nn.Linear(1, 2).double()
    with torch.no_grad():
        decoder.weight.fill_(SLOPE), decoder.bias.fill_(SHIFT + offset)
        classifier.weight.zero_(), classifier.bias.zero_()
    return MultimodalVAE({"x": ExactExpert()}, {"x": decoder}, classifier, 1, Variable("y", 2))


@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_the_lower_bound_is_below_the_log_density_and_meets_it_at_the_exact_posterior(offset, generator):
    num_rows, value = 40_000, 2.0
    rows = ModalityBatch({"x": torch.full((num_rows, 1), value).double()}, targets={"y": torch.full((num_rows,), -1)})
    bound = linear_gaussian(offset).elbo(rows, generator).detach()
    exact = float(Normal(SHIFT + offset, (1 + SLOPE**2) ** 0.5).log_prob(torch.tensor(value)))
    error = 4 * float(bound.std()) / num_rows**0.5
    assert float(bound.mean()) < exact + error
    assert (abs(float(bound.mean()) - exact) < error) == (offset == 0.0)


def test_known_targets_and_observed_cells_alone_enter_the_bound(generator):
    inputs = torch.tensor([[1.0], [1.0], [torch.nan], [torch.nan]]).double()
    rows = ModalityBatch({"x": inputs}, targets={"y": [-1, 1, 0, -1]})
    bound = linear_gaussian().elbo(rows, torch.Generator().manual_seed(0)).detach()
    again = linear_gaussian().elbo(rows, torch.Generator().manual_seed(0), target_weight=0.0).detach()
    assert_close(bound - again, -torch.tensor([0.0, 1.0, 1.0, 0.0]).double() * torch.tensor(2.0).double().log())
    assert_close(again[2:], torch.zeros(2).double())


def two_sources():
    torch.manual_seed(0)
    encoders, decoders = ({name: MLP(*pair) for name in "ab"} for pair in ((3, 4), (2, 3)))
    return MultimodalVAE(encoders, decoders, nn.Linear(2, 2), 2, Variable("y", 2))


def test_the_objective_averages_the_bounds_of_all_and_of_each_modality(generator):
    model = two_sources()
    values = {name: torch.randn(8, 3, generator=generator) for name in "ab"}  # 8 rows: torch draws normals by 16
    rows = ModalityBatch(values, targets={"y": [0, 1, 1, 0, -1, 0, 1, 1]})
    found = SubsampledELBO(num_subsets=0)(model, rows, torch.Generator().manual_seed(1))
    source = torch.Generator().manual_seed(1)
    without = torch.zeros(8, dtype=torch.bool)
    views = [rows, rows.keep({"b": without}), rows.keep({"a": without})]
    expected = -sum(model.elbo(view, source).mean() for view in views) / 3
    assert_close(found.detach(), expected.detach(), 1e-6)
    first, again, other = (
        float(SubsampledELBO(2)(model, rows, torch.Generator().manual_seed(seed)).detach()) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_bad_input_is_named(generator):
    encoders, decoders, target = {"a": nn.Linear(3, 4)}, {"a": nn.Linear(2, 3)}, Variable("y", 2)
    with pytest.raises(ValueError, match="decoders must hold a decoder for every modality; got none for 'a'"):
        MultimodalVAE(encoders, {}, nn.Linear(2, 2), 2, target)
    with pytest.raises(ValueError, match="each modality in decoders must be one of 'a'; got 'b'"):
        MultimodalVAE(encoders, decoders | {"b": nn.Identity()}, nn.Linear(2, 2), 2, target)
    batch = ModalityBatch({"a": torch.zeros(5, 3)}, targets={"y": [0] * 5})
    with pytest.raises(ValueError, match=r"the output of decoders\['a'\] must have shape \(5, 3\)"):
        MultimodalVAE(encoders, {"a": nn.Linear(2, 7)}, nn.Linear(2, 2), 2, target).elbo(batch, generator)
    with pytest.raises(ValueError, match=r"the output of classifier must have shape \(5, 2\); got \(5, 9\)"):
        MultimodalVAE(encoders, decoders, nn.Linear(2, 9), 2, target)(batch)
    with pytest.raises(ValueError, match="num_subsets must be at least 0; got -1"):
        SubsampledELBO(num_subsets=-1)
    pool = MeanPool({"a": nn.Linear(3, 2)}, target, torch.tensor([0.5, 0.5]))
    with pytest.raises(TypeError, match="model must be a MultimodalVAE; got MeanPool"):
        SubsampledELBO()(pool, batch, generator)


def test_a_missing_cell_of_a_present_modality_is_not_explained():
    torch.manual_seed(0)
    model = MultimodalVAE({"x": MLP(3, 4)}, {"x": nn.Linear(2, 3)}, nn.Linear(2, 2), 2, Variable("y", 2)).double()
    inputs = torch.tensor([[0.5, torch.nan, -1.0]], dtype=torch.float64)
    rows = ModalityBatch({"x": inputs}, targets={"y": [-1]})
    bound = model.elbo(rows, torch.Generator().manual_seed(1))
    mean, precision = model.posterior(rows)
    noise = torch.randn(1, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    decoded = model.decoders[0](mean + noise / precision.sqrt())
    posterior, prior = Normal(mean, precision.rsqrt()), Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = Normal(decoded, 1.0).log_prob(inputs.nan_to_num())[:, [0, 2]].sum(-1)
    expected = expected - torch.distributions.kl_divergence(posterior, prior).sum(-1)
    assert_close(bound.detach(), expected.detach())
    bound.sum().backward()
    assert all(bool(parameter.grad.isfinite().all()) for parameter in model.parameters() if parameter.grad is not None)
