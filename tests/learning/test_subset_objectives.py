"""Exact means over subsets, and generative likelihoods, equal what enumeration and sampling say."""

import pytest
import torch

from graphfuse import (
    Factor,
    FactorGraph,
    GaussianPotential,
    GraphFusion,
    LogarithmicPool,
    ModalityBatch,
    NeuralPotential,
    TablePotential,
    Variable,
    every_subset_nll,
    joint_nll,
    markov_network,
    random_subset_nll,
    star,
)
from graphfuse.encoders import MLP
from graphfuse.fusion import FusionModel
from tests.graphs import assert_close

TARGET = Variable("y", 2)
NAMES = ["a", "b", "c"]


def batch(generator, num_rows=5):
    inputs = {name: torch.randn(num_rows, 2, generator=generator).double() for name in NAMES}
    inputs["b"][0] = torch.nan
    return ModalityBatch(inputs, targets={"y": torch.tensor([0, 1, -1, 1, 0][:num_rows])})


def graph_fusion():
    torch.manual_seed(0)
    nodes = [TARGET, Variable("b", 3)]
    graph = markov_network(nodes, [("y", "b")])
    star_graph = star(TARGET, NAMES)
    scopes = {**star_graph.scopes, **graph.scopes}
    variables = [TARGET, Variable("b", 3)]
    whole = FactorGraph(variables, [Factor(name, scope) for name, scope in scopes.items()])
    potentials = {
        name: NeuralPotential(MLP(2, whole.size(scope)), whole.shape(scope), name)
        if name in NAMES
        else TablePotential(torch.randn(whole.shape(scope)))
        for name, scope in scopes.items()
    }
    return GraphFusion(whole, potentials, ["y"]).double()


def pool():
    torch.manual_seed(0)
    prior = torch.tensor([0.4, 0.6], dtype=torch.float64)
    return LogarithmicPool({name: MLP(2, 2).double() for name in NAMES}, TARGET, prior)


@pytest.mark.parametrize("make", [graph_fusion, pool])
def test_encoding_once_equals_dropping_modalities_one_subset_at_a_time(make, generator):
    model, rows = make(), batch(generator)
    subsets = [(), ("a",), ("b", "c"), ("a", "b", "c")]
    found = model.subset_log_likelihoods(rows, subsets)
    assert found.shape == (4, 5)
    assert_close(found, FusionModel.subset_log_likelihoods(model, rows, subsets))
    for i, subset in enumerate(subsets):
        kept = {name: torch.full((5,), name in subset) for name in NAMES}
        assert_close(found[i], model.log_likelihood(rows.keep(kept)))


def test_the_exact_mean_is_the_expectation_of_the_random_one(generator):
    model, rows = pool(), batch(generator)
    exact = float(every_subset_nll(model, rows, generator).detach())
    repeated = rows[torch.arange(5).repeat(8000)]
    with torch.no_grad():
        drawn = float(random_subset_nll(model, repeated, generator))
    assert drawn == pytest.approx(exact, abs=0.02)


def test_the_exact_mean_draws_nothing_and_is_differentiable(generator):
    model, rows = graph_fusion(), batch(generator)
    state = generator.get_state()
    every_subset_nll(model, rows, generator).backward()
    assert torch.equal(generator.get_state(), state)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_too_many_modalities_for_an_exact_mean_are_refused(generator):
    names = [f"m{i}" for i in range(13)]
    rows = ModalityBatch({name: torch.zeros(2, 2) for name in names}, targets={"y": [0, 1]})
    with pytest.raises(ValueError, match=r"must have at most 12 modalities for every_subset_nll .*; got 13 modalities"):
        every_subset_nll(pool(), rows, generator)
    with pytest.raises(ValueError, match="each modality in subsets must be one of 'a', 'b', 'c'; got 'z'"):
        pool().subset_log_likelihoods(batch(generator), [("z",)])


def test_the_joint_likelihood_of_a_generative_star_is_the_mixture_density(generator):
    prior = torch.tensor([0.3, 0.7], dtype=torch.float64)
    means = torch.randn(2, 2, generator=generator).double()
    covariance = torch.eye(2).expand(2, 2, 2).double()
    sources = {name: GaussianPotential(means + i, covariance, name) for i, name in enumerate("ab")}
    tables = {"prior": TablePotential(prior.log() + 5.0), **sources}
    model = GraphFusion(star(TARGET, ["a", "b"]), tables, ["y"])
    rows = batch(generator).select(["a", "b"])
    expected = []
    for row in range(5):
        density = prior.clone()
        for i, name in enumerate("ab"):
            if rows.present[name][row]:
                normal = torch.distributions.MultivariateNormal(means + i, covariance)
                density = density * normal.log_prob(rows.inputs[name][row]).exp()
        state = int(rows.targets["y"][row])
        expected.append(density.sum() if state < 0 else density[state])
    assert_close(model.joint_log_likelihood(rows).detach(), torch.stack(expected).log())
    assert_close(joint_nll(model, rows, generator).detach(), -torch.stack(expected).log().mean())
    with pytest.raises(TypeError, match="model must be a GraphFusion; got LogarithmicPool"):
        joint_nll(pool(), rows, generator)


def test_subsets_of_modalities_that_rule_states_out_are_exact_too(generator):
    forbids = torch.tensor([0.0, -torch.inf], dtype=torch.float64)
    prior = TablePotential(torch.zeros(2).double())
    sources = {name: NeuralPotential(torch.nn.Identity(), (2,), name) for name in "ab"}
    model = GraphFusion(star(TARGET, ["a", "b"]), {"prior": prior, **sources}, ["y"])
    opinions = torch.randn(5, 2, generator=generator).double()

    class Says(torch.nn.Module):
        def forward(self, inputs):
            return forbids.expand(len(inputs), 2)

    model.potentials[1].encoder = Says()
    rows = ModalityBatch({"a": opinions, "b": opinions}, targets={"y": torch.tensor([0, 1, -1, 1, 0])})
    subsets = [(), ("a",), ("b",), ("a", "b")]
    found = model.subset_log_likelihoods(rows, subsets)
    assert_close(found, FusionModel.subset_log_likelihoods(model, rows, subsets))
    assert found[1].tolist() == [0.0, -torch.inf, 0.0, -torch.inf, 0.0]
