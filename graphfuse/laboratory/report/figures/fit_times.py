"""What does a model cost?  Seconds to fit and to answer, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from ....figures.style import house_style, new_figure
from ..tables import ordered
from .style import Style, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_LEAST = 1e-4  # seconds; below it the clock tells nothing
_COLUMNS = 2


def fit_times(spent: pd.DataFrame, styles: Mapping[str, Style]) -> Figure:
    """A panel for each data set; full points are medians of fitting, with their range, hollow ones of answering.

    Args:
        spent: What ``tables.costs`` returns.
        styles: By model its style.
    """
    from matplotlib.lines import Line2D

    with house_style():
        sets = ordered(spent["data"])
        typical = spent.groupby("model")["fit_seconds"].median()
        models = sorted(ordered(spent["model"]), key=lambda name: -float(typical[name]))
        columns = min(_COLUMNS, len(sets))
        num_rows = -(-len(sets) // columns)
        figure = new_figure(0.5 + num_rows * (0.75 + 0.2 * len(models)))
        axes = figure.subplots(num_rows, columns, squeeze=False, sharex=True, sharey=True)
        for data, panel in zip(sets, axes.flat, strict=False):
            here: dict[Any, Any] = spent[spent["data"] == data].set_index("model").to_dict("index")
            for place, model in enumerate(models):
                if model not in here:
                    continue
                row, style = here[model], styles[model]
                color = style.color if style.named else "#57606a"
                ends = [max(float(row[name]), _LEAST) for name in ("fit_least", "fit_most")]
                panel.plot(ends, [place, place], color=color, lw=2, alpha=0.45, solid_capstyle="butt")
                panel.plot([max(float(row["fit_seconds"]), _LEAST)], [place], "o", color=color, ms=6, zorder=3)
                seconds = max(float(row["predict_seconds"]), _LEAST)
                panel.plot([seconds], [place], "o", mfc="white", mec=color, ms=5, mew=1.2, zorder=2.5)
            panel.set_xscale("log")
            panel.set_title(data, loc="left")
            panel.set_yticks(range(len(models)), [shown(name) for name in models])
            panel.set_ylim(-0.6, len(models) - 0.4)
            panel.tick_params(axis="y", length=0)
            panel.minorticks_off()
        for panel in axes.flat[len(sets) :]:
            panel.remove()
        _whole_powers(axes[0, 0])
        for column in range(columns):
            last = [panel for panel in axes[:, column] if panel.figure is not None][-1]
            last.tick_params(labelbottom=True)
            last.set_xlabel("seconds")
        for panel in axes[:, 0]:
            for label, model in zip(panel.get_yticklabels(), models, strict=True):
                if styles[model].width > 2:
                    label.set(color=styles[model].color, weight="bold")
        handles = [
            Line2D([], [], color="#1b1f24", marker="o", ms=6, lw=2, label="fitting: median and range"),
            Line2D([], [], mfc="white", mec="#1b1f24", marker="o", ms=5, lw=0, label="answering all test rows: median"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _whole_powers(panel: Any) -> None:
    """Ticks at powers of ten, as plain numbers."""
    low, high = (log10(end) for end in panel.get_xlim())
    powers = list(range(floor(low), ceil(high) + 1))
    panel.set_xlim(10.0 ** powers[0], 10.0 ** powers[-1])
    powers = powers[:: 1 if len(powers) < 6 else 2]
    panel.set_xticks([10.0**power for power in powers], [f"{10.0**power:g}" for power in powers])
