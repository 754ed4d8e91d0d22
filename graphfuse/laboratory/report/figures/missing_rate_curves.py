"""How do models age as modalities go missing?  A metric against the level of the test condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ....figures.style import house_style, new_figure
from ..reading import metric as metric_named
from ..sweeps import TOGETHER, sweeps
from ..tables import ordered
from .style import Style, legend_of, share_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_FEW = 4  # models whose bands can be told apart


def missing_rate_curves(
    found: pd.DataFrame,
    data: str,
    protocol: str,
    styles: Mapping[str, Style],
    metrics: Sequence[str] = ("nll", "accuracy"),
    axis: str = "level of the test condition",
) -> Figure:
    """A panel for each training condition, sweep and metric; a line for each model.

    Bands are the corrected intervals: of all models if they are few, else of those drawn with a thick line. They are
    cut where they would press the lines together.

    Args:
        found: What ``tables.means`` returns.
        data: The data set.
        protocol: A protocol whose test conditions have levels.
        styles: By model its style.
        metrics: Two a row.
        axis: What the levels are.
    """
    here = found[(found["data"] == data) & (found["protocol"] == protocol)]
    models = ordered(here["model"])
    lines = [
        (condition, sweep, levels)
        for condition in ordered(here["condition"])
        for sweep, levels in sweeps(here, data, protocol, condition).items()
    ]
    panels = [(*line, metric) for line in lines for metric in metrics]
    with house_style():
        num_rows = -(-len(panels) // 2)
        figure = new_figure(0.6 + 2.0 * num_rows + 0.2 * -(-len(models) // 4))
        axes = figure.subplots(num_rows, 2, squeeze=False)
        limits = {metric: _limits(here[here["metric"] == metric], metric, styles) for metric in metrics}
        for (condition, sweep, levels, metric), panel in zip(panels, axes.flat, strict=False):
            chosen = here[
                (here["condition"] == condition) & (here["metric"] == metric) & here["test"].isin(list(levels))
            ]
            _draw(panel, chosen, styles)
            if limits[metric] is None:
                panel.text(0.5, 0.5, "undefined", transform=panel.transAxes, ha="center", va="center", color="#57606a")
            else:
                panel.set_ylim(limits[metric])
            parts = [metric_named(metric).title]
            if len({condition for condition, _, _ in lines}) > 1 and condition != TOGETHER:
                parts.append(f"trained on {condition}")
            if len({sweep for _, sweep, _ in lines}) > 1:
                parts.append(sweep)
            panel.set_title(", ".join(parts), loc="left", fontsize=8 if len(parts) > 1 else 10)
            panel.set_xticks(list(levels.values()))
        for panel in axes.flat[len(panels) :]:
            panel.remove()
        figure.supxlabel(axis, fontsize=9)
        legend_of(figure, styles, models)
    return figure


def _draw(panel: Any, chosen: pd.DataFrame, styles: Mapping[str, Style]) -> None:
    models = ordered(chosen["model"])
    for model in models:
        line = chosen[chosen["model"] == model].sort_values("level")
        style = styles[model]
        panel.plot(line["level"], line["mean"], **style.line())
        if _banded(style, len(models)):
            below, above = line["mean"] - line["half_width"], line["mean"] + line["half_width"]
            panel.fill_between(line["level"], below, above, color=style.color, alpha=0.13, lw=0, zorder=1)


def _banded(style: Style, num_models: int) -> bool:
    return num_models <= _FEW or style.width > 2


def _limits(chosen: pd.DataFrame, metric: str, styles: Mapping[str, Style]) -> tuple[float, float] | None:
    """Of the axis of a metric, the same for all training conditions; None where it is undefined."""
    drawn = chosen.loc[np.isfinite(chosen["mean"]), "mean"].tolist()
    if not drawn:
        return None
    models = ordered(chosen["model"])
    wide = chosen[chosen["model"].map(lambda name: _banded(styles[name], len(models))) & chosen["half_width"].notna()]
    low = min([*drawn, *(wide["mean"] - wide["half_width"])])
    high = max([*drawn, *(wide["mean"] + wide["half_width"])])
    bounded = metric_named(metric).higher_is_better
    return share_axis(max(low, 0.0), min(high, 1.0) if bounded else high, _without_far(drawn, bounded))


def _without_far(values: list[float], higher_is_better: bool | None) -> list[float]:
    """Values without those so much worse than most that they would press the lines together."""
    if higher_is_better:
        return values
    fence = np.quantile(values, 0.75) + 3 * (np.quantile(values, 0.75) - min(values))
    return [value for value in values if value <= fence] or values
