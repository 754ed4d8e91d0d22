"""An interrupted training goes on to the same numbers; a file that does not fit is refused and changes nothing."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from graphfuse import FitSettings, GraphFusion, ModalityBatch, NeuralPotential, TablePotential, Variable, fit, star
from graphfuse.encoders import MLP
from graphfuse.learning import cosine, random_subset_nll, target_nll


def rows(num_rows=60, seed=0):
    draws = np.random.default_rng(seed)
    states = draws.integers(0, 2, num_rows)
    inputs = {name: draws.normal(size=(num_rows, 3)) + states[:, None] for name in "ab"}
    return ModalityBatch(inputs, targets={"y": states}).to(dtype=torch.float32)


def model(hidden=8):
    torch.manual_seed(0)
    encoders = {name: NeuralPotential(MLP(3, 2, (hidden,), dropout=0.3), (2,), name) for name in "ab"}
    return GraphFusion(star(Variable("y", 2), ["a", "b"]), {"prior": TablePotential(torch.zeros(2)), **encoders}, ["y"])


def settings(num_epochs=8, **changes):
    return FitSettings(**{"num_epochs": num_epochs, "batch_size": 16, "validation_fraction": 0.25, **changes})


class Interrupt(Exception):
    pass


def interrupt_after(number):
    def callback(epoch):
        if epoch.number == number:
            raise Interrupt

    return callback


def start():
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("schedule", [None, cosine])
@pytest.mark.parametrize("validated", [True, False])
def test_a_resumed_training_equals_an_uninterrupted_one_to_the_bit(tmp_path, schedule, validated):
    changes = {} if schedule is None else {"schedule": schedule, "clip_norm": 0.5}
    if not validated:
        changes["validation_fraction"] = 0.0
    whole, resumed, path = model(), model(), tmp_path / "deep" / "fit.pt"
    expected = fit(whole, rows(), random_subset_nll, start(), settings(**changes))
    with pytest.raises(Interrupt):
        fit(resumed, rows(), random_subset_nll, start(), settings(**changes), None, path, [interrupt_after(5)])
    again = model(hidden=8)
    found = fit(again, rows(), random_subset_nll, torch.Generator(), settings(**changes), checkpoint=path)
    assert found == expected and len(found.train) == 8
    for mine, other in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(mine, other)
    assert not list(tmp_path.rglob("*.part"))


def test_a_finished_training_is_not_repeated(tmp_path):
    first, path = model(), tmp_path / "fit.pt"
    history = fit(first, rows(), target_nll, start(), settings(), checkpoint=path)
    told = []
    again = model()
    assert fit(again, rows(), target_nll, start(), settings(), None, path, [told.append]) == history
    assert not told
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), first.parameters(), strict=True))


def test_more_epochs_go_on_from_the_last_one(tmp_path):
    path, whole = tmp_path / "fit.pt", model()
    expected = fit(whole, rows(), target_nll, start(), settings(10))
    fit(model(), rows(), target_nll, start(), settings(4), checkpoint=path)
    assert fit(model(), rows(), target_nll, start(), settings(10), checkpoint=path) == expected


def test_a_checkpoint_of_another_model_or_training_is_refused_and_changes_nothing(tmp_path):
    path = tmp_path / "fit.pt"
    fit(model(), rows(), target_nll, start(), settings(2), checkpoint=path)
    other = model(hidden=4)
    before = deepcopy(other.state_dict())
    with pytest.raises(ValueError, match="must come from a model like this one; got one that differs in 'potentials"):
        fit(other, rows(), target_nll, start(), settings(2), checkpoint=path)
    assert all(torch.equal(other.state_dict()[name], value) for name, value in before.items())
    with pytest.raises(ValueError, match=r"must come from a training with batch_size=8; got 16\."):
        fit(model(), rows(), target_nll, start(), settings(2, batch_size=8), checkpoint=path)
    with pytest.raises(ValueError, match="train must leave rows to train on beside the 15 held out; got 10 rows"):
        fit(model(), rows(10), target_nll, start(), settings(4), checkpoint=path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None], ids=["empty", "text", "cut"])
def test_a_damaged_checkpoint_is_refused_by_its_name(tmp_path, content):
    path = tmp_path / "fit.pt"
    fit(model(), rows(), target_nll, start(), settings(1), checkpoint=path)
    path.write_bytes(path.read_bytes()[:1000] if content is None else content)
    with pytest.raises(ValueError, match=r"checkpoint '.*fit.pt' must be a training checkpoint written by fit; got"):
        fit(model(), rows(), target_nll, start(), settings(1), checkpoint=path)
    torch.save({"format": "something else"}, path)
    with pytest.raises(ValueError, match="got another file"):
        fit(model(), rows(), target_nll, start(), settings(1), checkpoint=path)


class Malicious:
    def __reduce__(self):
        return (exec, ("raise SystemExit('run')",))


def test_nothing_in_a_checkpoint_is_run(tmp_path):
    path = tmp_path / "fit.pt"
    torch.save({"format": Malicious()}, path)
    with pytest.raises(ValueError, match="a file that cannot be read"):
        fit(model(), rows(), target_nll, start(), settings(1), checkpoint=path)


def test_nan_in_training_names_epoch_and_parameter_and_keeps_the_last_good_checkpoint(tmp_path):
    path, broken = tmp_path / "fit.pt", model()
    calls = []

    def objective(model, batch, generator):
        calls.append(None)
        loss = target_nll(model, batch, generator)
        return loss + (model.potentials[1].encoder[1].weight * torch.inf).sum() * 0 if len(calls) > 6 else loss

    good = settings(9, validation_fraction=0.0)
    message = (
        r"must stay finite; got nan in epoch 1; the first gradient that is not finite .*'potentials.1.encoder.1.weight'"
    )
    with pytest.raises(FloatingPointError, match=message):
        fit(broken, rows(), objective, start(), good, checkpoint=path)
    assert all(bool(parameter.isfinite().all()) for parameter in broken.parameters())
    resumed = model()
    history = fit(resumed, rows(), target_nll, start(), good, checkpoint=path)
    assert len(history.train) == 9 and np.isfinite(history.train).all()


def test_training_leaves_the_global_randomness_as_it_was():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    trained = model()
    torch.set_rng_state(before)
    fit(trained, rows(), target_nll, start(), settings(2))
    assert torch.equal(torch.rand(3), expected)


def test_dropout_repeats_to_the_bit_for_a_generator_whatever_the_global_seed():
    first, second = model(), model()
    torch.manual_seed(1)
    fit(first, rows(), target_nll, start(), settings(3))
    torch.manual_seed(2)
    fit(second, rows(), target_nll, start(), settings(3))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_callback_sees_every_epoch_and_may_end_the_training():
    told = []

    def callback(epoch):
        told.append((epoch.number, len(epoch.history.train), epoch.model.training))
        return epoch.number == 2

    history = fit(model(), rows(), target_nll, start(), settings(9), callbacks=[callback])
    assert told == [(0, 1, True), (1, 2, True), (2, 3, True)] and len(history.train) == 3


def test_gradients_are_clipped_to_the_longest_allowed():

    lengths = []
    clipped = model()

    def record(epoch):
        lengths.append(torch.nn.utils.get_total_norm([p.grad for p in epoch.model.parameters()]))

    fit(clipped, rows(), target_nll, start(), settings(3, clip_norm=0.01), callbacks=[record])
    assert all(float(length) <= 0.01 + 1e-6 for length in lengths)


def test_the_schedule_scales_the_steps():
    frozen, free = model(), model()
    fit(frozen, rows(), target_nll, start(), settings(2, schedule=lambda progress: 0.0, validation_fraction=0.0))
    assert all(torch.equal(a, b) for a, b in zip(frozen.parameters(), free.parameters(), strict=True))


def test_held_out_rows_choose_the_epoch_and_are_never_trained_on():
    seen = []

    def objective(model, batch, generator):
        seen.append(batch.inputs["a"])
        return target_nll(model, batch, generator)

    history = fit(model(), rows(), objective, start(), settings(1))
    assert sum(map(len, seen)) == 45 and len(history.validation) == 1


def test_training_is_silent_off_a_terminal(capfd):
    fit(model(), rows(), target_nll, start(), settings(2))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"clip_norm": 0.0}, ValueError, "clip_norm must be above 0, or None; got 0.0"),
        ({"validation_fraction": 1.5}, ValueError, "validation_fraction must be between 0 and 1; got 1.5"),
        ({"schedule": 3}, TypeError, "schedule must be a function from progress to a factor; got int"),
    ],
)
def test_settings_of_the_schedule_out_of_range_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        FitSettings(**changes)
    with pytest.raises(ValueError, match="train must leave rows to train on beside the 60 held out"):
        fit(model(), rows(), target_nll, start(), settings(validation_fraction=1.0))
