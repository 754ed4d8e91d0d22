"""Tests of paired differences against plain t tests, intervals, listings of all signs, and rejections step by step."""

from itertools import product
from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graphfuse.evaluation import corrected_t_test, holm, mean_interval, wilcoxon_test

DIFFERENCES = [0.02, 0.04, -0.01, 0.05, 0.03]


def test_a_t_test_worked_by_hand():
    statistic, p_value = corrected_t_test([0.02, 0.04, 0.01, 0.05, 0.03], test_fraction=0.2)
    variance = (0.01**2 + 0.01**2 + 0.02**2 + 0.02**2) / 4
    assert statistic == pytest.approx(0.03 / sqrt((1 / 5 + 1 / 4) * variance))
    # the distribution of t with four degrees of freedom has a closed form
    x = statistic / sqrt(4 + statistic**2)
    assert p_value == pytest.approx(1 - x * (3 - x**2) / 2)


@pytest.mark.parametrize("test_fraction", [1e-12, 0.1, 0.5])
def test_the_statistic_is_the_plain_one_made_smaller(test_fraction):
    plain = stats.ttest_1samp(DIFFERENCES, 0.0)
    statistic, p_value = corrected_t_test(DIFFERENCES, test_fraction)
    expected = plain.statistic / sqrt(1 + len(DIFFERENCES) * test_fraction / (1 - test_fraction))
    assert statistic == pytest.approx(expected)
    assert p_value == pytest.approx(2 * stats.t.cdf(-expected, 4))


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=12), st.floats(0.05, 0.6))
@settings(max_examples=60, deadline=None)
def test_the_interval_at_one_minus_the_p_value_touches_zero(differences, test_fraction):
    statistic, p_value = corrected_t_test(differences, test_fraction)
    if len(set(differences)) > 1 and 1e-6 < p_value < 1 - 1e-6:
        mean, half_width = mean_interval(differences, test_fraction, 1 - p_value)
        assert abs(mean) == pytest.approx(half_width, rel=1e-6)
    mirrored = corrected_t_test([-each for each in differences], test_fraction)
    assert mirrored == pytest.approx((-statistic, p_value))


def test_a_test_of_models_that_do_not_differ_rejects_as_often_as_it_says():
    generator = np.random.default_rng(0)
    # the model behind the correction: differences of two splits correlate by the test fraction
    shared = generator.normal(size=(3000, 1)) * 0.2**0.5
    differences = shared + generator.normal(size=(3000, 10)) * 0.8**0.5
    p_values = np.array([corrected_t_test(row, 0.2)[1] for row in differences])
    assert np.mean(p_values < 0.1) == pytest.approx(0.1, abs=0.02)


def test_differences_without_variance():
    assert corrected_t_test([0.0, 0.0, -0.0], 0.2) == (0.0, 1.0)
    assert corrected_t_test([0.1, 0.1, 0.1], 0.2) == (inf, 0.0)
    assert corrected_t_test([-0.1, -0.1, -0.1], 0.2) == (-inf, 0.0)


def signed_rank_p_value(differences: list[float]) -> float:
    """By listing all signs: the doubled smaller tail of the sum of the ranks of positive differences, after Pratt."""
    ranks = stats.rankdata(np.abs(differences))
    kept = ranks[np.array(differences) != 0]
    observed = ranks[np.array(differences) > 0].sum()
    sums = np.array([np.dot(signs, kept) for signs in product((0, 1), repeat=len(kept))])
    return min(1.0, 2 * min(np.mean(sums >= observed - 1e-9), np.mean(sums <= observed + 1e-9)))


@given(st.lists(st.integers(1, 99), min_size=1, max_size=10, unique=True), st.data())
@settings(max_examples=40, deadline=None)
def test_signed_ranks_agree_with_a_listing_of_all_signs(sizes, data):
    signs = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=len(sizes), max_size=len(sizes)))
    differences = [sign * size / 100 for sign, size in zip(signs, sizes, strict=True)]
    assert wilcoxon_test(differences) == pytest.approx(signed_rank_p_value(differences))


def test_zeros_are_ranked_and_then_dropped():
    generator = np.random.default_rng(0)
    differences = np.round(generator.normal(0.3, 1.0, size=200), 1)
    assert (differences == 0).any()
    # Pratt's sum of ranks against its moments under random signs, here with the ties
    ranks = stats.rankdata(np.abs(differences)) * (differences != 0)
    z = (ranks[differences > 0].sum() - ranks.sum() / 2) / (sqrt(np.square(ranks).sum()) / 2)
    assert wilcoxon_test(differences) == pytest.approx(2 * stats.norm.sf(abs(z)))


def test_signed_ranks_of_few_differences():
    assert wilcoxon_test([0.0, 0.0, 0.0]) == 1.0
    assert wilcoxon_test([0.0]) == 1.0
    assert wilcoxon_test([0.1]) == 1.0
    assert wilcoxon_test([1, 2, 3, 4, 5, 6]) == wilcoxon_test([-1, -2, -3, -4, -5, -6]) == pytest.approx(2 / 64)


def test_adjusted_p_values_worked_by_hand():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9, 0.001]) == pytest.approx([1.0, 1.0, 0.003])
    assert holm([0.2]) == [0.2]


@pytest.mark.parametrize("num_tests", [1, 2, 5, 30])
def test_adjusted_p_values_agree_with_statsmodels(num_tests):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p_values = np.random.default_rng(num_tests).uniform(size=num_tests).round(1) ** 4
    assert holm(p_values) == pytest.approx(list(multitest.multipletests(p_values, method="holm")[1]))


P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=9)


@given(P_VALUES, st.floats(0.001, 0.999))
@settings(max_examples=100, deadline=None)
def test_adjusted_p_values_reject_what_holms_steps_reject(p_values, level):
    rejected: set[int] = set()
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for num_rejected, test in enumerate(order):
        if p_values[test] * (len(p_values) - num_rejected) > level:
            break
        rejected.add(test)
    assert {test for test, adjusted in enumerate(holm(p_values)) if adjusted <= level} == rejected


@given(P_VALUES, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_adjusted_p_values_keep_the_order_given(p_values, random):
    order = list(range(len(p_values)))
    random.shuffle(order)
    adjusted = holm(p_values)
    assert holm([p_values[test] for test in order]) == [adjusted[test] for test in order]
    assert all(one >= other for one, other in zip(adjusted, p_values, strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: corrected_t_test([0.1], 0.2), "the number of differences must be at least 2; got 1"),
        (lambda: corrected_t_test([0.1, np.nan], 0.2), "differences must be finite; got nan"),
        (lambda: corrected_t_test([[0.1, 0.2]], 0.2), r"differences must have one dimension, one score a split; got"),
        (lambda: corrected_t_test([0.1, 0.2], 1.0), "test_fraction must lie strictly between 0 and 1; got 1.0"),
        (lambda: wilcoxon_test([]), "the number of differences must be at least 1; got 0"),
        (lambda: wilcoxon_test([0.1, -np.inf]), "differences must be finite; got -inf"),
        (lambda: wilcoxon_test(0.1), r"differences must have one dimension; got shape \(\)"),
        (lambda: holm([]), "the number of p_values must be at least 1; got 0"),
        (lambda: holm([0.1, 1.1]), "p_values must be between 0 and 1; got 1.1"),
        (lambda: holm([0.1, np.nan]), "p_values must be between 0 and 1; got nan"),
    ],
)
def test_what_cannot_be_tested_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
