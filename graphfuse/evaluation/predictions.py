"""Refusals of what is no prediction: log-probabilities that are no distributions, states that are no classes."""

import torch
from torch import Tensor

from ..checks import check_type, invalid

_TOLERANCE = 1e-3  # of a row's total probability, wide enough for half precision


def checked_predictions(log_probs: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities in double precision, and the true class of each row on their device."""
    log_probs = checked_log_probs("log_probs", log_probs)
    check_type("states", states, Tensor, "be a tensor")
    if states.is_floating_point() or states.is_complex() or states.dtype == torch.bool:
        raise invalid("states", "be integers", states.dtype, TypeError)
    num_rows, num_classes = log_probs.shape
    if states.shape != (num_rows,):
        raise invalid("states", f"have shape ({num_rows},), as log_probs has {num_rows} rows", tuple(states.shape))
    states = states.to(log_probs.device).long()
    low, high = int(states.min()), int(states.max())
    if low < 0 or high >= num_classes:
        must = f"be between 0 and {num_classes - 1} (leave out the rows whose target is unknown)"
        raise invalid("states", must, low if low < 0 else high)
    return log_probs, states


def checked_log_probs(argument: str, log_probs: Tensor) -> Tensor:
    """Log-probabilities ``(num_rows, num_classes)`` in double precision, without gradient."""
    check_type(argument, log_probs, Tensor, "be a tensor")
    if not log_probs.is_floating_point():
        raise invalid(argument, "be of a floating-point dtype", log_probs.dtype, TypeError)
    if log_probs.ndim != 2 or 0 in log_probs.shape:
        must = "have shape (num_rows, num_classes) with at least one row and one class"
        raise invalid(argument, must, tuple(log_probs.shape))
    log_probs = log_probs.detach().double()
    total = log_probs.exp().sum(1)
    off = ((total - 1).abs() <= _TOLERANCE).logical_not().nonzero().flatten()
    if len(off):
        row = int(off[0])
        raise invalid(argument, "sum to one in every row after exp", f"{float(total[row]):.4g} in row {row}")
    return log_probs
