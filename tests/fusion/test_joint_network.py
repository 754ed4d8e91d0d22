"""The joint network is W2 s(W1 [x; t] + b1) + b2, whatever the encoders, whichever side is missing."""

import numpy as np
import pytest
import torch
from torch import nn

from graphfuse import ModalityBatch, Variable
from graphfuse.encoders import CNN
from graphfuse.fusion import JointNetwork
from tests.graphs import assert_close


class LastState(nn.Module):
    """The last hidden state of a recurrent network over a sequence."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.GRU(3, 4, batch_first=True)

    def forward(self, inputs):
        return self.recurrent(inputs)[1][0]


def network(**keywords):
    torch.manual_seed(0)
    encoders = {"image": CNN(1, 5), "text": LastState()}
    return JointNetwork(encoders, {"image": 5, "text": 4}, Variable("topic", 3), 7, **keywords).double()


def rows(generator):
    image = torch.randn(4, 1, 8, 8, generator=generator, dtype=torch.float64)
    text = torch.randn(4, 6, 3, generator=generator, dtype=torch.float64)
    present = {"image": torch.tensor([1, 0, 1, 0]).bool(), "text": torch.tensor([1, 1, 0, 0]).bool()}
    return ModalityBatch({"image": image, "text": text}, present)


@pytest.mark.parametrize("learn_missing", [True, False])
def test_the_answer_is_the_formula_with_replaced_features_where_a_side_is_missing(learn_missing, generator):
    model, batch = network(activation=nn.Tanh(), learn_missing=learn_missing), rows(generator)
    features = []
    for i, (name, encoder) in enumerate(zip(("image", "text"), model.encoders, strict=True)):
        replacement = np.zeros(model.sizes[i])
        if learn_missing:
            nn.init.normal_(model.missing[i])
            replacement = model.missing[i].detach().numpy()
        read = encoder(batch.inputs[name]).detach().numpy()
        features.append(np.where(batch.present[name].numpy()[:, None], read, replacement))
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
    hidden = np.tanh(np.concatenate(features, 1) @ weights["hidden.weight"].T + weights["hidden.bias"])
    logits = hidden @ weights["output.weight"].T + weights["output.bias"]
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    assert_close(model(batch)["topic"].exp().detach(), torch.from_numpy(expected))


def test_replacements_are_learned_only_if_asked_for():
    assert len(network().missing) == 2
    assert not any(name.startswith("missing") for name, _ in network(learn_missing=False).named_parameters())


def test_an_encoder_of_another_size_or_one_that_cannot_read_gaps_is_named():
    target = Variable("y", 2)
    with pytest.raises(ValueError, match=r"the output of encoders\['a'\] must have shape \(5, 3\); got \(5, 4\)"):
        JointNetwork({"a": nn.Linear(2, 4)}, {"a": 3}, target, 4)(ModalityBatch({"a": torch.zeros(5, 2)}))
    gaps = ModalityBatch({"a": torch.tensor([[1.0, torch.nan], [1.0, 1.0], [torch.nan, torch.nan]])})
    with pytest.raises(ValueError, match=r"encoders\['a'\] must be free of nan .*MLP.*; got nan in 1 rows"):
        JointNetwork({"a": nn.Linear(2, 4)}, {"a": 4}, target, 4)(gaps)
    with pytest.raises(TypeError, match=r"encoders\['a'\] must be a torch module; got str"):
        JointNetwork({"a": "cnn"}, {"a": 4}, target, 4)
    with pytest.raises(ValueError, match="hidden_size must be at least 1; got 0"):
        JointNetwork({"a": nn.Linear(2, 4)}, {"a": 4}, target, 0)


def test_nan_from_diverged_parameters_is_left_for_training_to_name():
    model = JointNetwork({"a": nn.Linear(2, 4)}, {"a": 4}, Variable("y", 2), 4)
    nn.init.constant_(model.encoders[0].weight, torch.nan)
    assert bool(model(ModalityBatch({"a": torch.zeros(5, 2)}))["y"].isnan().all())
