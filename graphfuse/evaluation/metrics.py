"""Scores of predictions: how often right, how probable the truth was, how well classes are ranked."""

import torch
from torch import Tensor

from ..checks import invalid, listed
from .predictions import checked_predictions


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
    log_probs, states = checked_predictions(log_probs, states)
    return float((log_probs.argmax(1) == states).double().mean())


def macro_f1(log_probs: Tensor, states: Tensor) -> float:
    """The mean over classes of F1, the harmonic mean of a class's precision and recall; the first class wins a tie.

    Every class counts the same, however rare. Only classes that occur count, among the states or among the predictions;
    a class with no row rightly predicted has an F1 of zero.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, num_classes)`` in nats.
        states: True classes, int64 ``(num_rows,)``.

    Returns:
        A number in [0, 1].

    Raises:
        TypeError: As for ``accuracy``.
        ValueError: As for ``accuracy``.

    Example:
        >>> log_probs = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75]]).log()
        >>> round(macro_f1(log_probs, torch.tensor([0, 1, 1])), 4)
        0.6667

    Reference: Opitz and Burst (2019), Macro F1 and macro F1.
    """
    log_probs, states = checked_predictions(log_probs, states)
    num_classes = log_probs.shape[1]
    predicted = log_probs.argmax(1)
    right = torch.bincount(states[predicted == states], minlength=num_classes)
    total = torch.bincount(states, minlength=num_classes) + torch.bincount(predicted, minlength=num_classes)
    occurs = total > 0
    return float((2 * right[occurs].double() / total[occurs]).mean())


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
    log_probs, states = checked_predictions(log_probs, states)
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
    log_probs, states = checked_predictions(log_probs, states)
    truth = torch.nn.functional.one_hot(states, log_probs.shape[1])
    return float((log_probs.exp() - truth).square().sum(1).mean() / 2)


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

    log_probs, states = checked_predictions(log_probs, states)
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
