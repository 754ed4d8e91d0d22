"""Mechanisms of missingness: right rates, independent draws, the same draws from the same generator."""

import pytest
import torch

from graphfuse.data import MCAR, ModalityBatch, drop_modalities, random_subsets

NUM_ROWS = 20_000
FIVE_DEVIATIONS = 5 * 0.5 / NUM_ROWS**0.5  # of a share of rows, at its widest


def complete(num_modalities: int = 3, num_rows: int = NUM_ROWS) -> ModalityBatch:
    return ModalityBatch({f"view_{i}": torch.zeros(num_rows, 1) for i in range(num_modalities)})


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_every_modality_is_dropped_at_the_rate(rate):
    for mask in drop_modalities(complete(), rate, seeded()).present.values():
        dropped = 1 - mask.double().mean().item()
        assert dropped == pytest.approx(rate, abs=FIVE_DEVIATIONS if 0 < rate < 1 else 0)


def test_rates_by_modality_leave_the_others_complete():
    found = drop_modalities(complete(), {"view_0": 0.25, "view_2": 1.0}, seeded()).present
    assert found["view_0"].double().mean().item() == pytest.approx(0.75, abs=FIVE_DEVIATIONS)
    assert found["view_1"].all()
    assert not found["view_2"].any()


def test_what_was_missing_stays_missing_and_the_batch_given_is_unchanged():
    batch = complete().keep({"view_0": torch.arange(NUM_ROWS) % 2 == 0})
    found = drop_modalities(batch, 0.5, seeded())
    assert not (found.present["view_0"] & ~batch.present["view_0"]).any()
    assert found.present["view_0"].double().mean().item() == pytest.approx(0.25, abs=FIVE_DEVIATIONS)
    assert batch.present["view_1"].all()
    assert found.inputs["view_1"] is batch.inputs["view_1"]


@pytest.mark.parametrize(
    "mechanism", [lambda b, g: drop_modalities(b, 0.5, g), random_subsets], ids=["drop", "subsets"]
)
def test_the_generator_decides_the_draws(mechanism):
    first, again, other = (mechanism(complete(), seeded(seed)).present for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("rate", [0.5, {"view_2": 0.3, "view_0": 0.6}], ids=str)
def test_dropping_modalities_is_mcar_with_one_uniform_number_a_row_in_the_order_of_the_rates(rate):
    rates = rate if isinstance(rate, dict) else dict.fromkeys(complete().modalities, rate)
    expected, numbers = dict(complete().present), seeded()
    for name, each in rates.items():
        expected[name] = torch.rand(NUM_ROWS, generator=numbers) >= each
    for found in (drop_modalities(complete(), rate, seeded()), MCAR(rate).apply(complete(), seeded())):
        assert all(torch.equal(found.present[name], expected[name]) for name in expected)


def test_rows_and_modalities_are_dropped_independently():
    found = drop_modalities(complete(2), 0.5, seeded()).present
    first, second = found["view_0"], found["view_1"]
    assert (first & second).double().mean().item() == pytest.approx(0.25, abs=FIVE_DEVIATIONS)
    assert (first[:-1] & first[1:]).double().mean().item() == pytest.approx(0.25, abs=FIVE_DEVIATIONS)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("num_modalities", [1, 2, 5])
def test_random_subsets_keep_every_number_of_modalities_equally_often(num_modalities):
    kept = torch.stack(list(random_subsets(complete(num_modalities), seeded()).present.values())).sum(0)
    shares = torch.bincount(kept, minlength=num_modalities + 1).double() / NUM_ROWS
    torch.testing.assert_close(shares, torch.full_like(shares, 1 / (num_modalities + 1)), rtol=0, atol=FIVE_DEVIATIONS)


def test_random_subsets_treat_all_modalities_alike():
    for mask in random_subsets(complete(4), seeded()).present.values():
        assert mask.double().mean().item() == pytest.approx(0.5, abs=FIVE_DEVIATIONS)


@pytest.mark.parametrize(
    "mechanism", [lambda b, g: drop_modalities(b, 0.5, g), random_subsets], ids=["drop", "subsets"]
)
@pytest.mark.parametrize("shape", [(), (4, 3)], ids=str)
def test_any_batch_shape_is_accepted(mechanism, shape):
    batch = ModalityBatch({"x": torch.zeros(*shape, 2)}, {"x": torch.ones(shape, dtype=torch.bool)})
    assert mechanism(batch, seeded()).shape == shape


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), {"view_0": 2.0}], ids=str)
def test_a_rate_outside_zero_and_one_is_refused(rate):
    with pytest.raises(ValueError, match=r"rate of 'view_0' must be between 0 and 1; got"):
        drop_modalities(complete(num_rows=2), rate, seeded())


def test_an_unknown_modality_is_refused_by_name():
    with pytest.raises(ValueError, match=r"each modality in rate must be one of .*'view_0'.*did you mean.*"):
        drop_modalities(complete(num_rows=2), {"view0": 0.5}, seeded())
