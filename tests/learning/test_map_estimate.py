"""The posterior mode of few parameters: against other optimizers, and what the prior holds back."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from graphfuse.data import ModalityBatch
from graphfuse.fusion import GraphFusion
from graphfuse.graph import Variable, star
from graphfuse.learning import map_estimate, target_nll
from graphfuse.potentials import ScorePotential, TablePotential

SEED = torch.Generator()


def model_of(num_states: int = 2, free_prior: bool = False) -> GraphFusion:
    prior = TablePotential(torch.zeros(num_states, dtype=torch.float64)).requires_grad_(free_prior)
    graph = star(Variable("y", num_states), ["a"])
    return GraphFusion(graph, {"prior": prior, "a": ScorePotential(num_states, "a").double()}, targets=["y"])


def rows(num_rows: int, scale: float = 1.0) -> ModalityBatch:
    draws = np.random.default_rng(0)
    states = draws.integers(0, 2, num_rows)
    scores = scale * (draws.normal(size=num_rows) + 2.0 * states - 1.0)
    return ModalityBatch({"a": np.stack([-scores, scores], axis=1)}, targets={"y": states})


@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_a_weight_reaches_the_mode_that_a_scalar_search_finds(scale):
    train, model = rows(50, scale), model_of()
    score, states = train.inputs["a"][:, 1].numpy(), train.targets["y"].numpy()
    margin = 2 * score * (2 * states - 1)

    def loss(log_weight: float) -> float:
        return np.logaddexp(0, -np.exp(log_weight) * margin).mean() + 0.5 * log_weight**2 / 50

    expected = minimize_scalar(loss, bounds=(-6, 6), method="bounded", options={"xatol": 1e-10})
    reached = map_estimate(model, train, num_rows=50)
    found = float(model.potential_of["a"].log_weight.detach())
    assert found == pytest.approx(expected.x, abs=1e-4)
    assert reached == pytest.approx(loss(found) - 0.5 * found**2 / 50, abs=1e-10)


def test_a_free_prior_reaches_the_frequencies_as_the_rows_grow():
    for num_rows, tolerance in ((100, 0.05), (10_000, 5e-4)):
        states = (np.arange(num_rows) % 5 == 0).astype(int)
        train = ModalityBatch({"a": np.full((num_rows, 2), np.nan)}, targets={"y": states})
        model = model_of(free_prior=True)
        map_estimate(model, train, num_rows)
        found = model(train[:1])["y"].exp().detach()
        np.testing.assert_allclose(found, [[0.8, 0.2]], atol=tolerance)


def test_classes_that_the_scores_separate_do_not_drive_the_weight_to_infinity():
    train, model = ModalityBatch({"a": [[1.0, -1.0], [-1.0, 1.0]]}, targets={"y": [0, 1]}), model_of()
    map_estimate(model, train, num_rows=2)
    assert 0 < float(model.potential_of["a"].log_weight.detach()) < 1


def test_rows_repeated_under_the_same_gaps_count_as_one():
    once, often = model_of(), model_of()
    map_estimate(once, rows(40), num_rows=40)
    map_estimate(often, rows(40)[list(range(40)) * 7], num_rows=40)
    torch.testing.assert_close(once.potential_of["a"].log_weight, often.potential_of["a"].log_weight, atol=1e-6, rtol=0)


def test_a_parameter_that_the_rows_say_nothing_of_stays_where_it_started():
    model = model_of()
    train = ModalityBatch({"a": np.full((10, 2), np.nan)}, targets={"y": [0, 1] * 5})
    assert map_estimate(model, train, num_rows=10) == pytest.approx(np.log(2), abs=1e-12)
    assert float(model.potential_of["a"].log_weight.detach()) == 0.0


def test_frozen_parameters_stay_and_none_to_train_is_no_error():
    model = model_of().requires_grad_(False)
    train = rows(20)
    expected = float(target_nll(model, train, SEED))
    assert map_estimate(model, train, num_rows=20) == pytest.approx(expected, abs=1e-12)
    partly = model_of()
    map_estimate(partly, train, num_rows=20)
    assert not partly.potential_of["prior"].log_values.any()


def test_a_likelihood_of_zero_is_an_error_and_the_parameters_are_put_back():
    model = model_of()
    with torch.no_grad():
        model.potential_of["prior"].log_values[1] = -torch.inf
    before = [parameter.detach().clone() for parameter in model.parameters()]
    with pytest.raises(FloatingPointError, match="the log-likelihood must stay finite; got -inf"):
        map_estimate(model, rows(20), num_rows=20)
    for parameter, value in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, value)


def test_the_mode_is_the_same_to_the_bit_every_time():
    first, again = model_of(free_prior=True), model_of(free_prior=True)
    for model in (first, again):
        map_estimate(model, rows(40), num_rows=40)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
