"""The interval of a mean over random splits: against the plain t interval, by hand, and by coverage."""

import numpy as np
import pytest
import torch
from scipy import stats

from graphfuse.evaluation import mean_interval

SCORES = [0.80, 0.84, 0.82, 0.86, 0.78]


def test_an_interval_worked_by_hand():
    mean, half_width = mean_interval(SCORES, test_fraction=0.2)
    assert mean == pytest.approx(0.82)
    variance = (0.02**2 + 0.02**2 + 0.04**2 + 0.04**2) / 4
    assert half_width == pytest.approx(2.776445 * ((1 / 5 + 1 / 4) * variance) ** 0.5, rel=1e-6)


def test_with_hardly_any_test_rows_it_is_the_plain_t_interval():
    mean, half_width = mean_interval(SCORES, test_fraction=1e-12)
    low, high = stats.t.interval(0.95, len(SCORES) - 1, loc=np.mean(SCORES), scale=stats.sem(SCORES))
    assert (mean - half_width, mean + half_width) == pytest.approx((low, high))


def test_the_interval_widens_with_the_test_fraction_and_the_level():
    widths = [mean_interval(SCORES, fraction)[1] for fraction in (0.1, 0.2, 0.5)]
    assert widths == sorted(widths)
    widths = [mean_interval(SCORES, 0.2, level)[1] for level in (0.5, 0.9, 0.99)]
    assert widths == sorted(widths)


def test_more_splits_cannot_make_the_interval_arbitrarily_narrow():
    many = np.tile(SCORES, 2000)
    spread = many.std(ddof=1)
    assert mean_interval(many, 0.2)[1] > 1.959 * spread * 0.25**0.5


def test_it_covers_the_mean_of_correlated_scores_as_often_as_it_says():
    generator = np.random.default_rng(0)
    test_fraction, num_splits, num_trials = 0.2, 10, 4000
    # the model behind the correction: scores of two splits correlate by the test fraction
    shared = generator.normal(size=(num_trials, 1)) * test_fraction**0.5
    scores = shared + generator.normal(size=(num_trials, num_splits)) * (1 - test_fraction) ** 0.5
    found = np.array([mean_interval(row, test_fraction, 0.9) for row in scores])
    covered = np.mean(np.abs(found[:, 0]) <= found[:, 1])
    assert covered == pytest.approx(0.9, abs=0.02)


def test_equal_scores_have_no_width():
    assert mean_interval([0.5, 0.5, 0.5], 0.2) == (0.5, 0.0)


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor], ids=lambda kind: kind.__name__)
def test_scores_come_as_any_sequence(kind):
    assert mean_interval(kind(SCORES), 0.2) == pytest.approx(mean_interval(SCORES, 0.2), rel=1e-6)


@pytest.mark.parametrize(
    ("values", "fraction", "level", "message"),
    [
        ([0.5], 0.2, 0.95, "the number of values must be at least 2; got 1"),
        ([[0.5, 0.6]], 0.2, 0.95, r"values must have one dimension, one score a split; got shape \(1, 2\)"),
        ([0.5, np.nan], 0.2, 0.95, "values must be finite; got nan"),
        (SCORES, 0.0, 0.95, "test_fraction must lie strictly between 0 and 1; got 0.0"),
        (SCORES, 1, 0.95, "test_fraction must lie strictly between 0 and 1; got 1"),
        (SCORES, 0.2, 95, "level must lie strictly between 0 and 1; got 95"),
    ],
)
def test_what_has_no_interval_is_refused(values, fraction, level, message):
    with pytest.raises(ValueError, match=message):
        mean_interval(values, fraction, level)
