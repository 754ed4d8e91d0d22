"""Calibration errors agree with a loop over bins, and bins of splits add up to those of all their rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from graphfuse.evaluation import (
    calibration_bins,
    chance_calibration_error,
    expected_calibration_error,
    pooled_calibration_error,
)
from tests.evaluation.predictions import logs, random_predictions


def test_the_calibration_error_weighs_bins_by_their_rows():
    log_probs = logs([0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6])
    states = torch.tensor([0, 0, 1, 0])
    expected = 3 / 4 * abs(2 / 3 - 0.9) + 1 / 4 * abs(0 - 0.6)
    assert expected_calibration_error(log_probs, states) == pytest.approx(expected)
    assert expected_calibration_error(log_probs, states, num_bins=1) == pytest.approx(abs(0.5 - (3 * 0.9 + 0.6) / 4))


@pytest.mark.parametrize("num_bins", [1, 4, 15])
def test_the_calibration_error_agrees_with_a_loop_over_bins(num_bins):
    log_probs, states = random_predictions(4)
    confidence, predicted = log_probs.exp().max(1)
    expected = 0.0
    for i in range(num_bins):
        inside = (confidence > i / num_bins) & (confidence <= (i + 1) / num_bins)
        if inside.any():
            gap = (predicted == states)[inside].double().mean() - confidence[inside].mean()
            expected += inside.double().mean().item() * abs(gap.item())
    assert expected_calibration_error(log_probs, states, num_bins) == pytest.approx(expected)


@pytest.mark.parametrize("num_bins", [1, 4, 15])
def test_bins_agree_with_a_histogram(num_bins):
    log_probs, states = random_predictions(3)
    confidence, right = log_probs.exp().max(1).values.numpy(), (log_probs.argmax(1) == states).double().numpy()
    expected = [
        np.histogram(confidence, bins=num_bins, range=(0, 1), weights=weights)[0]
        for weights in (np.ones(len(confidence)), confidence, right)
    ]
    bins = calibration_bins(log_probs, states, num_bins)
    assert bins.dtype == torch.float64
    np.testing.assert_allclose(bins.numpy(), np.stack(expected, 1))


def test_a_bin_holds_its_upper_edge():
    bins = calibration_bins(logs([0.5, 0.5], [0.25, 0.75], [1.0, 0.0]), torch.tensor([0, 0, 0]), num_bins=4)
    assert bins.tolist() == [[0, 0, 0], [1, 0.5, 1], [1, 0.75, 0], [1, 1, 1]]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_the_pooled_error_is_that_of_all_rows_and_at_most_the_mean_over_splits(sizes, num_bins):
    log_probs, states = random_predictions(3, sum(sizes))
    splits = list(zip(log_probs.split(sizes), states.split(sizes), strict=True))
    bins = torch.stack([calibration_bins(*split, num_bins) for split in splits])
    expected = pytest.approx(expected_calibration_error(log_probs, states, num_bins), abs=1e-12)
    assert pooled_calibration_error(bins) == expected
    assert pooled_calibration_error(bins.sum(0)) == expected
    assert pooled_calibration_error(bins[None]) == expected
    errors = [expected_calibration_error(*split, num_bins) for split in splits]
    assert pooled_calibration_error(bins) <= np.average(errors, weights=sizes) + 1e-12


@given(st.lists(st.tuples(st.integers(1, 60), st.floats(1e-9, 1) | st.just(0.0)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_error_by_chance_is_the_mean_over_all_numbers_of_right_rows(bins):
    table = torch.tensor([[n, n * p, 0.0] for n, p in bins] + [[0.0, 0.0, 0.0]], dtype=torch.float64)
    gaps = [np.abs(np.arange(n + 1) - n * p) @ binom.pmf(np.arange(n + 1), n, p) for n, p in bins]
    assert chance_calibration_error(table) == pytest.approx(sum(gaps) / sum(n for n, _ in bins), abs=1e-9)


def test_calibrated_answers_show_the_error_by_chance_on_average():
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(200):
        sure = 0.5 + 0.5 * torch.rand(100, generator=generator, dtype=torch.float64)
        states = (torch.rand(100, generator=generator) > sure).long()
        bins = calibration_bins(torch.stack([sure, 1 - sure], 1).log(), states)
        found.append([pooled_calibration_error(bins), chance_calibration_error(bins)])
    shown, expected = np.mean(found, 0)
    assert shown == pytest.approx(expected, rel=0.05)


def test_gaps_of_opposite_sign_cancel_over_splits():
    log_probs = logs(*[[0.75, 0.25]] * 4)
    always, half = (calibration_bins(log_probs, torch.tensor(states)) for states in ([0, 0, 0, 0], [0, 0, 1, 1]))
    assert pooled_calibration_error(always) == pytest.approx(0.25)
    assert pooled_calibration_error(half) == pytest.approx(0.25)
    assert pooled_calibration_error(always + half) == pytest.approx(0.0)


@pytest.mark.parametrize("count", [expected_calibration_error, calibration_bins])
@pytest.mark.parametrize("num_bins", [0, -1])
def test_at_least_one_bin_is_needed(count, num_bins):
    with pytest.raises(ValueError, match="num_bins must be at least 1"):
        count(logs([0.5, 0.5], [0.5, 0.5]), torch.tensor([0, 1]), num_bins)


@pytest.mark.parametrize(
    ("bins", "error", "message"),
    [
        ([[1.0, 0.5, 1.0]], TypeError, "bins must be a tensor; got list"),
        (torch.ones(2, 3, dtype=torch.int64), TypeError, "bins must be of a floating-point dtype; got torch.int64"),
        (torch.ones(3), ValueError, r"bins must have shape \(\*splits, num_bins, 3\); got \(3,\)"),
        (torch.ones(3, 2), ValueError, r"bins must have shape \(\*splits, num_bins, 3\); got \(3, 2\)"),
        (torch.tensor([[1.0, -0.5, 1.0]]), ValueError, "bins must be finite and not negative; got -0.5"),
        (torch.tensor([[1.0, torch.nan, 1.0]]), ValueError, "bins must be finite and not negative; got nan"),
        (torch.zeros(2, 3), ValueError, "bins must count at least one row; got none"),
    ],
)
def test_what_are_no_bins_is_refused(bins, error, message):
    with pytest.raises(error, match=message):
        pooled_calibration_error(bins)
