"""Log-domain arithmetic that stays finite and differentiable where probabilities are zero."""

from math import inf

import torch
from torch import Tensor


def logsumexp(table: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Log of the sum of exponentials over ``dims``; a sum of zeros is ``-inf``, with gradient zero.

    Args:
        table: Log-values, any shape, nats.
        dims: Dimensions to sum over; none returns the table as it is.

    Example:
        >>> logsumexp(torch.tensor([[0.0, 0.0], [-inf, -inf]]), (1,))
        tensor([0.6931,   -inf])
    """
    if not dims:
        return table
    if not (table.requires_grad and torch.is_grad_enabled()):
        return torch.logsumexp(table, dims)  # whose gradient is nan where all entries are -inf
    peak = table.detach().amax(dims, keepdim=True)
    peak = torch.where(peak == -inf, torch.zeros_like(peak), peak)
    return log((table - peak).exp_().sum(dims)) + peak.squeeze(dims)


def log(values: Tensor) -> Tensor:
    """Logarithm of values of at least zero; ``-inf`` at zero, with gradient zero.

    Example:
        >>> log(torch.tensor([1.0, 0.0]))
        tensor([0., -inf])
    """
    positive = values > 0
    return torch.where(positive, torch.log(torch.where(positive, values, 1.0)), -inf)


def subtract(minuend: Tensor, subtrahend: Tensor) -> Tensor:
    """Difference of log-values; where the subtrahend is ``-inf`` the result is ``-inf``, with gradient zero.

    This divides a product by one of its terms: where the term is zero so is the product, and zero is the answer
    that changes nothing after the term is multiplied back.
    """
    possible = subtrahend > -inf
    return torch.where(possible, minuend - torch.where(possible, subtrahend, 0.0), -inf)


def log_complement(log_probs: Tensor) -> Tensor:
    """log(1 - p) for log-probabilities of at most zero, to full precision; ``-inf`` at zero, with gradient zero.

    Example:
        >>> log_complement(torch.tensor([0.25, 1.0]).log()).exp()
        tensor([0.7500, 0.0000])

    Reference: Mächler (2012), Accurately computing log(1 - exp(-|a|)).
    """
    likely = log_probs > -0.6931
    near_zero = torch.where(likely, log_probs, -1.0)
    far_below = torch.where(likely, -1.0, log_probs)
    return torch.where(likely, log(-torch.expm1(near_zero)), torch.log1p(-torch.exp(far_below)))
