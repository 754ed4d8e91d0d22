"""How often a model is wrong on the rows it is surest of, as a curve, as an area and at a given coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..checks import invalid
from .predictions import checked_predictions

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_ROUNDING = 1e-9  # of a number of rows, so that 0.07 of 100 rows are seven of them


def risk_coverage(log_probs: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    """The share of wrong rows among the k that the model is surest of, for every k.

    Confidence is the probability of the most probable class. Rows of exactly equal confidence have no order, so within
    them the risk is the expected one over all orders.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, num_classes)`` in nats.
        states: True classes, int64 ``(num_rows,)``.

    Returns:
        Coverages ``k / num_rows`` in increasing order and the risks there, both float64 ``(num_rows,)`` in [0, 1]; the
        last risk is one minus the accuracy.

    Raises:
        TypeError: As for ``accuracy``.
        ValueError: As for ``accuracy``.

    Example:
        >>> log_probs = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.2, 0.8]]).log()
        >>> coverages, risks = risk_coverage(log_probs, torch.tensor([0, 0, 1, 1]))
        >>> coverages
        tensor([0.2500, 0.5000, 0.7500, 1.0000], dtype=torch.float64)
        >>> risks
        tensor([0.0000, 0.0000, 0.1667, 0.2500], dtype=torch.float64)

    Reference: Geifman and El-Yaniv (2017), Selective classification for deep neural networks.
    """
    log_probs, states = checked_predictions(log_probs, states)
    top, predicted = log_probs.max(1)
    _, ties, sizes = torch.unique(-top, return_inverse=True, return_counts=True)  # the surest first
    wrong = top.new_zeros(len(sizes)).index_add(0, ties, (predicted != states).double())
    num_covered = torch.arange(1, len(top) + 1, dtype=top.dtype, device=top.device)
    return num_covered / len(top), (wrong / sizes).repeat_interleave(sizes).cumsum(0) / num_covered


def aurc(log_probs: Tensor, states: Tensor) -> float:
    """The area under the risk-coverage curve: the mean of the risk over the k surest rows, k from one to all.

    It is low if few rows are wrong, and if these are the ones that the model was least sure of; so read it next to the
    accuracy.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, num_classes)`` in nats.
        states: True classes, int64 ``(num_rows,)``.

    Returns:
        A number from 0 (always right) to 1 (always wrong).

    Raises:
        TypeError: As for ``accuracy``.
        ValueError: As for ``accuracy``.

    Example:
        >>> log_probs = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.2, 0.8]]).log()
        >>> round(aurc(log_probs, torch.tensor([0, 0, 1, 1])), 4)
        0.1042

    Reference: Geifman, Uziel and El-Yaniv (2019), Bias-reduced uncertainty estimation for deep neural classifiers.
    """
    return float(risk_coverage(log_probs, states)[1].mean())


def risk_at(log_probs: Tensor, states: Tensor, coverages: ArrayLike | Tensor) -> Tensor:
    """The share of wrong rows among the fewest surest rows that reach each coverage.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, num_classes)`` in nats.
        states: True classes, int64 ``(num_rows,)``.
        coverages: Shares of the rows to answer, above 0 and at most 1, ``(num_coverages,)``.

    Returns:
        Risks, float64 ``(num_coverages,)``, in the order of the coverages.

    Raises:
        TypeError: As for ``accuracy``.
        ValueError: As for ``accuracy``, or if a coverage is not above 0 and at most 1.

    Example:
        >>> log_probs = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]).log()
        >>> risk_at(log_probs, torch.tensor([0, 0, 1, 1]), [0.5, 0.6, 1.0])
        tensor([0.0000, 0.3333, 0.2500], dtype=torch.float64)

    Reference: Geifman and El-Yaniv (2017), Selective classification for deep neural networks.
    """
    _, risks = risk_coverage(log_probs, states)
    shares = torch.as_tensor(coverages, dtype=torch.float64, device=risks.device)
    if shares.ndim != 1:
        raise invalid("coverages", "have one dimension", f"shape {tuple(shares.shape)}")
    outside = shares[((shares > 0) & (shares <= 1)).logical_not()]
    if len(outside):
        raise invalid("coverages", "lie above 0 and be at most 1", float(outside[0]))
    return risks[(shares * len(risks) - _ROUNDING).ceil().long().clamp(min=1) - 1]
