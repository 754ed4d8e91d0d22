"""A mixture of experts is the mean of their probabilities, weighed by gates that sum to one."""

import torch
from torch import nn

from graphfuse import ModalityBatch, Variable
from graphfuse.fusion import MixtureOfExperts
from tests.graphs import assert_close

PRESENT = torch.tensor([[True, True, True], [True, False, True], [False, True, False], [False, False, False]])


def mixture(generator):
    torch.manual_seed(0)
    model = MixtureOfExperts({name: nn.Identity() for name in "abc"}, 2, Variable("y", 3)).double()
    nn.init.normal_(model.without_modality)
    inputs = {name: torch.randn(4, 2, generator=generator, dtype=torch.float64) for name in "abc"}
    return model, ModalityBatch(inputs, {name: PRESENT[:, i] for i, name in enumerate("abc")})


def test_weights_sum_to_one_and_are_zero_on_what_is_missing(generator):
    model, batch = mixture(generator)
    weights = model.weights(batch)
    assert_close(weights.sum(-1), torch.ones(4, dtype=torch.float64))
    assert bool(((weights[:, :3] > 0) == PRESENT).all())
    assert_close(weights[3, 3], torch.ones((), dtype=torch.float64))


def test_the_answer_is_the_weighted_mean_of_the_probabilities_of_the_experts(generator):
    model, batch = mixture(generator)
    answers = [expert(values).softmax(-1) for expert, values in zip(model.experts, batch.inputs.values(), strict=True)]
    answers.append(model.without_modality.softmax(-1).expand(4, 3))
    expected = (model.weights(batch).unsqueeze(-1) * torch.stack(answers, 1)).sum(1)
    assert_close(model(batch)["y"].exp(), expected)
