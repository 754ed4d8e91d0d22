"""Attention rests on present modalities only, and is that of torch's own module."""

import pytest
import torch
from torch import nn

from graphfuse import ModalityBatch, Variable
from graphfuse.fusion import AttentionFusion
from tests.graphs import assert_close

PRESENT = torch.tensor([[True, True, True], [True, False, True], [False, True, False], [False, False, False]])


def rows(generator):
    inputs = {name: torch.randn(4, 6, generator=generator, dtype=torch.float64) for name in "abc"}
    return ModalityBatch(inputs, {name: PRESENT[:, i] for i, name in enumerate("abc")})


def network(num_heads):
    torch.manual_seed(0)
    encoders = {name: nn.Identity() for name in "abc"}
    return AttentionFusion(encoders, 6, Variable("y", 2), num_heads).double()


@pytest.mark.parametrize("num_heads", [1, 2, 3])
def test_weights_are_zero_on_what_is_missing_and_leave_the_rest_to_the_token(num_heads, generator):
    weights = network(num_heads).attention(rows(generator))
    assert bool(((weights > 0) == PRESENT).all())
    assert bool((weights.sum(-1) < 1).all())


@pytest.mark.parametrize("num_heads", [1, 2, 3])
def test_the_answer_is_that_of_torchs_attention_with_a_mask(num_heads, generator):
    model, batch = network(num_heads), rows(generator)
    reference = nn.MultiheadAttention(6, num_heads, batch_first=True).double()
    identity = torch.eye(6, dtype=torch.float64)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([identity, model.key.weight, model.value.weight]))
        reference.in_proj_bias.copy_(torch.cat([torch.zeros(12, dtype=torch.float64), model.value.bias]))
        reference.out_proj.weight.copy_(identity)
        reference.out_proj.bias.zero_()
    tokens = torch.stack([*batch.inputs.values(), model.token.expand(4, -1)], 1)
    hidden = torch.cat([~PRESENT, torch.zeros(4, 1, dtype=torch.bool)], 1)
    query = model.query.reshape(1, 1, 6).expand(4, 1, 6)
    context, weights = reference(query, tokens, tokens, key_padding_mask=hidden)
    assert_close(model(batch)["y"], model.output(context[:, 0]).log_softmax(-1))
    assert_close(model.attention(batch), weights[:, 0, :-1])


def test_heads_that_do_not_divide_the_size_are_refused():
    with pytest.raises(ValueError, match="num_heads must divide the size, 6; got 4"):
        network(4)
