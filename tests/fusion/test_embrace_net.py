"""EmbraceNet draws each feature from a present modality, and expects it in evaluation."""

import pytest
import torch
from torch import nn

from graphfuse import ModalityBatch, Variable
from graphfuse.fusion import EmbraceNet
from tests.graphs import assert_close

SHARES = {"a": 1.0, "b": 2.0, "c": 5.0}


def network(probabilities=SHARES):
    torch.manual_seed(0)
    sizes = dict.fromkeys(SHARES, 2)
    return EmbraceNet({name: nn.Identity() for name in SHARES}, sizes, Variable("y", 2), 4, probabilities).double()


PRESENT = torch.tensor([[True, True, True], [True, False, True], [False, True, False], [False, False, False]])


def test_the_expectation_is_the_mean_of_many_draws(generator):
    model, docked = network(), torch.rand(4, 3, 4, generator=generator, dtype=torch.float64)
    expected = model.eval().embrace(docked, PRESENT)
    model.train()
    num_draws = 20_000
    many = model.embrace(docked.repeat_interleave(num_draws, 0), PRESENT.repeat_interleave(num_draws, 0))
    assert_close(many.reshape(4, num_draws, 4).mean(1), expected, 0.02)
    shares = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)
    assert_close(expected[0], (shares[:, None] / 8 * docked[0]).sum(0))
    assert_close(expected[1], (docked[1, 0] + 5 * docked[1, 2]) / 6)


def test_every_drawn_feature_is_that_of_one_present_modality():
    model = network().train()
    docked = torch.arange(12, dtype=torch.float64).reshape(1, 3, 4).expand(400, 3, 4) + 1
    drawn = model.embrace(docked, PRESENT[1].expand(400, 3))
    for feature in range(4):
        assert set(drawn[:, feature].tolist()) == {1.0 + feature, 9.0 + feature}
    assert not model.embrace(docked, PRESENT[3].expand(400, 3)).any()


def test_with_one_modality_present_nothing_is_left_to_chance(generator):
    model = network()
    inputs = {name: torch.randn(5, 2, generator=generator, dtype=torch.float64) for name in SHARES}
    alone = ModalityBatch(inputs, {name: torch.full((5,), name == "b") for name in SHARES})
    assert_close(model.train()(alone)["y"], model.eval()(alone)["y"])


def test_bad_probabilities_are_named():
    with pytest.raises(ValueError, match="the probability of 'c' must be given and above 0; got none"):
        network({"a": 1.0, "b": 1.0})
    with pytest.raises(ValueError, match=r"the probability of 'a' must be given and above 0; got 0.0"):
        network(SHARES | {"a": 0.0})
    with pytest.raises(ValueError, match="each modality in probabilities must be one of 'a', 'b', 'c'; got 'd'"):
        network(SHARES | {"d": 1.0})
