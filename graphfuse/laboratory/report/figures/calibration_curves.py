"""Are models as often right as they are sure?  The share of right answers against confidence, in bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ....figures.style import house_style, new_figure
from ...results import Results
from ..tables import ordered
from .style import Style, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEWEST_ROWS = 10  # in a bin that is shown
_COLUMNS = 3
_MOST_LETTERS = 24
_DASHES = ("-", (0, (3, 1.5)), (0, (1, 1)))


def calibration_curves(
    results: Results, data: str, protocol: str, condition: str, tests: Sequence[str], styles: Mapping[str, Style]
) -> Figure:
    """A panel for each model that has a colour, a line for each test condition.

    Below the diagonal a model is surer than it is right. Bins are summed over splits, those of few rows are left out;
    larger points stand for more rows.

    Args:
        results: The cells.
        data: The data set.
        protocol: The protocol.
        condition: The training condition.
        tests: One to three test conditions.
        styles: By model its style.
    """
    from matplotlib.lines import Line2D

    bins = results.bins
    bins = bins[(bins["data"] == data) & (bins["protocol"] == protocol) & (bins["condition"] == condition)]
    bins = bins[bins["test"].isin(list(tests))]
    sums = bins.groupby(["test", "model", "bin"], sort=False)[["num_rows", "confidence", "correct"]].sum().reset_index()
    sums = sums[sums["num_rows"] >= FEWEST_ROWS].sort_values("bin", kind="stable")
    sums["sure"], sums["right"] = sums["confidence"] / sums["num_rows"], sums["correct"] / sums["num_rows"]
    models = sorted((m for m in ordered(bins["model"]) if styles[m].named), key=lambda name: -styles[name].order)
    with house_style():
        columns = min(_COLUMNS, max(1, len(models)))
        num_rows = max(1, -(-len(models) // columns))
        figure = new_figure(0.6 + 1.6 * num_rows)
        axes = figure.subplots(num_rows, columns, squeeze=False, sharex=True, sharey=True)
        for model, panel in zip(models, axes.flat, strict=False):
            style = styles[model]
            panel.plot([0, 1], [0, 1], color="#57606a", lw=1, zorder=1.5)
            for test, dashes, faint in zip(tests, _DASHES, (1.0, 0.75, 0.6), strict=False):
                curve = sums[(sums["test"] == test) & (sums["model"] == model)]
                panel.plot(curve["sure"], curve["right"], color=style.color, lw=1.5, ls=dashes, alpha=faint, zorder=3)
                face = style.color if test == tests[0] else "white"
                area = 8 + 70 * curve["num_rows"] / max(curve["num_rows"].sum(), 1)
                panel.scatter(curve["sure"], curve["right"], s=area, c=face, ec=style.color, lw=0.9, zorder=3.5)
            title = panel.set_title(shown(_cut(model)), loc="left", fontsize=8)
            if style.width > 2:
                title.set(color=style.color, weight="bold")
            panel.set(xlabel="confidence", ylabel="share right")
            panel.label_outer()
        least = max(0.0, float(sums["sure"].min()) - 0.05) if len(sums) else 0.0
        axes[0, 0].set(xlim=(least, 1.03), ylim=(0.0, 1.03))
        for panel in axes.flat[len(models) :]:
            panel.remove()
        for column in range(columns):
            left = [panel for panel in axes[:, column] if panel.figure is not None]
            if left:
                left[-1].tick_params(labelbottom=True)
                left[-1].set_xlabel("confidence")
        ink = "#1b1f24"
        handles = [
            Line2D([], [], color=ink, lw=1.5, ls=dashes, marker="o", ms=5, mfc=ink if test == tests[0] else "white")
            for test, dashes in zip(tests, _DASHES, strict=False)
        ]
        names = [f"tested on {test}" for test in tests]
        figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False, handlelength=3)
    return figure


def _cut(name: str) -> str:
    """A name that fits above a panel."""
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"
