"""Low-rank fusion equals the explicit outer product with the full weight tensor."""

import pytest
import torch
from torch import nn

from graphfuse import ModalityBatch, Variable
from graphfuse.fusion import LowRankFusion
from tests.graphs import assert_close

SIZES = {"a": 2, "b": 3, "c": 4}


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("there", ["abc", "ac", "b", ""])
def test_logits_are_those_of_the_full_weight_tensor_on_the_outer_product(rank, there, generator):
    torch.manual_seed(rank)
    model = LowRankFusion({name: nn.Identity() for name in SIZES}, SIZES, Variable("y", 3), rank).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    inputs = {name: torch.randn(5, size, generator=generator, dtype=torch.float64) for name, size in SIZES.items()}
    present = {name: torch.full((5,), name in there) for name in SIZES}
    ones = torch.ones(5, 1, dtype=torch.float64)
    outer, weights = ones, torch.ones(rank, 1, 3, dtype=torch.float64)
    for name, factor in zip(SIZES, model.factors, strict=True):
        if name in there:
            outer = torch.einsum("nf,ng->nfg", outer, torch.cat([inputs[name], ones], -1)).flatten(1)
            weights = torch.einsum("rfk,rgk->rfgk", weights, factor).flatten(1, 2)
    full = weights.sum(0)  # (all products of features, states)
    expected = (outer @ full + model.bias).log_softmax(-1)
    assert_close(model(ModalityBatch(inputs, present))["y"], expected, 1e-9)


def test_bad_sizes_and_ranks_are_named():
    encoders = {name: nn.Identity() for name in SIZES}
    with pytest.raises(ValueError, match="rank must be at least 1; got 0"):
        LowRankFusion(encoders, SIZES, Variable("y", 2), rank=0)
    with pytest.raises(ValueError, match="sizes must hold the size of 'c'; got 'a', 'b'"):
        LowRankFusion(encoders, {"a": 2, "b": 3}, Variable("y", 2))
    with pytest.raises(ValueError, match="each modality in sizes must be one of 'a', 'b', 'c'; got 'd'"):
        LowRankFusion(encoders, SIZES | {"d": 1}, Variable("y", 2))
    with pytest.raises(ValueError, match="the size of 'a' must be at least 1; got 0"):
        LowRankFusion(encoders, SIZES | {"a": 0}, Variable("y", 2))
