"""Risk and coverage agree with a listing of all k, and with the mean over all orders of tied rows."""

from itertools import permutations
from math import ceil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse.evaluation import accuracy, aurc, risk_at, risk_coverage
from tests.evaluation.predictions import logs, random_predictions

CASE = logs([0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]), torch.tensor([0, 0, 1, 1])


def listed_risks(confidence: list[float], wrong: list[bool]) -> list[float]:
    """The share of wrong rows among the first k, for every k; rows in the order given where confidence ties."""
    order = sorted(range(len(wrong)), key=lambda row: -confidence[row])
    return [sum(wrong[row] for row in order[:k]) / k for k in range(1, len(wrong) + 1)]


def test_a_curve_worked_by_hand():
    coverages, risks = risk_coverage(*CASE)
    assert coverages.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risks.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert aurc(*CASE) == pytest.approx((1 / 3 + 1 / 4) / 4)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_without_ties_it_agrees_with_a_listing_of_all_k(num_classes):
    log_probs, states = random_predictions(num_classes)
    wrong = (log_probs.argmax(1) != states).tolist()
    expected = listed_risks(log_probs.exp().max(1).values.tolist(), wrong)
    coverages, risks = risk_coverage(log_probs, states)
    assert risks.tolist() == pytest.approx(expected)
    assert coverages.tolist() == pytest.approx([k / 200 for k in range(1, 201)])
    assert aurc(log_probs, states) == pytest.approx(sum(expected) / len(expected))
    assert risks[-1].item() == pytest.approx(1 - accuracy(log_probs, states))


@given(st.lists(st.tuples(st.sampled_from([0.6, 0.75, 0.9]), st.booleans()), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_tied_rows_have_the_mean_risk_over_all_their_orders(rows):
    log_probs = logs(*[[confidence, 1 - confidence] for confidence, _ in rows])
    states = torch.tensor([int(wrong) for _, wrong in rows])
    listings = [listed_risks(*map(list, zip(*order, strict=True))) for order in permutations(rows)]
    assert risk_coverage(log_probs, states)[1].tolist() == pytest.approx(np.mean(listings, 0).tolist())
    assert aurc(log_probs, states) == pytest.approx(np.mean(listings))


def test_equal_confidence_everywhere_has_the_error_rate_everywhere():
    log_probs, states = logs(*[[0.3, 0.7]] * 5), torch.tensor([1, 0, 1, 0, 1])
    assert risk_coverage(log_probs, states)[1].tolist() == pytest.approx([0.4] * 5)


def test_a_model_that_is_least_sure_when_wrong_has_the_least_area():
    states = torch.tensor([0, 0, 0, 1])
    honest, blind = logs(*[[p, 1 - p] for p in (0.9, 0.8, 0.7, 0.6)]), logs(*[[0.8, 0.2]] * 4)
    sure = honest.flip(0)
    assert aurc(honest, states) < aurc(blind, states) < aurc(sure, states)


@pytest.mark.parametrize("num_rows", [1, 7, 100])
def test_the_risk_at_a_coverage_is_that_of_the_fewest_rows_that_reach_it(num_rows):
    log_probs, states = random_predictions(3, num_rows)
    risks = risk_coverage(log_probs, states)[1].tolist()
    percents = list(range(1, 101))
    found = risk_at(log_probs, states, [percent / 100 for percent in percents])
    assert found.tolist() == [risks[ceil(percent * num_rows / 100) - 1] for percent in percents]


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor], ids=lambda kind: kind.__name__)
def test_coverages_come_as_any_sequence_in_any_order(kind):
    found = risk_at(*CASE, kind([1.0, 0.5, 0.75, 0.01]))
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx([1 / 4, 0, 1 / 3, 0])


@pytest.mark.parametrize(
    ("coverages", "message"),
    [
        ([0.5, 0.0], "coverages must lie above 0 and be at most 1; got 0.0"),
        ([1.5], "coverages must lie above 0 and be at most 1; got 1.5"),
        ([torch.nan], "coverages must lie above 0 and be at most 1; got nan"),
        (0.5, r"coverages must have one dimension; got shape \(\)"),
    ],
)
def test_what_is_no_coverage_is_refused(coverages, message):
    with pytest.raises(ValueError, match=message):
        risk_at(*CASE, coverages)


@pytest.mark.parametrize("curve", [risk_coverage, lambda *prediction: risk_at(*prediction, [0.5])])
def test_what_is_no_prediction_is_refused(curve):
    with pytest.raises(ValueError, match="log_probs must sum to one in every row after exp"):
        curve(CASE[0].exp(), CASE[1])
    with pytest.raises(ValueError, match=r"states must be between 0 and 1 .*; got 2"):
        curve(CASE[0], torch.tensor([0, 0, 1, 2]))
