"""What is gained by leaving the least sure answers to someone else?  The share of wrong answers against coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ....figures.style import house_style, new_figure
from ...results import Results
from ..tables import ordered
from .style import Style, legend_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def risk_coverage_curves(
    results: Results, data: str, protocol: str, condition: str, tests: Sequence[str], styles: Mapping[str, Style]
) -> Figure:
    """A panel for each test condition; a line for each model, the mean over splits.

    Args:
        results: The cells.
        data: The data set.
        protocol: The protocol.
        condition: The training condition.
        tests: The test conditions, two panels a row.
        styles: By model its style.
    """
    risks = results.risks
    risks = risks[(risks["data"] == data) & (risks["protocol"] == protocol) & (risks["condition"] == condition)]
    curves = risks.groupby(["test", "model", "coverage"], sort=False)["risk"].mean().reset_index()
    with house_style():
        models = ordered(risks["model"])
        num_rows = -(-len(tests) // 2)
        figure = new_figure(0.6 + 2.0 * num_rows + 0.2 * -(-len(models) // 4))
        axes = figure.subplots(num_rows, 2, squeeze=False, sharex=True, sharey=True)
        for test, panel in zip(tests, axes.flat, strict=False):
            for model in models:
                curve = curves[(curves["test"] == test) & (curves["model"] == model)].sort_values("coverage")
                style = styles[model]
                every = max(1, len(curve) // 5)
                marks = {"marker": style.marker if style.named else "", "markevery": every}
                panel.plot(curve["coverage"], curve["risk"], **{**style.line(), **marks})
            panel.set_title(f"test: {test}", loc="left")
            panel.set(xlabel="share of rows answered", ylabel="share of them wrong")
            panel.label_outer()
        axes[0, 0].set(xlim=(0, 1.03), ylim=(0, 1.05 * max(float(curves["risk"].max()), 0.05) if len(curves) else 1))
        for panel in axes.flat[len(tests) :]:
            panel.remove()
        for column in (0, 1):
            shown = [panel for panel in axes[:, column] if panel.figure is not None]
            if shown:
                shown[-1].tick_params(labelbottom=True)
                shown[-1].set_xlabel("share of rows answered")
        legend_of(figure, styles, models)
    return figure
