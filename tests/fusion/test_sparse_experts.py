"""Sparse experts equal the dense sum over the chosen ones; gaps are read from the bank; routing is balanced."""

import pytest
import torch
from torch import nn

from graphfuse import FitSettings, MeanPool, ModalityBatch, Variable, fit, target_nll
from graphfuse.fusion import SparseExpertsFusion
from graphfuse.learning import RoutedNLL
from tests.graphs import assert_close

PRESENT = torch.tensor([[True, True], [True, False], [False, True], [False, False]])


def rows(generator, repeats=1):
    present = PRESENT.repeat(repeats, 1)
    inputs = {name: torch.randn(4 * repeats, 3, generator=generator, dtype=torch.float64) for name in "ab"}
    states = torch.randint(2, (4 * repeats,), generator=generator)
    return ModalityBatch(inputs, {name: present[:, i] for i, name in enumerate("ab")}, targets={"y": states})


def network(**keywords):
    torch.manual_seed(0)
    encoders = {name: nn.Identity() for name in "ab"}
    return SparseExpertsFusion(encoders, 3, Variable("y", 2), **keywords).double()


@pytest.mark.parametrize("num_active", [1, 2, 4])
def test_the_answer_is_the_dense_sum_over_the_best_experts_of_completed_features(num_active, generator):
    model, batch = network(num_experts=4, num_active=num_active), rows(generator)
    refined = []
    for i, name in enumerate("ab"):
        for row in range(4):
            there, pattern = bool(PRESENT[row, i]), int(PRESENT[row, 0]) + 2 * int(PRESENT[row, 1])
            token = batch.inputs[name][row] if there else model.bank[pattern, i]
            scores = model.router(token)
            chosen = scores.argsort(descending=True)[:num_active]
            weights = scores[chosen].softmax(-1)
            refined.append(token + sum(w * model.experts[k](token) for w, k in zip(weights, chosen, strict=True)))
    expected = model.output(torch.cat([torch.stack(refined[:4]), torch.stack(refined[4:])], -1)).log_softmax(-1)
    assert_close(model(batch)["y"], expected)


def test_only_the_bank_features_of_observed_patterns_and_missing_modalities_are_read(generator):
    model, batch = network(), rows(generator)[1:]
    model.log_likelihood(batch).sum().backward()
    read = (model.bank.grad != 0).any(-1)
    # pattern numbers: none 0, a 1, b 2, both 3
    assert read.tolist() == [[True, True], [False, True], [True, False], [False, False]]


def test_the_objective_is_likelihood_balance_and_specialization(generator):
    model, batch = network(num_experts=3), rows(generator, repeats=2)
    log_routes, patterns = model.routing(batch)
    assert log_routes.shape == (8, 2, 3) and patterns.tolist() == [3, 1, 2, 0] * 2
    shares = log_routes.exp().mean((0, 1)).detach().numpy()
    surprises = [-log_routes[row, i, patterns[row] % 3] for row in range(8) if patterns[row] != 3 for i in range(2)]
    expected = target_nll(model, batch, generator) + 0.5 * (shares.std() / shares.mean()) ** 2
    expected = expected + 0.2 * torch.stack(surprises).mean()
    assert_close(RoutedNLL(0.5, 0.2)(model, batch, generator).detach(), expected.detach())


def test_training_for_it_sends_each_pattern_to_its_own_expert(generator):
    model, batch = network(num_experts=4), rows(generator, repeats=10)
    fit(model, batch, RoutedNLL(specialization_weight=5.0), generator, FitSettings(num_epochs=150))
    log_routes, patterns = model.routing(batch)
    missing = torch.stack([~batch.present[name] for name in "ab"], -1)
    assert bool((log_routes.argmax(-1) == patterns[:, None])[missing].all())  # those of the bank


def test_bad_input_is_named(generator):
    with pytest.raises(ValueError, match="num_active must be at most num_experts, 2; got 3"):
        network(num_experts=2, num_active=3)
    many = {f"m{i}": nn.Identity() for i in range(13)}
    with pytest.raises(ValueError, match=r"encoders must hold at most 12 modalities \(the bank .*; got 13"):
        SparseExpertsFusion(many, 3, Variable("y", 2))
    with pytest.raises(ValueError, match=r"balance_weight must be at least 0; got -0\.1"):
        RoutedNLL(balance_weight=-0.1)
    pool = MeanPool({"a": nn.Identity()}, Variable("y", 3), torch.tensor([0.5, 0.25, 0.25]))
    with pytest.raises(TypeError, match="model must be a SparseExpertsFusion; got MeanPool"):
        RoutedNLL()(pool, rows(generator), generator)
