"""How sure an area under the ROC curve is: DeLong's interval, and Newcombe's where that one has no width."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
from torch import Tensor

from ..checks import check_count, invalid
from .few_events import warn_of_few
from .predictions import checked_predictions


def auroc_interval(log_probs: Tensor, states: Tensor, level: float = 0.95) -> tuple[float, float, float]:
    """The area under the ROC curve for two classes, and its confidence interval over rows.

    The variance is that of DeLong; the interval is symmetric on the log-odds of the area, so it stays between 0 and 1.
    Where this variance is 0, at an area of 0 or 1 or if all rows tie, the interval is Newcombe's: all areas that lie
    within their own standard error, times the normal quantile, of the one found. It says how sure the rows make the
    area of this model, not how much another fit would differ. Warns below ten rows of either class.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, 2)`` in nats.
        states: True classes, int64 ``(num_rows,)``, at least two rows of each.
        level: Coverage, strictly between 0 and 1.

    Returns:
        The area, the lower and the upper end.

    Raises:
        TypeError: As for ``accuracy``.
        ValueError: As for ``accuracy``, or if there are not two classes of at least two rows each, or the level is out
            of range.

    Example:
        >>> log_probs = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]).log()
        >>> [round(each, 2) for each in auroc_interval(log_probs, torch.tensor([0, 0, 1, 1]))]
        [0.75, 0.07, 0.99]

    Reference: DeLong, DeLong and Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver
    operating characteristic curves; Newcombe (2006), Confidence intervals for an effect size measure based on the
    Mann-Whitney statistic, part 2, method 5.
    """
    from scipy.stats import norm, rankdata

    log_probs, states = checked_predictions(log_probs, states)
    check_count("the number of classes in log_probs", log_probs.shape[1], 2)
    if log_probs.shape[1] != 2:
        raise invalid("log_probs", "have two classes", log_probs.shape[1])
    if not 0.0 < level < 1.0:
        raise invalid("level", "lie strictly between 0 and 1", level)
    scores, truth = log_probs[:, 1].cpu().numpy(), states.cpu().numpy() == 1
    for name, rows in (("0", ~truth), ("1", truth)):
        check_count(f"the number of rows of class {name} in states", int(rows.sum()), 2)
    warn_of_few(states)
    above, below = scores[truth], scores[~truth]
    ranks = rankdata(np.concatenate([above, below]))
    placed_above = (ranks[: len(above)] - rankdata(above)) / len(below)  # the share of the others that each is above
    placed_below = 1 - (ranks[len(above) :] - rankdata(below)) / len(above)
    area = float(placed_above.mean())
    error = sqrt(float(placed_above.var(ddof=1)) / len(above) + float(placed_below.var(ddof=1)) / len(below))
    quantile = float(norm.ppf((1 + level) / 2))
    if not error:
        return area, *_by_own_errors(area, len(above), len(below), quantile)
    middle, half = log(area / (1 - area)), quantile * error / (area * (1 - area))
    return area, 1 / (1 + exp(-(middle - half))), 1 / (1 + exp(-(middle + half)))


def _by_own_errors(area: float, num_above: int, num_below: int, quantile: float) -> tuple[float, float]:
    """The smallest and the largest area whose own standard error, for exponential scores, reaches the one found."""
    from scipy.optimize import brentq

    others = (num_above + num_below) / 2 - 1  # besides the one row of each class in a pair

    def beyond(true: float) -> float:
        variance = true * (1 - true) * (1 + others * ((1 - true) / (2 - true) + true / (1 + true)))
        return (true - area) ** 2 - quantile**2 * variance / (num_above * num_below)

    nudge = 1e-9  # at the ends nothing varies, so there the found area itself would pass for a solution
    lower = 0.0 if area == 0 else float(brentq(beyond, 0.0, area - nudge))
    upper = 1.0 if area == 1 else float(brentq(beyond, area + nudge, 1.0))
    return lower, upper
