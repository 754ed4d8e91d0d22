"""Calibration in two numbers: whether probabilities are too high or low, and whether they are too extreme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..checks import invalid
from .few_events import warn_of_few
from .predictions import checked_predictions

_STEPS = 100
_CLOSE = 1e-10  # of the last step, in nats


@dataclass(frozen=True)
class CalibrationLine:
    """Where the log-odds of the truth lie beside those that were told, with standard errors over rows.

    Args:
        intercept: What to add to all log-odds so that they are right on average, in nats: 0 is calibrated in the
            large, below it the probabilities are too high.
        intercept_error: Its standard error.
        slope: What to multiply log-odds by, an intercept fitted beside it: 1 is calibrated, below it they are too
            extreme.
        slope_error: Its standard error.
    """

    intercept: float
    intercept_error: float
    slope: float
    slope_error: float


def calibration_line(log_probs: Tensor, states: Tensor) -> CalibrationLine:
    """The intercept and the slope of calibration of two classes, each by logistic regression on the log-odds told.

    Warns below ten rows of either class, where a slope has often no finite estimate.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, 2)`` in nats, none of them impossible.
        states: True classes, int64 ``(num_rows,)``, both of which occur.

    Returns:
        The intercept at a slope of one, and the slope; ``nan`` and ``nan`` for a slope where the log-odds part the
        classes, or are all the same.

    Raises:
        TypeError: As for ``accuracy``.
        ValueError: As for ``accuracy``, or if there are not two classes that both occur, or a probability is 0.

    Example:
        >>> log_probs = torch.tensor([[0.9, 0.1]] * 10 + [[0.1, 0.9]] * 10).log()
        >>> line = calibration_line(log_probs, torch.tensor([0] * 8 + [1] * 2 + [1] * 8 + [0] * 2))
        >>> round(line.slope, 2), abs(round(line.intercept, 2))  # told 0.9, true 0.8
        (0.63, 0.0)

    Reference: Cox (1958), Two further applications of a model for binary regression; Van Calster et al. (2019),
    Calibration: the Achilles heel of predictive analytics.
    """
    log_probs, states = checked_predictions(log_probs, states)
    if log_probs.shape[1] != 2:
        raise invalid("log_probs", "have two classes", log_probs.shape[1])
    truth = states.cpu().numpy().astype(float)
    if truth.min() == truth.max():
        raise invalid("states", "hold both classes", f"class {int(truth[0])} alone")
    told = (log_probs[:, 1] - log_probs[:, 0]).cpu().numpy()
    if not np.isfinite(told).all():
        raise invalid("log_probs", "be finite", float(log_probs.min()))
    warn_of_few(states)
    one = np.ones((len(truth), 1))
    (intercept,), (intercept_error,) = _logistic(one, truth, told)
    found, errors = _logistic(np.column_stack([one, told]), truth, np.zeros(len(truth)))
    return CalibrationLine(float(intercept), float(intercept_error), float(found[1]), float(errors[1]))


def _logistic(design: np.ndarray, truth: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of greatest likelihood and their standard errors, by Newton's method; ``nan`` if there are none."""
    from scipy.special import expit

    weights = np.zeros(design.shape[1])
    lost = np.full(len(weights), np.nan)
    for _ in range(_STEPS):
        fitted = expit(design @ weights + offset)
        information = design.T @ (design * (fitted * (1 - fitted))[:, None])
        if np.linalg.cond(information) > 1e12:
            return lost, lost
        step = np.linalg.solve(information, design.T @ (truth - fitted))
        size = float(np.abs(step).max())
        weights = weights + step * min(1.0, 3.0 / max(size, _CLOSE))  # no leap to where the curve is flat
        if size < _CLOSE:
            return weights, np.sqrt(np.diag(np.linalg.inv(information)))
    return lost, lost
