"""The entropy of a table of log-probabilities."""

import torch
from torch import Tensor


def entropy_of_table(log_probs: Tensor, num_dims: int) -> Tensor:
    """The entropy of tables ``(*batch, *scope)``, in nats ``(*batch,)``; zero where nothing has probability.

    Args:
        log_probs: Normalized, or ``-inf`` throughout.
        num_dims: Dimensions of the scope.

    Example:
        >>> entropy_of_table(torch.tensor([[0.5, 0.5], [1.0, 0.0]]).log(), 1)
        tensor([0.6931, 0.0000])
    """
    if num_dims and not (log_probs.requires_grad and torch.is_grad_enabled()):
        probs = log_probs.exp()
        return torch.special.entr(probs, out=probs).flatten(log_probs.ndim - num_dims).sum(-1)  # one more table
    finite = torch.where(log_probs > -torch.inf, log_probs, 0.0)
    summed = (log_probs.exp() * finite).flatten(log_probs.ndim - num_dims).sum(-1) if num_dims else finite
    return 0.0 - summed  # no negative zero
