"""Every mechanism keeps the contract: it hides, at its rates, as the generator says, and sees what it may."""

import copy
import pickle
from dataclasses import FrozenInstanceError

import pytest
import torch

from graphfuse.data import (
    MAR,
    MCAR,
    BlockPatterns,
    CellMCAR,
    ExactRate,
    LabelMNAR,
    Missingness,
    ModalityBatch,
    MonotoneDropout,
    ValueMNAR,
    available,
    drop_modalities,
    missingness,
    realised_rates,
)
from tests.families import members

NUM_ROWS = 20_000
NAMES = ("a", "b", "c")
MAKE = {
    BlockPatterns: lambda **k: BlockPatterns({("a", "b"): 0.5, frozenset({"c"}): 0.3, (): 0.2}, **k),
    CellMCAR: lambda **k: CellMCAR({"a": 0.5, "b": 0.3}, **k),
    ExactRate: lambda **k: ExactRate(0.4, **k),
    LabelMNAR: lambda **k: LabelMNAR("y", {"a": (0.8, 0.1), "b": (0.5, 0.5), "c": (0.2, 0.9)}, **k),
    MAR: lambda **k: MAR("b", ["a", "c"], 0.3, 2.0, **k),
    MCAR: lambda **k: MCAR({"a": 0.7, "b": 0.5, "c": 0.4}, **k),
    MonotoneDropout: lambda **k: MonotoneDropout(["c", "a", "b"], {"c": 0.2, "a": 0.5, "b": 0.5}, **k),
    ValueMNAR: lambda **k: ValueMNAR("c", 0.6, -1.5, **k),
}
RATES = {  # of complete rows, half of which have y = 0
    BlockPatterns: {"a": 0.5, "b": 0.5, "c": 0.7},
    CellMCAR: {"a": 0.25, "b": 0.3, "c": 0.0},
    ExactRate: {"a": 0.4, "b": 0.4, "c": 0.4},
    LabelMNAR: {"a": 0.45, "b": 0.5, "c": 0.55},
    MAR: {"a": 0.0, "b": 0.3, "c": 0.0},
    MCAR: {"a": 0.7, "b": 0.5, "c": 0.4},
    MonotoneDropout: {"c": 0.2, "a": 0.6, "b": 0.8},
    ValueMNAR: {"a": 0.0, "b": 0.0, "c": 0.6},
}
MEMBERS = members(missingness, Missingness)
READS_LABELS = {LabelMNAR}
READS_VALUES = {MAR, ValueMNAR}

each_mechanism = pytest.mark.parametrize("kind", MEMBERS)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def complete(shape=(NUM_ROWS,), seed=3):
    generator = seeded(seed)
    inputs = {
        "a": torch.randn(*shape, 2, generator=generator),
        "b": torch.rand(shape, generator=generator, dtype=torch.float64),
        "c": torch.randn(*shape, 2, 3, generator=generator),
    }
    present = {name: torch.ones(shape, dtype=torch.bool) for name in NAMES}
    return ModalityBatch(inputs, present, {"y": torch.arange(torch.Size(shape).numel()).reshape(shape) % 2})


def with_gaps(shape=(NUM_ROWS,)):
    return drop_modalities(complete(shape), {"a": 0.3, "b": 0.5, "c": 0.3}, seeded(9))


def masks(batch):
    return torch.stack([batch.present[name] for name in NAMES])


def tolerance(num, rate=0.5):
    return 5 * (rate * (1 - rate) / num) ** 0.5 + 1e-4


def test_every_mechanism_is_made_here():
    assert set(MEMBERS) == set(MAKE)


@each_mechanism
@pytest.mark.parametrize("batch", [complete(), with_gaps()], ids=["complete", "gaps"])
@pytest.mark.parametrize("at_least_one", [False, True])
def test_what_is_present_only_shrinks_and_nothing_else_changes(kind, batch, at_least_one):
    before = copy.deepcopy(batch)
    found = MAKE[kind](at_least_one=at_least_one).apply(batch, seeded())
    assert not (masks(found) & ~masks(batch)).any()
    assert masks(found).sum() < masks(batch).sum()
    assert torch.equal(found.targets["y"], before.targets["y"])
    assert found.modalities == batch.modalities
    for name in NAMES:
        assert torch.equal(batch.inputs[name], before.inputs[name])
        assert torch.equal(batch.present[name], before.present[name])
        if kind is not CellMCAR:
            assert found.inputs[name] is batch.inputs[name]


@each_mechanism
def test_modalities_are_lost_at_the_rates_asked_for(kind):
    batch = complete()
    found = realised_rates(batch, MAKE[kind](at_least_one=False).apply(batch, seeded(1)))
    for name, rate in RATES[kind].items():
        assert found[name] == pytest.approx(rate, abs=tolerance(NUM_ROWS, rate) if rate else 0)


@pytest.mark.parametrize("kind", [kind for kind in MEMBERS if kind is not MonotoneDropout])
def test_rates_are_of_what_was_present(kind):
    batch = with_gaps()
    found = realised_rates(batch, MAKE[kind](at_least_one=False).apply(batch, seeded(1)))
    for name, rate in RATES[kind].items():
        assert found[name] == pytest.approx(rate, abs=tolerance(NUM_ROWS * 0.45, rate) if rate else 0)


