"""Intercept and slope of calibration against scikit-learn, a known truth, and the edges."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from graphfuse.evaluation import calibration_line

FEW = pytest.mark.filterwarnings("ignore:states hold")


def told(log_odds):
    log_odds = torch.as_tensor(np.asarray(log_odds, dtype=float))
    return torch.stack([torch.nn.functional.logsigmoid(-log_odds), torch.nn.functional.logsigmoid(log_odds)], 1)


def drawn(rows, seed=0, slope=1.0, shift=0.0):
    draw = np.random.default_rng(seed)
    log_odds = 2 * draw.normal(size=rows)
    return log_odds, (draw.random(rows) < expit(slope * log_odds + shift)).astype(int)


def test_slope_and_intercept_are_those_of_other_solvers():
    log_odds, states = drawn(300, slope=0.6, shift=0.5)
    line = calibration_line(told(log_odds), torch.from_numpy(states))
    other = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(log_odds[:, None], states)
    assert line.slope == pytest.approx(float(other.coef_[0, 0]), rel=1e-4)
    assert line.intercept == pytest.approx(brentq(lambda a: (expit(log_odds + a) - states).sum(), -5, 5), abs=1e-8)


def test_errors_say_how_far_estimates_stray():
    lines = [calibration_line(told(x), torch.from_numpy(y)) for x, y in (drawn(200, seed) for seed in range(200))]
    for name in ("intercept", "slope"):
        found = np.array([getattr(line, name) for line in lines])
        errors = np.array([getattr(line, f"{name}_error") for line in lines])
        assert found.std() == pytest.approx(errors.mean(), rel=0.2)
        assert abs(found.mean() - (name == "slope")) < 0.05


@FEW
def test_a_slope_is_undefined_where_the_log_odds_part_the_classes_or_are_alike():
    parted = calibration_line(told([-2.0, -1.0, 1.0, 2.0]), torch.tensor([0, 0, 1, 1]))
    assert np.isnan(parted.slope) and np.isnan(parted.slope_error) and parted.intercept == pytest.approx(0, abs=1e-9)
    alike = calibration_line(told([0.3, 0.3, 0.3]), torch.tensor([0, 1, 1]))
    assert np.isnan(alike.slope) and alike.intercept == pytest.approx(np.log(2) - 0.3)


@FEW
def test_what_has_no_line_is_refused():
    with pytest.raises(ValueError, match="states must hold both classes; got class 1 alone"):
        calibration_line(told([0.0, 1.0]), torch.tensor([1, 1]))
    with pytest.raises(ValueError, match="log_probs must be finite; got -inf"):
        calibration_line(torch.tensor([[1.0, 0.0], [0.5, 0.5]]).log(), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="log_probs must have two classes; got 3"):
        calibration_line(torch.full((2, 3), 1 / 3).log(), torch.tensor([0, 1]))


def test_below_ten_rows_of_a_class_the_caller_is_warned():
    log_odds, states = drawn(300)
    few = np.concatenate([np.flatnonzero(states == 1)[:9], np.flatnonzero(states == 0)[:20]])
    with pytest.warns(UserWarning, match="states hold 9 events and 20 non-events; with fewer than 10") as found:
        calibration_line(told(log_odds[few]), torch.from_numpy(states[few]))
    assert found[0].filename == __file__
