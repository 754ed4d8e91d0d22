"""Everything runs where its inputs are; run with --device cuda on a machine that has one."""

import pytest
import torch

from graphfuse import (
    Evidence,
    FitSettings,
    GraphFusion,
    ModalityBatch,
    NeuralPotential,
    TablePotential,
    Variable,
    decode,
    fit,
    infer,
    markov_network,
    random_subset_nll,
    sample,
    star,
)
from graphfuse.encoders import MLP
from tests.graphs import assert_close, random_log_potentials

NAMES = "abcd"
LOOP = markov_network([Variable(name, 3) for name in NAMES], [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_inference_stays_on_the_device_and_equals_the_cpu(device, dtype, generator):
    log_potentials = random_log_potentials(LOOP, (6,), generator, dtype)
    states = torch.tensor([0, 1, -1, 2, -1, 0])
    expected = infer(LOOP, log_potentials, Evidence(hard={"b": states}))
    there = {name: table.to(device) for name, table in log_potentials.items()}
    evidence = Evidence(hard={"b": states.to(device)})
    found = infer(LOOP, there, evidence)
    for name in NAMES:
        assert found.log_marginals[name].device.type == device.type
        assert_close(found.marginal(name).cpu(), expected.marginal(name), 1e-5 if dtype == torch.float32 else 1e-10)
    assert decode(LOOP, there, evidence)["a"].device.type == device.type
    assert sample(LOOP, there, 2, generator, evidence)["a"].device.type == device.type


def test_a_model_trains_on_the_device(device, generator):
    potentials = {"prior": TablePotential(torch.zeros(2)), "x": NeuralPotential(MLP(3, 2), (2,), "x")}
    model = GraphFusion(star(Variable("y", 2), ["x"]), potentials, ["y"]).to(device)
    inputs = torch.randn(64, 3, generator=generator)
    inputs[::4] = torch.nan
    batch = ModalityBatch({"x": inputs}, targets={"y": (inputs[:, 0].nan_to_num() > 0).long()}).to(device)
    history = fit(model, batch, random_subset_nll, generator, FitSettings(num_epochs=30))
    assert history.train[-1] < history.train[0]
    assert model(batch)["y"].device.type == device.type