@each_mechanism
def test_the_generator_decides_the_draws(kind):
    first, again, other = (masks(MAKE[kind]().apply(with_gaps(), seeded(seed))) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@each_mechanism
@pytest.mark.parametrize("batch", [complete(), with_gaps()], ids=["complete", "gaps"])
def test_a_row_that_had_something_keeps_something_if_asked(kind, batch):
    found = masks(MAKE[kind](at_least_one=True).apply(batch, seeded())).any(0)
    assert torch.equal(found, masks(batch).any(0))


@pytest.mark.parametrize("kind", [kind for kind in MEMBERS if kind not in (ExactRate, MonotoneDropout)])
def test_rows_that_keep_something_are_the_same_with_and_without_a_modality_given_back(kind):
    batch = with_gaps()
    without, with_one = (masks(MAKE[kind](at_least_one=asked).apply(batch, seeded())) for asked in (False, True))
    rows = without.any(0)
    assert torch.equal(without[:, rows], with_one[:, rows])
    assert (with_one[:, ~rows].sum(0) == masks(batch).any(0)[~rows]).all()


def test_the_modality_given_back_is_drawn_uniformly_among_those_the_row_had():
    batch = complete().keep({"a": torch.arange(NUM_ROWS) % 2 == 0})
    found = masks(MCAR(1.0, at_least_one=True).apply(batch, seeded())).double()
    full, without_a = found[:, 0::2].mean(1), found[:, 1::2].mean(1)
    atol = tolerance(NUM_ROWS / 2)
    torch.testing.assert_close(full, torch.full_like(full, 1 / 3), rtol=0, atol=atol)
    torch.testing.assert_close(without_a, full.new_tensor([0, 0.5, 0.5]), rtol=0, atol=atol)


@each_mechanism
def test_labels_matter_only_where_the_mechanism_says_so(kind):
    batch = with_gaps()
    other = ModalityBatch(batch.inputs, batch.present, {"y": 1 - batch.targets["y"]})
    found, again = (masks(MAKE[kind]().apply(each, seeded())) for each in (batch, other))
    assert torch.equal(found, again) == (kind not in READS_LABELS)


@each_mechanism
def test_values_matter_only_where_the_mechanism_says_so(kind):
    batch = with_gaps()
    other = ModalityBatch(complete(seed=4).inputs, batch.present, batch.targets)
    found, again = (masks(MAKE[kind]().apply(each, seeded())) for each in (batch, other))
    assert torch.equal(found, again) == (kind not in READS_VALUES)


@each_mechanism
def test_values_behind_a_gap_do_not_matter(kind):
    batch = with_gaps()
    inputs = {}
    for name, value in batch.inputs.items():
        rows = batch.present[name].reshape(-1, *[1] * (value.ndim - 1))
        inputs[name] = torch.where(rows, value, torch.full_like(value, 1e6))
    other = ModalityBatch(inputs, batch.present, batch.targets)
    found, again = (masks(MAKE[kind]().apply(each, seeded())) for each in (batch, other))
    assert torch.equal(found, again)


@each_mechanism
@pytest.mark.parametrize("shape", [(), (1,), (0,), (4, 3)], ids=str)
@pytest.mark.parametrize("at_least_one", [False, True])
def test_any_batch_shape_is_accepted(kind, shape, at_least_one):
    batch = complete(shape)
    found = MAKE[kind](at_least_one=at_least_one).apply(batch, seeded())
    assert found.shape == shape
    assert {name: value.shape for name, value in found.inputs.items()} == {n: v.shape for n, v in batch.inputs.items()}
    assert not (masks(found) & ~masks(batch)).any()


@each_mechanism
def test_rows_in_two_dimensions_are_drawn_as_the_same_rows_in_one(kind):
    flat = complete((12,))
    square = ModalityBatch(
        {name: value.reshape(4, 3, *value.shape[1:]) for name, value in flat.inputs.items()},
        {name: mask.reshape(4, 3) for name, mask in flat.present.items()},
        {"y": flat.targets["y"].reshape(4, 3)},
    )
    found, again = (masks(MAKE[kind](at_least_one=True).apply(each, seeded())) for each in (flat, square))
    assert torch.equal(found, again.reshape(3, 12))


@each_mechanism
def test_a_mechanism_is_frozen_and_survives_copies_and_printing(kind):
    mechanism = MAKE[kind]()
    with pytest.raises(FrozenInstanceError):
        mechanism.at_least_one = False
    assert copy.deepcopy(mechanism) == mechanism == pickle.loads(pickle.dumps(mechanism))
    assert eval(repr(mechanism)) == mechanism


@each_mechanism
@pytest.mark.parametrize("at_least_one", [False, True])
def test_draws_on_a_device_equal_those_on_the_cpu(kind, at_least_one, device):
    batch = with_gaps((500,))
    mechanism = MAKE[kind](at_least_one=at_least_one)
    found = mechanism.apply(batch.to(device), seeded())
    assert all(mask.device.type == device.type for mask in found.present.values())
    assert all(value.device.type == device.type for value in found.inputs.values())
    assert torch.equal(masks(found).cpu(), masks(mechanism.apply(batch, seeded())))
    there = torch.Generator(device).manual_seed(0)
    assert masks(mechanism.apply(batch.to(device), there)).sum() < masks(batch).sum()


@each_mechanism
def test_what_is_no_batch_or_no_generator_is_refused(kind):
    with pytest.raises(TypeError, match=r"^batch must be a ModalityBatch; got dict\.$"):
        MAKE[kind]().apply({}, seeded())
    with pytest.raises(TypeError, match=r"^generator must be a torch\.Generator; got int\.$"):
        MAKE[kind]().apply(complete((2,)), 0)


def test_the_folder_of_mechanisms_is_no_data_set():
    assert "missingness" not in available()
