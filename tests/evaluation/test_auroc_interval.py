"""DeLong's interval against its definition and against resampling."""

import numpy as np
import pytest
import torch

from graphfuse.evaluation import auroc, auroc_interval


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


def test_a_perfect_ranking_has_an_interval_of_one_point():
    assert auroc_interval(told([-2.0, -1.0, 1.0, 2.0]), torch.tensor([0, 0, 1, 1])) == (1.0, 1.0, 1.0)


def test_what_has_no_interval_is_refused():
    log_probs = told([-1.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="the number of rows of class 1 in states must be at least 2; got 1"):
        auroc_interval(log_probs, torch.tensor([0, 0, 1]))
    with pytest.raises(ValueError, match="log_probs must have two classes; got 3"):
        auroc_interval(torch.full((3, 3), 1 / 3).log(), torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=r"level must lie strictly between 0 and 1; got 1\.0"):
        auroc_interval(told([0.0, 0.0, 1.0, 1.0]), torch.tensor([0, 0, 1, 1]), level=1.0)
