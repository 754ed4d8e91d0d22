"""Curves over levels as one number: worked by hand, against an integral, and under shifts and stretches."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from graphfuse.evaluation import area_under_levels, effective_robustness

LEVELS, VALUES, BASELINE = [0.0, 0.1, 0.5, 1.0], [0.9, 0.8, 0.7, 0.4], [0.8, 0.75, 0.6, 0.2]


def test_cases_worked_by_hand():
    assert area_under_levels(LEVELS, VALUES) == pytest.approx(0.1 * 0.85 + 0.4 * 0.75 + 0.5 * 0.55)
    # what is left of 0.9 once the baseline's losses of 0, 0.05, 0.2 and 0.6 are taken from it: 0.9, 0.85, 0.7, 0.3
    assert effective_robustness(LEVELS, VALUES, BASELINE) == pytest.approx(0 - 0.05 + 0.0 + 0.1)


def test_the_area_is_the_integral_of_the_broken_line():
    expected, _ = quad(lambda level: np.interp(level, LEVELS, VALUES), 0.0, 1.0, points=LEVELS[1:-1])
    assert area_under_levels(LEVELS, VALUES) == pytest.approx(expected)


def test_the_area_is_a_mean_height_whatever_the_scale_of_the_levels():
    stretched = [3 + 100 * level for level in LEVELS]
    assert area_under_levels(stretched, VALUES) == pytest.approx(area_under_levels(LEVELS, VALUES))
    assert area_under_levels(LEVELS, [0.7] * 4) == pytest.approx(0.7)


def test_only_losses_count_and_not_where_a_model_starts():
    expected = effective_robustness(LEVELS, VALUES, BASELINE)
    raised = [value + 5 for value in VALUES]
    assert effective_robustness(LEVELS, raised, BASELINE) == pytest.approx(expected)
    assert effective_robustness(LEVELS, BASELINE, VALUES) == pytest.approx(-expected)
    assert effective_robustness(LEVELS, raised, VALUES) == pytest.approx(0.0)


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor], ids=lambda kind: kind.__name__)
def test_numbers_come_as_any_sequence(kind):
    found = effective_robustness(kind(LEVELS), kind(VALUES), kind(BASELINE))
    assert found == pytest.approx(effective_robustness(LEVELS, VALUES, BASELINE), abs=1e-6)


@pytest.mark.parametrize(
    ("levels", "values", "message"),
    [
        ([0.0], [0.9], "the number of levels must be at least 2; got 1"),
        ([0.0, 0.5, 0.5], [0.9, 0.8, 0.7], r"levels must increase strictly; got 0.5 before 0.5"),
        ([0.0, 1.0, 0.5], [0.9, 0.8, 0.7], r"levels must increase strictly; got 1 before 0.5"),
        ([0.0, np.inf], [0.9, 0.8], "levels must be finite; got inf"),
        ([[0.0, 1.0]], [0.9, 0.8], r"levels must have one dimension, one number a level; got shape \(1, 2\)"),
        ([0.0, 1.0], [0.9, 0.8, 0.7], "values must have one number for each of the 2 levels; got 3 numbers"),
        ([0.0, 1.0], [0.9, np.nan], "values must be finite; got nan"),
    ],
)
def test_what_is_no_curve_is_refused(levels, values, message):
    with pytest.raises(ValueError, match=message):
        area_under_levels(levels, values)
    with pytest.raises(ValueError, match=message):
        effective_robustness(levels, values, values)


def test_a_baseline_at_other_levels_is_refused():
    with pytest.raises(ValueError, match="baseline must have one number for each of the 4 levels; got 3 numbers"):
        effective_robustness(LEVELS, VALUES, BASELINE[:3])
