"""How honest the probabilities are: how sure against how often right, in bins of confidence, over any splits."""

import torch
from torch import Tensor

from ..checks import check_count, check_type, invalid
from .predictions import checked_predictions


def expected_calibration_error(log_probs: Tensor, states: Tensor, num_bins: int = 15) -> float:
    """The gap between how sure and how often right the most probable class is, averaged over bins of confidence.

    Bins have equal width on [0, 1] and hold their upper edge; each counts as much as it has rows. The estimate is
    biased upwards when bins hold few rows, so compare models on the same rows and bins.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, num_classes)`` in nats.
        states: True classes, int64 ``(num_rows,)``.
        num_bins: How many bins.

    Returns:
        A number in [0, 1].

    Raises:
        TypeError: As for ``accuracy``, or if ``num_bins`` is no integer.
        ValueError: As for ``accuracy``, or if ``num_bins`` is below one.

    Example:
        >>> log_probs = torch.tensor([[0.75, 0.25]]).log().expand(4, 2)
        >>> round(expected_calibration_error(log_probs, torch.tensor([0, 0, 0, 1])), 4)
        0.0
        >>> round(expected_calibration_error(log_probs, torch.tensor([0, 0, 1, 1])), 4)
        0.25

    Reference: Guo et al. (2017), On calibration of modern neural networks.
    """
    return pooled_calibration_error(calibration_bins(log_probs, states, num_bins))


def calibration_bins(log_probs: Tensor, states: Tensor, num_bins: int = 15) -> Tensor:
    """How many rows fall into each bin of confidence, how sure the model was of them, and how many it had right.

    Confidence is the probability of the most probable class. Bins have equal width on [0, 1] and hold their upper edge.
    Every entry is a sum over rows, so bins of several splits add up to the bins of all their rows.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, num_classes)`` in nats.
        states: True classes, int64 ``(num_rows,)``.
        num_bins: How many bins.

    Returns:
        A float64 table ``(num_bins, 3)`` of numbers of rows, summed confidences and numbers of right rows.

    Raises:
        TypeError: As for ``expected_calibration_error``.
        ValueError: As for ``expected_calibration_error``.

    Example:
        >>> log_probs = torch.tensor([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]]).log()
        >>> calibration_bins(log_probs, torch.tensor([0, 0, 0]), num_bins=2)
        tensor([[1.0000, 0.5000, 1.0000],
                [2.0000, 1.5000, 1.0000]], dtype=torch.float64)

    Reference: Guo et al. (2017), On calibration of modern neural networks.
    """
    log_probs, states = checked_predictions(log_probs, states)
    check_count("num_bins", num_bins)
    top, predicted = log_probs.max(1)
    confidence = top.exp()
    bins = (confidence * num_bins).ceil().long().sub(1).clamp(0, num_bins - 1)
    rows = torch.stack([torch.ones_like(confidence), confidence, (predicted == states).double()], 1)
    return rows.new_zeros(num_bins, 3).index_add(0, bins, rows)


def pooled_calibration_error(bins: Tensor) -> float:
    """The calibration error of all rows that were counted into the bins, of one split or of several.

    Over several splits it is at most the mean of their errors, weighted by rows: gaps of opposite sign cancel within a
    bin, so that it is less biased upwards by bins of few rows.

    Args:
        bins: What ``calibration_bins`` returns, ``(*splits, num_bins, 3)``; leading dimensions are summed over.

    Returns:
        A number in [0, 1].

    Raises:
        TypeError: If ``bins`` is no floating-point tensor.
        ValueError: If its last dimension is not three, an entry is negative or not finite, or there is no row.

    Example:
        >>> log_probs = torch.tensor([[0.75, 0.25]]).log().expand(4, 2)
        >>> splits = [calibration_bins(log_probs, torch.tensor(states)) for states in ([0, 0, 0, 0], [0, 0, 1, 1])]
        >>> round(pooled_calibration_error(torch.stack(splits)), 4)
        0.0

    Reference: Guo et al. (2017), On calibration of modern neural networks.
    """
    num_rows, confidence, num_right = _summed(bins)
    return float((num_right - confidence).abs().sum() / num_rows.sum())


def chance_calibration_error(bins: Tensor) -> float:
    """The calibration error to be expected of a calibrated model that is as sure: bins of few rows miss by chance.

    It is the mean absolute deviation of a binomial number of right rows in every bin, all as sure as its mean. Rows
    that several splits test count as different ones, so it is too low for splits that share many.

    Args:
        bins: As for ``pooled_calibration_error``.

    Returns:
        A number in [0, 1].

    Raises:
        TypeError: As for ``pooled_calibration_error``.
        ValueError: As for ``pooled_calibration_error``.

    Example:
        >>> round(chance_calibration_error(torch.tensor([[2.0, 1.0, 0.0]])), 4)  # none, one or both are right
        0.25
        >>> round(chance_calibration_error(torch.tensor([[200.0, 100.0, 0.0]])), 4)
        0.0282

    Reference: Diaconis and Zabell (1991), Closed form summation for classical distributions; Bröcker and Smith (2007),
    Increasing the reliability of reliability diagrams.
    """
    num_rows, confidence, _ = _summed(bins)
    count = num_rows.round()
    sure = (confidence / num_rows.clamp(min=1)).clamp(0, 1)
    above = torch.minimum((count * sure).floor() + 1, count)  # the first number of right rows above the mean
    ways = torch.lgamma(count + 1) - torch.lgamma(above + 1) - torch.lgamma(count - above + 1)
    probability = (ways + torch.xlogy(above, sure) + torch.xlogy(count - above, 1 - sure)).exp()
    return float((2 * above * (1 - sure) * probability).sum() / num_rows.sum())


def _summed(bins: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, confidences and right rows of every bin, over all splits."""
    check_type("bins", bins, Tensor, "be a tensor")
    if not bins.is_floating_point():
        raise invalid("bins", "be of a floating-point dtype", bins.dtype, TypeError)
    if bins.ndim < 2 or bins.shape[-1] != 3:
        raise invalid("bins", "have shape (*splits, num_bins, 3)", tuple(bins.shape))
    outside = bins[(bins >= 0).logical_and(bins.isfinite()).logical_not()]
    if len(outside):
        raise invalid("bins", "be finite and not negative", float(outside[0]))
    num_rows, confidence, num_right = bins.detach().double().reshape(-1, *bins.shape[-2:]).sum(0).unbind(1)
    if not num_rows.sum():
        raise invalid("bins", "count at least one row", "none")
    return num_rows, confidence, num_right
