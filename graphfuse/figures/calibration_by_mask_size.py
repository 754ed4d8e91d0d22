"""Are probabilities honest however few tests there are?  Observed against predicted, a panel a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..checks import check_count, invalid
from .style import COLORS, FAINT, OURS, house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike


def calibration_by_mask_size(
    by_size: Mapping[str, tuple[ArrayLike, ArrayLike]], state: str, num_bins: int = 10, level: float = 0.95
) -> Figure:
    """A panel for each entry: the observed share of the state against the mean predicted probability, in bins.

    Bins hold equally many rows, so that each point says as much as the others. The bars are Wilson intervals of the
    share; on the diagonal the two agree.

    Args:
        by_size: By caption, such as ``"2 tests"``, predicted probabilities of the state ``(num_rows,)`` and whether it
            was true ``(num_rows,)``.
        state: The label.
        num_bins: How many bins, fewer where there are fewer rows.
        level: Coverage of the intervals, strictly between 0 and 1.

    Raises:
        ValueError: If there is no entry, an entry has no rows or two lengths, or holds what is no probability.

    Example:
        >>> told, true = np.repeat([0.25, 0.75], 4), np.array([0, 0, 0, 1, 1, 1, 1, 0])
        >>> figure = calibration_by_mask_size({"1 test": (told, true)}, "ill", num_bins=2)
        >>> figure.axes[0].lines[-1].get_xydata()
        array([[0.25, 0.25],
               [0.75, 0.75]])

    Reference: Wilson (1927), Probable inference, the law of succession, and statistical inference; Van Calster et al.
    (2019), Calibration: the Achilles heel of predictive analytics.
    """
    check_count("num_bins", num_bins)
    if not 0.0 < level < 1.0:
        raise invalid("level", "lie strictly between 0 and 1", level)
    if not by_size:
        raise invalid("by_size", "have at least one entry", "none")
    curves = {name: _binned(name, *pair, num_bins, level) for name, pair in by_size.items()}
    with house_style():
        columns = 3 if len(curves) in (3, 5, 6) else min(2, len(curves))
        num_rows = -(-len(curves) // columns)
        figure = new_figure(0.35 + (2.3 if columns < 3 else 2.0) * num_rows, width=2.6 * min(columns, 2))
        panels = figure.subplots(num_rows, columns, squeeze=False, sharex=True, sharey=True)
        for (name, (told, share, low, high, rows)), panel in zip(curves.items(), panels.flat, strict=False):
            panel.plot([0, 1], [0, 1], color=FAINT, lw=1.0, ls=(0, (4, 2)), zorder=1.5)
            panel.vlines(told, low, high, color=COLORS[0], lw=1.2, zorder=2.5)
            panel.plot(told, share, "-o", color=OURS, lw=1.2, ms=4.5, mec="white", mew=0.5, zorder=3)
            panel.set_title(f"{name} (n = {rows})", loc="left", fontsize=9 if columns < 3 else 8)
            panel.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="predicted", ylabel="observed share")
            panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
            panel.label_outer()
        for panel in panels.flat[len(curves) :]:
            panel.remove()
        for panel in panels.flat[len(curves) - columns : (num_rows - 1) * columns]:  # nothing stands below these
            panel.tick_params(labelbottom=True)
            panel.set_xlabel("predicted")
        figure.suptitle(f"probability of {state}", x=0.01, ha="left", fontsize=10)
    return figure


def _binned(
    name: str, told: ArrayLike, true: ArrayLike, num_bins: int, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """By bin the mean prediction, the share, and its interval; and the number of rows."""
    from scipy.stats import norm

    probabilities, outcomes = np.asarray(told, dtype=float), np.asarray(true)
    argument = f"by_size[{name!r}]"
    if probabilities.ndim != 1 or outcomes.shape != probabilities.shape or not len(probabilities):
        shapes = f"shapes {probabilities.shape} and {outcomes.shape}"
        raise invalid(argument, "hold predictions and outcomes of the same rows, at least one", shapes)
    outside = probabilities[~((probabilities >= 0) & (probabilities <= 1))]
    if len(outside):
        raise invalid(argument, "hold probabilities between 0 and 1", float(outside[0]))
    if not np.isin(outcomes, (0, 1)).all():
        raise invalid(argument, "hold outcomes that are 0 or 1", outcomes[~np.isin(outcomes, (0, 1))][0])
    bins = np.array_split(np.argsort(probabilities, kind="stable"), min(num_bins, len(probabilities)))
    counts = np.array([len(each) for each in bins])
    share = np.array([outcomes[each].mean() for each in bins])
    z = norm.ppf((1 + level) / 2)
    middle = (share + z**2 / (2 * counts)) / (1 + z**2 / counts)
    half = z / (1 + z**2 / counts) * np.sqrt(share * (1 - share) / counts + z**2 / (4 * counts**2))
    means = np.array([probabilities[each].mean() for each in bins])
    return means, share, middle - half, middle + half, len(probabilities)
