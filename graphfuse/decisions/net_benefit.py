"""Net benefit: what deciding by a model is worth, at every rate of exchange between misses and false alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..checks import check_count, check_known, check_type, invalid
from ..evaluation.few_events import warn_of_few
from ..evaluation.predictions import checked_predictions

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

_VALUES = 2**24  # of resamples times rows that are held at once
_ROUNDING = 1e-12  # of a probability, so that a row at the threshold is treated


def net_benefit(log_probs: Tensor, states: Tensor, thresholds: ArrayLike | Tensor, positive: int = 1) -> Tensor:
    """The share of true positives less that of false ones, each of which weighs ``t / (1 - t)``, by threshold ``t``.

    A row is treated if the probability of the positive state is at least the threshold: who treats at a tenth holds a
    miss to be nine times as bad as a false alarm. Treating nobody has net benefit 0.

    Args:
        log_probs: Normalized log-probabilities ``(num_rows, num_classes)`` in nats.
        states: True classes, int64 ``(num_rows,)``.
        thresholds: Probabilities at least 0 and below 1, ``(num_thresholds,)``.
        positive: The class to be treated; all others are negative.

    Returns:
        Float64 ``(num_thresholds,)``, in true positives per row.

    Raises:
        TypeError: As for ``accuracy``.
        ValueError: As for ``accuracy``, or if a threshold is out of range, or the positive class does not exist.

    Example:
        >>> log_probs = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]]).log()
        >>> net_benefit(log_probs, torch.tensor([0, 1, 0, 1]), [0.2, 0.5])
        tensor([0.4375, 0.0000], dtype=torch.float64)

    Reference: Vickers and Elkin (2006), Decision curve analysis.
    """
    gains, _, _ = _gains(log_probs, states, thresholds, positive)
    return torch.from_numpy(gains.mean(1))


def decision_curve(
    log_probs: Tensor,
    states: Tensor,
    thresholds: ArrayLike | Tensor,
    generator: torch.Generator,
    positive: int = 1,
    num_resamples: int = 1000,
    level: float = 0.95,
) -> pd.DataFrame:
    """The net benefit of a model, of treating all and of treating none, with intervals from resampled rows.

    The interval holds the middle share ``level`` of the net benefits of resamples of the rows, drawn with replacement;
    the same resamples serve all thresholds. It says how sure the rows at hand make the net benefit of this model, not
    how much another fit would differ. Warns below ten rows that are positive, or ten that are not.

    Args:
        log_probs: As for ``net_benefit``, as are the others.
        states: True classes, int64 ``(num_rows,)``.
        thresholds: Probabilities ``(num_thresholds,)``.
        generator: Source of the resamples.
        positive: The class to be treated.
        num_resamples: How many.
        level: Coverage of the intervals, strictly between 0 and 1.

    Returns:
        A DataFrame, a row a threshold: ``threshold``, ``model``, ``lower``, ``upper``, ``treat_all``, ``treat_none``,
        in true positives per row.

    Raises:
        TypeError: As for ``net_benefit``, or if the generator is none.
        ValueError: As for ``net_benefit``, or if the level or the number of resamples is out of range.

    Example:
        >>> log_probs = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]]).log()
        >>> states, generator = torch.tensor([0, 1, 0, 1]), torch.Generator().manual_seed(0)
        >>> decision_curve(log_probs, states, [0.2, 0.5], generator)[["threshold", "model", "treat_all", "treat_none"]]
           threshold   model  treat_all  treat_none
        0        0.2  0.4375      0.375         0.0
        1        0.5  0.0000      0.000         0.0

    Reference: Vickers and Elkin (2006), Decision curve analysis; Vickers, Cronin, Elkin and Gonen (2008), Extensions to
    decision curve analysis; Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    import pandas as pd

    check_type("generator", generator, torch.Generator, "be a torch.Generator")
    check_count("num_resamples", num_resamples)
    if not 0.0 < level < 1.0:
        raise invalid("level", "lie strictly between 0 and 1", level)
    gains, everyone, at = _gains(log_probs, states, thresholds, positive)
    warn_of_few(states, positive)
    found, num_rows = np.empty((num_resamples, len(at))), gains.shape[1]
    step = max(1, _VALUES // num_rows)
    for start in range(0, num_resamples, step):
        size = min(step, num_resamples - start)
        drawn = torch.randint(num_rows, (size, num_rows), generator=generator, device=generator.device).cpu().numpy()
        times = np.stack([np.bincount(each, minlength=num_rows) for each in drawn])
        found[start : start + size] = times @ gains.T / num_rows
    lower, upper = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return pd.DataFrame(
        {
            "threshold": at,
            "model": gains.mean(1),
            "lower": lower,
            "upper": upper,
            "treat_all": everyone.mean(1),
            "treat_none": np.zeros(len(at)),
        }
    )


def _gains(
    log_probs: Tensor, states: Tensor, thresholds: ArrayLike | Tensor, positive: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each row adds ``(num_thresholds, num_rows)``, by the model and if all are treated, and the thresholds."""
    log_probs, states = checked_predictions(log_probs, states)
    check_known("positive", positive, range(log_probs.shape[1]))
    at = torch.as_tensor(thresholds, dtype=torch.float64).cpu().numpy()
    if at.ndim != 1 or not len(at):
        raise invalid("thresholds", "have one dimension and at least one entry", f"shape {at.shape}")
    outside = at[~((at >= 0) & (at < 1))]
    if len(outside):
        raise invalid("thresholds", "be at least 0 and below 1", float(outside[0]))
    odds = (at / (1 - at))[:, None]
    everyone = np.where((states == positive).cpu().numpy(), 1.0, -odds)
    treated = log_probs[:, positive].exp().cpu().numpy() >= at[:, None] - _ROUNDING
    return np.where(treated, everyone, 0.0), everyone, at
