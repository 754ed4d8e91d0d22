"""Which models are told apart over many blocks?  Mean ranks, and bars beside those that are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ....figures.style import WIDTH, house_style, new_figure
from ..tables import Ranks
from .style import Style, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ABOVE, _ROW, _BAR = 0.75, 0.22, 0.11  # inches over the first model, from model to model, from bar to bar
_LETTER = 0.075  # inches, at most


def critical_difference_diagram(ranks: Ranks, styles: Mapping[str, Style]) -> Figure:
    """Mean ranks, best first; models beside one bar differ by less than the critical difference.

    The diagram of Demšar, turned so that a row holds one name, however long it is and however many there are.

    Args:
        ranks: What ``tables.rank`` returns.
        styles: By model its style.

    Reference: Demšar (2006), Statistical comparisons of classifiers over multiple data sets.
    """
    num_models = len(ranks.models)
    height = _ABOVE + _ROW * num_models + 0.1
    left = min(0.45 * WIDTH, 0.25 + _LETTER * max(len(name) for name in ranks.models))
    columns = _packed(ranks.groups)
    right = 0.62 + _BAR * (max(columns, default=-1) + 1)
    with house_style():
        figure = new_figure(height)
        figure.set_layout_engine("none")
        axes = figure.add_axes((left / WIDTH, 0, (WIDTH - left - right) / WIDTH, 1))
        unit = (num_models - 1) / (WIDTH - left - right)  # ranks an inch
        axes.set(xlim=(1, num_models), ylim=(height, 0))  # inches from above
        axes.axis("off")
        end = 1 + ranks.difference
        axes.plot([1, min(end, num_models)], [0.28, 0.28], color="#57606a", lw=1.4)
        for place in (1, end)[: 2 if end <= num_models else 1]:
            axes.plot([place, place], [0.23, 0.33], color="#57606a", lw=1.4, clip_on=False)
        label = f"critical difference {ranks.difference:.2f}"
        axes.text(1, 0.18, label if end <= num_models else f"{label}, beyond the axis", va="bottom", color="#57606a")
        bottom = _ABOVE + _ROW * (num_models - 1)
        for tick in range(1, num_models + 1, 1 + int(0.28 * unit)):
            axes.plot([tick, tick], [0.62, bottom + 0.1], color="#e3e6ea", lw=0.8, zorder=0, clip_on=False)
            axes.text(tick, 0.58, f"{tick}", ha="center", va="bottom", fontsize=8.5)
        for i, (name, mean) in enumerate(zip(ranks.models, ranks.ranks, strict=True)):
            depth, style = _ABOVE + _ROW * i, styles[name]
            color = style.color if style.named else "#57606a"
            bold = style.width > 2
            words: dict[str, Any] = {
                "color": color if bold else "#1b1f24",
                "weight": "bold" if bold else "normal",
                "va": "center",
            }
            axes.plot([1, mean], [depth, depth], color=color, lw=2.0 if bold else 1.0, alpha=0.55, clip_on=False)
            marks: dict[str, Any] = {"marker": style.marker, "ms": 7 if bold else 5.5, "mec": "white", "mew": 0.5}
            axes.plot([mean], [depth], color=color, zorder=5, clip_on=False, **marks)
            axes.text(1 - 0.12 * unit, depth, shown(name), ha="right", **words)
            axes.text(mean + 0.1 * unit, depth, f"{mean:.2f}", ha="left", **words)
        for column, group in zip(columns, ranks.groups, strict=True):
            place = num_models + (0.55 + _BAR * column) * unit
            ends = [_ABOVE + _ROW * group[0] - 0.07, _ABOVE + _ROW * group[-1] + 0.07]
            axes.plot([place, place], ends, color="#1b1f24", lw=3, solid_capstyle="butt", clip_on=False)
    return figure


def _packed(groups: Sequence[tuple[int, ...]]) -> list[int]:
    """By group the first column where its bar touches no other."""
    ends: list[int] = []
    columns = []
    for group in groups:
        free = [column for column, end in enumerate(ends) if end < group[0]]
        column = free[0] if free else len(ends)
        ends[column : column + 1] = [group[-1]]
        columns.append(column)
    return columns
