"""Scores of predictions: how often right, how probable the truth was, how honest the probabilities are."""

import torch
from torch import Tensor

from ..checks import check_count, check_type, invalid, listed

_TOLERANCE = 1e-3  # of a row's total probability, wide enough for half precision


def accuracy(log_probs: Tensor, states: Tensor) -> float:
    """The share of rows whose most probable class is the true one; the first class wins a tie.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, num_classes)`` in nats.
        states: True classes, int64 ``(num_rows,)``.

    Returns:
        A number in [0, 1].

    Raises:
        TypeError: If ``log_probs`` is no floating-point tensor, or ``states`` no integer tensor.
        ValueError: If the shapes disagree, there is no row, a row is no distribution, or a state is no class.

    Example:
        >>> log_probs = torch.tensor([[0.75, 0.25], [0.5, 0.5], [0.0, 1.0], [0.25, 0.75]]).log()
        >>> accuracy(log_probs, torch.tensor([0, 0, 1, 0]))
        0.75
    """
    log_probs, states = _checked(log_probs, states)
    return float((log_probs.argmax(1) == states).double().mean())


def negative_log_likelihood(log_probs: Tensor, states: Tensor) -> float:
    """The mean of minus the log-probability of the true class, in nats; infinite if a true class was held impossible.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, num_classes)`` in nats.
        states: True classes, int64 ``(num_rows,)``.

    Returns:
        A number from 0 (certain and right) to infinity; log ``num_classes`` is what a uniform guess gets.

    Raises:
        TypeError: As for ``accuracy``.
        ValueError: As for ``accuracy``.

    Example:
        >>> log_probs = torch.tensor([[0.5, 0.5], [0.0, 1.0]]).log()
        >>> round(negative_log_likelihood(log_probs, torch.tensor([0, 1])), 4)
        0.3466
        >>> negative_log_likelihood(log_probs, torch.tensor([0, 0]))
        inf

    Reference: Good (1952), Rational decisions.
    """
    log_probs, states = _checked(log_probs, states)
    return float(-log_probs.gather(1, states[:, None]).mean() + 0.0)  # + 0.0 turns minus zero into zero


def brier_score(log_probs: Tensor, states: Tensor) -> float:
    """Half the squared distance between the probabilities and the truth, summed over classes, averaged over rows.

    The half makes it, with two classes, the usual binary score: the squared error of the second class's probability.
    Brier's own score is twice as large.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, num_classes)`` in nats.
        states: True classes, int64 ``(num_rows,)``.

    Returns:
        A number from 0 (certain and right) to 1 (certain and wrong).

    Raises:
        TypeError: As for ``accuracy``.
        ValueError: As for ``accuracy``.

    Example:
        >>> round(brier_score(torch.tensor([[0.5, 0.5], [0.0, 1.0]]).log(), torch.tensor([0, 1])), 4)
        0.125

    Reference: Brier (1950), Verification of forecasts expressed in terms of probability.
    """
    log_probs, states = _checked(log_probs, states)
    truth = torch.nn.functional.one_hot(states, log_probs.shape[1])
    return float((log_probs.exp() - truth).square().sum(1).mean() / 2)


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
    log_probs, states = _checked(log_probs, states)
    check_count("num_bins", num_bins)
    top, predicted = log_probs.max(1)
    confidence = top.exp()
    bins = (confidence * num_bins).ceil().long().sub(1).clamp(0, num_bins - 1)
    gaps = confidence.new_zeros(num_bins).index_add(0, bins, (predicted == states).double() - confidence)
    return float(gaps.abs().sum() / len(states))


def auroc(log_probs: Tensor, states: Tensor) -> float:
    """The probability that a row of a class is ranked above a row of another, the area under the ROC curve.

    With two classes, by the probability of the second; with more, the mean over classes, each against the rest.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, num_classes)`` in nats.
        states: True classes, int64 ``(num_rows,)``.

    Returns:
        A number in [0, 1]; 0.5 is what an uninformed ranking gets.

    Raises:
        TypeError: As for ``accuracy``.
        ValueError: As for ``accuracy``, or if a class has no row: its area is undefined.
        ModuleNotFoundError: If scikit-learn is not installed.

    Example:
        >>> log_probs = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]).log()
        >>> auroc(log_probs, torch.tensor([0, 0, 1, 1]))
        0.75

    Reference: Hand and Till (2001), A simple generalisation of the area under the ROC curve.
    """
    from sklearn.metrics import roc_auc_score

    log_probs, states = _checked(log_probs, states)
    num_classes = log_probs.shape[1]
    counts = torch.bincount(states, minlength=num_classes).tolist()
    absent = [state for state, count in enumerate(counts) if not count]
    if absent or num_classes < 2:
        must = f"hold every one of at least two classes, here 0 to {num_classes - 1}"
        raise invalid("states", must, f"no row of {listed(absent)}" if absent else "one class")
    truth, probs = states.cpu().numpy(), log_probs.exp().cpu().numpy()
    classes = range(1, 2) if num_classes == 2 else range(num_classes)
    areas = [float(roc_auc_score(truth == state, probs[:, state])) for state in classes]
    return sum(areas) / len(areas)


def _checked(log_probs: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    check_type("log_probs", log_probs, Tensor, "be a tensor")
    check_type("states", states, Tensor, "be a tensor")
    if not log_probs.is_floating_point():
        raise invalid("log_probs", "be of a floating-point dtype", log_probs.dtype, TypeError)
    if states.is_floating_point() or states.is_complex() or states.dtype == torch.bool:
        raise invalid("states", "be integers", states.dtype, TypeError)
    if log_probs.ndim != 2 or 0 in log_probs.shape:
        must = "have shape (num_rows, num_classes) with at least one row and one class"
        raise invalid("log_probs", must, tuple(log_probs.shape))
    num_rows, num_classes = log_probs.shape
    if states.shape != (num_rows,):
        raise invalid("states", f"have shape ({num_rows},), as log_probs has {num_rows} rows", tuple(states.shape))
    log_probs, states = log_probs.detach().double(), states.to(log_probs.device).long()
    low, high = int(states.min()), int(states.max())
    if low < 0 or high >= num_classes:
        must = f"be between 0 and {num_classes - 1} (leave out the rows whose target is unknown)"
        raise invalid("states", must, low if low < 0 else high)
    total = log_probs.exp().sum(1)
    off = ((total - 1).abs() <= _TOLERANCE).logical_not().nonzero().flatten()
    if len(off):
        row = int(off[0])
        raise invalid("log_probs", "sum to one in every row after exp", f"{float(total[row]):.4g} in row {row}")
    return log_probs, states
