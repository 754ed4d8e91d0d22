"""Ranks of models against counts, scipy, the published quantiles of Demšar (2006), and listings of all groups."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from graphfuse.evaluation import cliques, critical_difference, friedman_test, mean_ranks

TABLES = arrays.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(2, 5)), elements=st.integers(0, 4))


def test_ranks_worked_by_hand():
    scores = [[0.9, 0.8, 0.7], [0.6, 0.6, 0.5], [0.1, 0.1, 0.1]]
    assert mean_ranks(scores, True) == pytest.approx([(1 + 1.5 + 2) / 3, (2 + 1.5 + 2) / 3, (3 + 3 + 2) / 3])
    assert mean_ranks(scores, False) == pytest.approx([(3 + 2.5 + 2) / 3, (2 + 2.5 + 2) / 3, (1 + 1 + 2) / 3])


@given(TABLES)
@settings(max_examples=40, deadline=None)
def test_a_rank_counts_the_better_models_and_half_of_the_equal_ones(scores):
    better = (scores[:, None, :] > scores[:, :, None]).sum(2)
    equal = (scores[:, None, :] == scores[:, :, None]).sum(2) - 1
    assert mean_ranks(scores, True) == pytest.approx((1 + better + equal / 2).mean(0).tolist())


def test_infinite_scores_are_ranked():
    assert mean_ranks([[np.inf, 0.3, np.inf]], False) == [2.5, 1.0, 2.5]
    assert mean_ranks([[-np.inf, 0.3, np.inf]], True) == [3.0, 2.0, 1.0]


@given(TABLES, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_models_and_blocks_in_another_order_have_the_same_ranks(scores, random):
    num_blocks, num_models = scores.shape
    blocks, models = list(range(num_blocks)), list(range(num_models))
    random.shuffle(blocks)
    random.shuffle(models)
    ranks = mean_ranks(scores, True)
    shuffled = scores[blocks][:, models]
    assert mean_ranks(shuffled, True) == pytest.approx([ranks[model] for model in models])
    assert friedman_test(shuffled, True) == pytest.approx(friedman_test(scores, True))
    assert sum(ranks) == pytest.approx(num_models * (num_models + 1) / 2)


@given(TABLES)
@settings(max_examples=80, deadline=None)
def test_lower_is_better_counts_from_the_other_end(scores):
    num_models = scores.shape[1]
    turned = [num_models + 1 - rank for rank in mean_ranks(scores, True)]
    assert mean_ranks(scores, False) == pytest.approx(turned)
    assert mean_ranks(-scores, False) == mean_ranks(scores, True)
    assert friedman_test(scores, False) == pytest.approx(friedman_test(scores, True))


@pytest.mark.parametrize("num_models", [3, 4, 7])
@pytest.mark.parametrize("digits", [1, 8])
def test_friedmans_test_agrees_with_scipy(num_models, digits):
    scores = np.random.default_rng(num_models).normal(size=(12, num_models)).round(digits)
    expected = stats.friedmanchisquare(*scores.T)
    assert friedman_test(scores, True) == pytest.approx((expected.statistic, expected.pvalue))


def test_friedmans_test_of_two_models_is_a_sign_test():
    scores = [[0.9, 0.8]] * 7 + [[0.8, 0.9]] * 2
    z = (7 - 9 / 2) / (9 / 4) ** 0.5
    assert friedman_test(scores, True) == pytest.approx((z**2, 2 * stats.norm.sf(z)))


def test_models_that_always_tie_do_not_differ():
    assert friedman_test(np.ones((4, 3)), True) == (0.0, 1.0)


# table 5(a) of Demšar (2006)
@pytest.mark.parametrize(("num_models", "level", "quantile"), [
    (2, 0.05, 1.960), (3, 0.05, 2.343), (5, 0.05, 2.728), (10, 0.05, 3.164), (2, 0.10, 1.645), (10, 0.10, 2.920),
])  # fmt: skip
def test_the_critical_difference_has_the_published_quantiles(num_models, level, quantile):
    found = critical_difference(num_models, 20, level) / (num_models * (num_models + 1) / 120) ** 0.5
    assert found == pytest.approx(quantile, abs=1e-3)


def test_the_critical_difference_of_two_models_is_that_of_a_normal_test():
    assert critical_difference(2, 25, level=0.05) == pytest.approx(stats.norm.ppf(0.975) * (6 / 150) ** 0.5)


def test_groups_worked_by_hand():
    ranks = [3.143, 2.000, 2.893, 1.964]  # of the four models on fourteen data sets in Demšar (2006)
    assert critical_difference(4, 14) == pytest.approx(2.569 * (4 * 5 / (6 * 14)) ** 0.5, abs=1e-3)
    assert critical_difference(4, 14, level=0.1) == pytest.approx(2.291 * (4 * 5 / (6 * 14)) ** 0.5, abs=1e-3)
    assert cliques(ranks, critical_difference(4, 14)) == [(3, 1, 2, 0)]
    assert cliques(ranks, critical_difference(4, 14, level=0.1)) == [(3, 1, 2), (2, 0)]
    assert cliques([3.2, 1.0, 1.5, 2.4], 1.0) == [(1, 2), (2, 3), (3, 0)]
    assert cliques([1.0, 2.0, 3.0], 1.0) == []
    assert cliques([2.0, 2.0, 1.0], 0.5) == [(0, 1)]
    assert cliques([1.0], 0.5) == []


@given(st.lists(st.integers(4, 24).map(lambda quarters: quarters / 4), min_size=1, max_size=7), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_groups_agree_with_a_listing_of_all_sets(ranks, quarters):
    difference = quarters / 4
    close = [
        set(group)
        for size in range(2, len(ranks) + 1)
        for group in combinations(range(len(ranks)), size)
        if max(ranks[model] for model in group) - min(ranks[model] for model in group) < difference
    ]
    largest = [group for group in close if not any(group < other for other in close)]
    found = cliques(ranks, difference)
    assert sorted(map(sorted, found)) == sorted(map(sorted, largest))
    assert all([ranks[model] for model in group] == sorted(ranks[model] for model in group) for group in found)
    assert [ranks[group[0]] for group in found] == sorted(ranks[group[0]] for group in found)


@pytest.mark.parametrize("test", [mean_ranks, friedman_test])
@pytest.mark.parametrize(
    ("scores", "higher", "error", "message"),
    [
        ([0.5, 0.6], True, ValueError, r"scores must have shape \(num_blocks, num_models\); got \(2,\)"),
        (np.zeros((0, 3)), True, ValueError, "the number of blocks must be at least 1; got 0"),
        ([[0.5], [0.6]], True, ValueError, "the number of models must be at least 2; got 1"),
        ([[0.5, 0.6], [np.nan, 0.6]], True, ValueError, "scores must be free of nan; got nan of model 0 in block 1"),
        ([[0.5, 0.6]], "yes", TypeError, "higher_is_better must be True or False; got str"),
    ],
)
def test_what_has_no_ranks_is_refused(test, scores, higher, error, message):
    with pytest.raises(error, match=message):
        test(scores, higher)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: critical_difference(1, 10), ValueError, "num_models must be at least 2; got 1"),
        (lambda: critical_difference(3, 0), ValueError, "num_blocks must be at least 1; got 0"),
        (lambda: critical_difference(3, 2.5), TypeError, "num_blocks must be an integer; got 2.5"),
        (lambda: critical_difference(3, 10, 95), ValueError, "level must lie strictly between 0 and 1; got 95"),
        (lambda: cliques([], 1.0), ValueError, "the number of ranks must be at least 1; got 0"),
        (lambda: cliques([[1.0, 2.0]], 1.0), ValueError, r"ranks must have one dimension.*; got shape \(1, 2\)"),
        (lambda: cliques([1.0, np.nan], 1.0), ValueError, "ranks must be finite; got nan"),
        (lambda: cliques([1.0, 2.0], 0.0), ValueError, "difference must be finite and above 0; got 0.0"),
    ],
)
def test_what_has_no_critical_difference_or_groups_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
