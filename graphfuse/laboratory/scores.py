"""All scores of one answer: log-probabilities against the true states, and against the true posterior where known."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any

import torch
from torch import Tensor

from ..checks import invalid
from ..evaluation import (
    accuracy,
    auroc,
    brier_score,
    calibration_bins,
    expected_calibration_error,
    macro_f1,
    negative_log_likelihood,
    risk_at,
    risk_coverage,
)
from ..problems import mean_kl

FLOOR = 1e-9  # a probability below it counts as it, so that one row cannot make a mean infinite
NUM_BINS = 15
COVERAGES = tuple(round(0.05 * step, 2) for step in range(1, 21))
UNDEFINED = None  # of a score that these rows do not define
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Scores:
    """Scores of one answer, in plain numbers that a file can hold.

    Args:
        metrics: By name its value; None where it is undefined, as the area under the ROC curve without a row of a
            class.
        bins: By bin of confidence its rows, and their summed confidence and correctness.
        risks: Pairs of coverage and risk.
    """

    metrics: dict[str, float | None]
    bins: list[list[float]]
    risks: list[list[float]]

    def plain(self) -> dict[str, Any]:
        return {"metrics": self.metrics, "bins": self.bins, "risks": self.risks}


def score(log_probs: Tensor, states: Tensor, true_probs: Tensor | None = None) -> Scores:
    """Every score of one answer.

    Args:
        log_probs: ``(num_rows, num_states)`` in nats, checked to be normalized.
        states: True states, int64 ``(num_rows,)``.
        true_probs: True probabilities ``(num_rows, num_states)``, where they are known.

    Raises:
        ValueError: If the answer is no distribution in some row, or of another shape.

    Example:
        >>> found = score(torch.tensor([[0.75, 0.25], [0.5, 0.5]]).log(), torch.tensor([0, 1]))
        >>> found.metrics["accuracy"], round(found.metrics["nll"], 4)
        (0.5, 0.4904)
    """
    log_probs = _floored(log_probs, states)
    every_state = len(set(states.tolist())) == log_probs.shape[1]
    _, risks = risk_coverage(log_probs, states)
    metrics = {
        "accuracy": accuracy(log_probs, states),
        "auroc": auroc(log_probs, states) if every_state else UNDEFINED,
        "macro_f1": macro_f1(log_probs, states),
        "nll": negative_log_likelihood(log_probs, states),
        "brier": brier_score(log_probs, states),
        "ece": expected_calibration_error(log_probs, states, NUM_BINS),
        "aurc": float(risks.mean()),
    }
    if true_probs is not None:
        metrics["kl"] = mean_kl({"target": true_probs}, {"target": log_probs.exp()})
    shown = risk_at(log_probs, states, torch.tensor(COVERAGES, dtype=torch.float64)).tolist()
    return Scores(
        metrics,
        calibration_bins(log_probs, states, NUM_BINS).tolist(),
        [list(pair) for pair in zip(COVERAGES, shown, strict=True)],
    )


def _floored(log_probs: Tensor, states: Tensor) -> Tensor:
    """The checked answer, without probabilities below the floor."""
    if log_probs.ndim != 2 or len(log_probs) != len(states):
        must = f"have shape ({len(states)}, num_states)"
        raise invalid("log_probs", must, tuple(log_probs.shape))
    log_probs = log_probs.detach().double()
    off = ~((log_probs.exp().sum(1) - 1).abs() <= _TOLERANCE)
    if off.any():
        row = int(off.nonzero()[0])
        raise invalid("log_probs", "be a distribution in every row", f"{log_probs[row].exp().tolist()} in row {row}")
    return log_probs.clamp(min=log(FLOOR)).log_softmax(1)
