"""The rate of CPM-Nets is met to the entry, and every row keeps one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse.data import ExactRate, ModalityBatch, missing_rates


def rows(num_modalities, num_rows):
    return ModalityBatch({f"view_{i}": torch.zeros(num_rows) for i in range(num_modalities)})


def masks(batch):
    return torch.stack(list(batch.present.values()))


@given(st.integers(1, 6), st.integers(1, 40), st.floats(0, 1), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_the_share_of_missing_entries_is_the_rate_up_to_rounding(num_modalities, num_rows, share, seed):
    rate = share * (num_modalities - 1) / num_modalities
    found = masks(ExactRate(rate).apply(rows(num_modalities, num_rows), torch.Generator().manual_seed(seed)))
    assert abs(int((~found).sum()) - rate * num_modalities * num_rows) <= 0.5 + 1e-9
    assert found.any(0).all()


@pytest.mark.parametrize("num_modalities", [2, 3, 6, 7])
def test_at_the_greatest_rate_each_row_keeps_one_drawn_uniformly(num_modalities, generator):
    batch = ExactRate((num_modalities - 1) / num_modalities).apply(rows(num_modalities, 20_000), generator)
    assert (masks(batch).sum(0) == 1).all()
    share = 1 / num_modalities
    for rate in missing_rates(batch).values():
        assert 1 - rate == pytest.approx(share, abs=5 * (share * (1 - share) / 20_000) ** 0.5)


def test_rows_with_gaps_reach_only_what_leaves_each_of_them_one(generator):
    batch = rows(3, 10).keep({"view_0": torch.arange(10) < 5, "view_1": torch.arange(10) < 8})
    batch = batch.keep({"view_2": torch.arange(10) < 9})  # 5 + 8 + 9 entries in 9 rows
    found = masks(ExactRate(13 / 22).apply(batch, generator))
    assert (found.sum(0) == torch.tensor([1] * 9 + [0])).all()
    with pytest.raises(ValueError, match=r"^rate must be at most 0\.5909, .*; got 0\.6\.$"):
        ExactRate(0.6).apply(batch, generator)


def test_the_greatest_rate_named_in_the_refusal_is_accepted(generator):
    with pytest.raises(ValueError, match=r"^rate must be at most 0\.6666, ") as refusal:
        ExactRate(0.7).apply(rows(3, 10), generator)
    named = float(str(refusal.value).split("at most ")[1].split(",")[0])
    assert int((~masks(ExactRate(named).apply(rows(3, 10), generator))).sum()) == 20


@pytest.mark.parametrize("rate", [0.0, 0.9, 1.0])
def test_without_protection_any_rate_is_reached(rate, generator):
    found = masks(ExactRate(rate, at_least_one=False).apply(rows(2, 50), generator))
    assert int((~found).sum()) == round(100 * rate)


def test_a_batch_without_any_modality_present_stays_as_it_is(generator):
    batch = rows(2, 3).keep({name: torch.zeros(3, dtype=torch.bool) for name in ("view_0", "view_1")})
    assert not masks(ExactRate(0.5).apply(batch, generator)).any()
