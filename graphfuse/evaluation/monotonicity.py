"""Does a model grow surer when it is told less?"""

from math import inf

from torch import Tensor

from ..checks import invalid
from .predictions import checked_log_probs


def confidence_rises(log_probs_more: Tensor, log_probs_fewer: Tensor, tolerance: float = 1e-6) -> float:
    """The share of rows whose confidence is higher with fewer modalities than with more.

    Confidence is the probability of the most probable class. Of exact posteriors it does not rise on average when a
    modality is removed, but on single rows, where modalities disagree, it may; so zero is not what the truth gets.

    Args:
        log_probs_more: Normalized log-probabilities ``(num_rows, num_classes)`` in nats, from more modalities.
        log_probs_fewer: Those of the same rows, from some of these modalities.
        tolerance: By how much a probability must rise to count.

    Returns:
        A number in [0, 1].

    Raises:
        TypeError: If one of the two is no floating-point tensor.
        ValueError: If the shapes disagree, there is no row, a row is no distribution, or the tolerance is negative.

    Example:
        >>> more = torch.tensor([[0.9, 0.1], [0.6, 0.4]]).log()
        >>> fewer = torch.tensor([[0.7, 0.3], [0.2, 0.8]]).log()
        >>> confidence_rises(more, fewer)
        0.5

    Reference: Ma et al. (2023), Calibrating multimodal learning.
    """
    more = checked_log_probs("log_probs_more", log_probs_more)
    fewer = checked_log_probs("log_probs_fewer", log_probs_fewer).to(more.device)
    if fewer.shape != more.shape:
        must = f"have the shape of log_probs_more, {tuple(more.shape)}"
        raise invalid("log_probs_fewer", must, tuple(fewer.shape))
    if not 0.0 <= tolerance < inf:
        raise invalid("tolerance", "be finite and not negative", tolerance)
    rises = fewer.max(1).values.exp() > more.max(1).values.exp() + tolerance
    return float(rises.double().mean())
