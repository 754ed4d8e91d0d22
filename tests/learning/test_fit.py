"""Training by gradient descent: reaches known optima, repeats to the bit, picks the best epoch, refuses nonsense."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from graphfuse.data import ModalityBatch
from graphfuse.fusion import GraphFusion, LogarithmicPool
from graphfuse.graph import Variable, star
from graphfuse.learning import FitSettings, fit, random_subset_nll, target_nll
from graphfuse.potentials import NeuralPotential, TablePotential

UNIFORM = torch.full((3,), 1 / 3, dtype=torch.float64)


def rows(num_rows: int = 150, seed: int = 0) -> ModalityBatch:
    draws = np.random.default_rng(seed)
    states = draws.integers(0, 3, num_rows)
    return ModalityBatch({"x": draws.normal(size=(num_rows, 2)) + states[:, None]}, targets={"y": states})


def linear(seed: int = 0) -> LogarithmicPool:
    torch.manual_seed(seed)
    return LogarithmicPool({"x": nn.Linear(2, 3).double()}, Variable("y", 3), UNIFORM)


def start(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_linear_encoder_reaches_the_logistic_regression(generator):
    model, train = linear(), rows()
    fit(model, train, target_nll, generator, FitSettings(num_epochs=400, batch_size=150, learning_rate=0.1))
    inputs, states = train.inputs["x"].numpy(), train.targets["y"].numpy()
    expected = LogisticRegression(C=np.inf, tol=1e-8).fit(inputs, states).predict_proba(inputs)
    np.testing.assert_allclose(model(train)["y"].exp().detach(), expected, atol=1e-3)


def test_a_prior_reaches_the_frequencies_of_the_known_targets(generator):
    graph = star(Variable("y", 3), ["x"])
    x = NeuralPotential(nn.Linear(2, 3).double().requires_grad_(False), (3,), "x")
    model = GraphFusion(graph, {"prior": TablePotential(torch.zeros(3).double()), "x": x}, targets=["y"])
    states = [0, 0, 0, 1, 1, 2, -1, -1]
    train = ModalityBatch({"x": np.full((8, 2), np.nan)}, targets={"y": states})
    fit(model, train, target_nll, generator, FitSettings(num_epochs=300, learning_rate=0.1))
    np.testing.assert_allclose(model(train[:1])["y"].exp().detach(), [[1 / 2, 1 / 3, 1 / 6]], atol=1e-4)


@pytest.mark.parametrize("objective", [target_nll, random_subset_nll])
def test_training_is_the_same_to_the_bit_for_a_seed(objective):
    first, again, other = linear(), linear(), linear()
    settings = FitSettings(num_epochs=3, batch_size=16)
    histories = [
        fit(model, rows(), objective, start(seed), settings, rows(seed=2))
        for model, seed in ((first, 1), (again, 1), (other, 2))
    ]
    assert histories[0] == histories[1] != histories[2]
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_the_model_ends_with_its_best_epoch_on_the_validation_rows(generator):
    model, validation = linear(), rows(20, seed=5)
    settings = FitSettings(num_epochs=40, batch_size=8, learning_rate=0.5)
    history = fit(model, rows(24), target_nll, generator, settings, validation)
    assert len(history.train) == len(history.validation) == 40
    assert min(history.validation) < history.validation[-1]
    assert float(target_nll(model, validation, generator).detach()) == min(history.validation)


def test_training_stops_after_as_many_epochs_without_a_better_one_as_it_has_patience():
    settings = FitSettings(num_epochs=60, batch_size=8, learning_rate=0.5)
    everything = fit(linear(), rows(24), target_nll, start(), settings, rows(20, seed=5)).validation
    patient = FitSettings(num_epochs=60, batch_size=8, learning_rate=0.5, patience=4)
    stopped = fit(linear(), rows(24), target_nll, start(), patient, rows(20, seed=5)).validation
    waits = [epoch - int(np.argmin(everything[: epoch + 1])) for epoch in range(60)]
    assert len(stopped) == waits.index(4) + 1
    assert stopped == everything[: len(stopped)]


def test_training_lowers_the_loss_and_the_history_says_so(generator):
    model = linear()
    before = float(target_nll(model, rows(), generator).detach())
    history = fit(model, rows(), target_nll, generator, FitSettings(num_epochs=30))
    assert history.train[-1] < history.train[0] <= before + 1e-9
    assert history.validation == ()


def test_the_loss_of_an_epoch_is_the_mean_over_rows_whatever_the_batches(generator):
    settings = FitSettings(num_epochs=1, batch_size=40, learning_rate=1e-12)
    history = fit(linear(), rows(), target_nll, generator, settings)
    assert history.train[0] == pytest.approx(float(target_nll(linear(), rows(), generator).detach()), abs=1e-9)


def test_weight_decay_shrinks_what_the_rows_say_nothing_of(generator):
    model, train = linear(), rows()
    train = ModalityBatch({"x": np.full((150, 2), np.nan)}, targets=train.targets)
    before = next(model.encoders[0].parameters()).detach().clone()
    fit(model, train, target_nll, generator, FitSettings(num_epochs=50, weight_decay=1.0))
    assert next(model.encoders[0].parameters()).abs().sum() < 0.7 * before.abs().sum()


def test_a_model_without_parameters_is_left_as_it_is(generator):
    model = LogarithmicPool({"x": nn.Softmax(-1)}, Variable("y", 2), UNIFORM.new_tensor([0.5, 0.5]))
    train = ModalityBatch({"x": np.zeros((2, 2))}, targets={"y": [0, 1]})
    history = fit(model, train, target_nll, generator)
    assert history.train == history.validation == ()
    frozen = linear().requires_grad_(False)
    before = deepcopy(frozen.state_dict())
    fit(frozen, rows(), target_nll, generator)
    assert all(torch.equal(frozen.state_dict()[name], value) for name, value in before.items())


def test_no_epochs_change_nothing(generator):
    model = linear()
    before = deepcopy(model.state_dict())
    history = fit(model, rows(), target_nll, generator, FitSettings(num_epochs=0), rows())
    assert history.train == history.validation == ()
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


def test_the_model_is_ready_to_predict_afterwards(generator):
    model = linear()
    fit(model, rows(), target_nll, generator, FitSettings(num_epochs=1))
    assert not model.training


def test_a_loss_that_is_not_finite_names_the_epoch_and_keeps_the_parameters(generator):
    model, train = linear(), rows()
    calls = []

    def broken(model, batch, generator):
        calls.append(deepcopy(model.state_dict()))
        return target_nll(model, batch, generator) * (float("nan") if len(calls) == 3 else 1.0)

    with pytest.raises(FloatingPointError, match="the objective must stay finite; got nan in epoch 2"):
        fit(model, train, broken, generator)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in calls[-1].items())
    assert not model.training


def test_cells_that_no_encoder_reads_end_in_an_error_and_not_in_nan_parameters(generator):
    train = rows()
    inputs = train.inputs["x"].clone()
    inputs[3, 0] = float("nan")
    model = linear()
    with pytest.raises(ValueError, match=r"encoders\['x'\] must be free of nan where cells are missing"):
        fit(model, ModalityBatch({"x": inputs}, targets=train.targets), target_nll, generator)
    assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())


def test_an_epoch_whose_validation_is_nan_is_never_the_best(generator):
    class Flaky(LogarithmicPool):
        asked = 0

        def forward(self, batch):
            found = super().forward(batch)
            if not self.training:
                self.asked += 1
                found["y"] = found["y"] * (float("nan") if self.asked == 1 else 1.0)
            return found

    torch.manual_seed(0)
    model = Flaky({"x": nn.Linear(2, 3).double()}, Variable("y", 3), UNIFORM)
    history = fit(model, rows(), target_nll, generator, FitSettings(num_epochs=5), rows(20, seed=5))
    assert np.isnan(history.validation[0])
    assert float(target_nll(model, rows(20, seed=5), generator).detach()) == min(history.validation[1:])


NO_ROWS = ModalityBatch({"x": np.zeros((0, 2))}, targets={"y": np.zeros(0, dtype=int)})
REFUSED = {
    "no batch": ({"train": {"x": [1.0]}}, TypeError, "train must be a ModalityBatch; got dict"),
    "no rows": ({"train": NO_ROWS}, ValueError, "train must hold at least one row; got none"),
    "no target": ({"train": ModalityBatch({"x": np.zeros((2, 2))})}, ValueError, "batch.targets must hold 'y'"),
    "validation is no batch": ({"validation": [1]}, TypeError, "validation must be a ModalityBatch or None; got list"),
    "validation without rows": (
        {"validation": NO_ROWS},
        ValueError,
        "validation must hold at least one row, or be None",
    ),
    "validation without target": (
        {"validation": ModalityBatch({"x": np.zeros((2, 2))})},
        ValueError,
        "batch.targets must hold 'y'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_rows_that_cannot_be_learned_from_are_refused(case, generator):
    given, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        fit(linear(), **{"train": rows(), "objective": target_nll, "generator": generator, **given})


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ({"num_epochs": -1}, ValueError, "num_epochs must be at least 0; got -1"),
        ({"num_epochs": 1.5}, TypeError, "num_epochs must be an integer; got 1.5"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1; got 0"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be above 0; got 0.0"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate must be above 0; got nan"),
        ({"weight_decay": -1.0}, ValueError, "weight_decay must be at least 0; got -1.0"),
        ({"patience": 0}, ValueError, "patience must be at least 1; got 0"),
    ],
)
def test_settings_out_of_range_are_refused(setting, error, message):
    with pytest.raises(error, match=message):
        FitSettings(**setting)
