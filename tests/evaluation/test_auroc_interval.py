"""DeLong's interval against its definition, Newcombe's against his, and both by how often they hold the truth."""

import warnings

import numpy as np
import pytest
import torch
from scipy.stats import norm

from graphfuse.evaluation import auroc, auroc_interval

FEW = pytest.mark.filterwarnings("ignore:states hold")


def told(scores):
    probabilities = torch.as_tensor(1 / (1 + np.exp(-np.asarray(scores))))
    return torch.stack([1 - probabilities, probabilities], 1).log()


def drawn(seed, rows=200):
    draw = np.random.default_rng(seed)
    states = (draw.random(rows) < 0.4).astype(int)
    return np.round(states + draw.normal(size=rows), 1), states  # rounded: some scores tie


def test_the_variance_is_that_of_the_definition():
    scores, states = drawn(0, 40)
    x, y = scores[states == 1], scores[states == 0]
    beats = (x[:, None] > y).astype(float) + 0.5 * (x[:, None] == y)
    error = np.sqrt(beats.mean(1).var(ddof=1) / len(x) + beats.mean(0).var(ddof=1) / len(y))
    area, low, high = auroc_interval(told(scores), torch.from_numpy(states))
    assert area == pytest.approx(beats.mean()) == pytest.approx(auroc(told(scores), torch.from_numpy(states)))
    logit = [np.log(p / (1 - p)) for p in (low, area, high)]
    half = 1.959964 * error / (area * (1 - area))
    assert logit[2] - logit[1] == pytest.approx(half, rel=1e-6) and logit[1] - logit[0] == pytest.approx(half, rel=1e-6)


def test_about_one_interval_in_twenty_misses_the_true_area():
    true = 0.760250  # Phi(1 / sqrt 2)
    missed = 0
    for seed in range(300):
        draw = np.random.default_rng(seed)
        states = np.repeat([0, 1], [90, 60])
        _, low, high = auroc_interval(told(states + draw.normal(size=150)), torch.from_numpy(states))
        missed += not low <= true <= high
    assert 5 <= missed <= 27


def separated(num_above, num_below):
    return told([-2.0] * num_below + [2.0] * num_above), torch.tensor([0] * num_below + [1] * num_above)


@FEW
@pytest.mark.parametrize(("num_above", "num_below"), [(8, 4), (2, 2), (40, 25)])
def test_a_perfect_ranking_is_as_sure_as_the_smallest_area_whose_own_error_reaches_it(num_above, num_below):
    area, low, high = auroc_interval(*separated(num_above, num_below))
    assert area == high == 1.0
    # by a fine grid, with the probabilities of Hanley and McNeil that two rows of a class are both on the right side
    grid = np.linspace(0.001, 0.999, 99_801)
    two_above, two_below = grid / (2 - grid), 2 * grid**2 / (1 + grid)
    others = (num_above + num_below) / 2 - 1
    of_pairs = grid * (1 - grid) + others * (two_above - grid**2) + others * (two_below - grid**2)
    within = 1 - grid <= 1.959964 * np.sqrt(of_pairs / (num_above * num_below))
    assert low == pytest.approx(grid[within].min(), abs=2e-5)


@FEW
def test_turning_all_scores_round_turns_the_interval_round():
    log_probs, states = separated(8, 4)
    area, low, high = auroc_interval(log_probs.flip(1), states)
    assert (area, low) == (0.0, 0.0) and high == pytest.approx(1 - auroc_interval(log_probs, states)[1])
    area, low, high = auroc_interval(told([0.3] * 12), states)
    assert area == 0.5 and 0.5 - low == pytest.approx(high - 0.5) and 0.2 < low < 0.3


def test_a_perfect_ranking_becomes_surer_with_rows_and_less_sure_with_the_level():
    lows = [auroc_interval(*separated(size, size))[1] for size in (10, 20, 80)]
    assert lows == sorted(lows) and lows[-1] > 0.95
    lows = [auroc_interval(*separated(20, 20), level)[1] for level in (0.99, 0.95, 0.8)]
    assert lows == sorted(lows)


@FEW
def test_the_interval_keeps_its_promise_where_most_rankings_are_perfect():
    true, rows = 0.97, (8, 4)
    apart, held, perfect = 2**0.5 * norm.ppf(true), 0, 0
    for seed in range(300):
        states = np.repeat([1, 0], rows)
        scores = apart * states + np.random.default_rng(seed).normal(size=sum(rows))
        area, low, high = auroc_interval(told(scores), torch.from_numpy(states))
        held, perfect = held + (low <= true <= high), perfect + (area == 1)
    assert perfect > 150 and held >= 0.93 * 300


def test_below_ten_rows_of_a_class_the_caller_is_warned():
    with pytest.warns(UserWarning, match="states hold 8 events and 4 non-events; with fewer than 10") as found:
        auroc_interval(*separated(8, 4))
    assert found[0].filename == __file__
    with warnings.catch_warnings(action="error"):
        auroc_interval(*separated(10, 10))


@FEW
def test_what_has_no_interval_is_refused():
    log_probs = told([-1.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="the number of rows of class 1 in states must be at least 2; got 1"):
        auroc_interval(log_probs, torch.tensor([0, 0, 1]))
    with pytest.raises(ValueError, match="log_probs must have two classes; got 3"):
        auroc_interval(torch.full((3, 3), 1 / 3).log(), torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=r"level must lie strictly between 0 and 1; got 1\.0"):
        auroc_interval(told([0.0, 0.0, 1.0, 1.0]), torch.tensor([0, 0, 1, 1]), level=1.0)
