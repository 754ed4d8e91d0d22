"""A product of experts is the exact posterior of modalities that are independent given the target."""

import pytest
import torch
from scipy.stats import norm
from torch import nn

from graphfuse import ModalityBatch, Variable
from graphfuse.fusion import ProductOfExperts
from tests.graphs import assert_close

PRIOR = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
MEANS = {"a": [-1.0, 0.0, 2.0], "b": [1.0, -1.0, 0.5]}


def likelihood(name, values):
    return torch.tensor(norm.pdf(values.numpy()[:, None], loc=MEANS[name]))


def test_posteriors_of_single_modalities_multiply_to_the_joint_one(generator):
    values = {name: torch.randn(6, generator=generator, dtype=torch.float64) for name in MEANS}
    present = {"a": torch.tensor([1, 1, 1, 0, 0, 1]).bool(), "b": torch.tensor([1, 1, 0, 1, 0, 1]).bool()}
    posteriors = {name: (PRIOR * likelihood(name, values[name])).log() for name in MEANS}
    model = ProductOfExperts({name: nn.Identity() for name in MEANS}, Variable("y", 3), PRIOR)
    joint = PRIOR.expand(6, 3)
    for name in MEANS:
        joint = joint * torch.where(present[name][:, None], likelihood(name, values[name]), 1.0)
    found = model(ModalityBatch(posteriors, present))["y"].exp()
    assert_close(found, joint / joint.sum(-1, keepdim=True), 1e-12)


def test_a_constant_in_the_logits_of_an_expert_changes_nothing(generator):
    scores = {name: torch.randn(4, 3, generator=generator, dtype=torch.float64) for name in MEANS}
    model = ProductOfExperts({name: nn.Identity() for name in MEANS}, Variable("y", 3), PRIOR)
    shifted = ModalityBatch({"a": scores["a"] + 7, "b": scores["b"]})
    assert_close(model(shifted)["y"], model(ModalityBatch(scores))["y"])


def test_a_prior_with_zeros_cannot_be_divided_out():
    with pytest.raises(ValueError, match="prior must be 2 probabilities above 0 that sum to 1; got"):
        ProductOfExperts({"a": nn.Identity()}, Variable("y", 2), torch.tensor([1.0, 0.0]))
