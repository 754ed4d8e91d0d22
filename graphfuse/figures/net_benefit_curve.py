"""Is deciding by the model worth it?  Net benefit against the threshold, beside treating all and treating none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..checks import check_known, invalid
from .style import COLORS, FAINT, OURS, house_style, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_COLUMNS = ("threshold", "model", "lower", "upper", "treat_all", "treat_none")


def net_benefit_curve(curve: pd.DataFrame, action: str = "treat") -> Figure:
    """A line for the model with its band, one for acting on all rows, one for acting on none.

    Args:
        curve: What ``decisions.decision_curve`` returns.
        action: What is done at or above the threshold.

    Raises:
        ValueError: If a column is missing, there is no row, or a number is not finite.

    Example:
        >>> from graphfuse.decisions import decision_curve
        >>> log_probs, states = torch.tensor([[0.9, 0.1], [0.2, 0.8]]).log(), torch.tensor([0, 1])
        >>> curve = decision_curve(log_probs, states, [0.2, 0.5], torch.Generator().manual_seed(0))
        >>> net_benefit_curve(curve).axes[0].lines[-1].get_ydata().tolist()
        [0.5, 0.5]

    Reference: Vickers and Elkin (2006), Decision curve analysis.
    """
    for column in _COLUMNS:
        check_known("each column that is drawn", column, list(curve.columns))
    values = curve[list(_COLUMNS)].to_numpy(dtype=float)
    if not len(values):
        raise invalid("curve", "have at least one row", "none")
    if not np.isfinite(values).all():
        raise invalid("curve", "hold finite numbers", float(values[~np.isfinite(values)][0]))
    at, model, lower, upper, everyone, nobody = values.T
    with house_style():
        figure = new_figure(2.9)
        axes = figure.subplots()
        axes.fill_between(at, lower, upper, color=OURS, alpha=0.18, lw=0, label="its 95 % interval")
        axes.plot(at, everyone, color=COLORS[0], lw=1.4, ls=(0, (5, 2)), label=f"{action} all")
        axes.plot(at, nobody, color=FAINT, lw=1.4, ls=(0, (1, 1.2)), label=f"{action} none")
        axes.plot(at, model, color=OURS, lw=2.2, label="model")
        top = max(float(upper.max()), float(everyone.max()), 0.0)
        axes.set(xlim=(at.min(), at.max()), ylim=(-0.12 * max(top, 0.05), 1.08 * max(top, 0.05)))
        axes.set(xlabel=f"threshold probability to {action}", ylabel="net benefit, true positives a patient")
        handles, labels = axes.get_legend_handles_labels()
        order = [3, 0, 1, 2]
        axes.legend([handles[i] for i in order], [labels[i] for i in order], frameon=False)
    return figure
