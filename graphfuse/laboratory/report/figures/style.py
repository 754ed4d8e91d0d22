"""How models look in figures: one colour and marker a model in all of them, and one legend for all panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ....figures.style import COLORS, OTHERS, OURS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_MARKERS = "os^vDXP<>*dhp8H"
_NAMED = 8  # models with a colour of their own


@dataclass(frozen=True)
class Style:
    """How a model is drawn.

    Args:
        color: Of its line.
        marker: Of its points.
        width: Of its line, in points.
        size: Of its markers, in points.
        order: What is higher is drawn later.
        named: Whether legends name it; the others share an entry.
    """

    color: str
    marker: str
    width: float = 1.3
    size: float = 4.5
    order: float = 3.0
    named: bool = True

    def line(self) -> dict[str, Any]:
        """As arguments of ``plot``."""
        return {
            "color": self.color,
            "marker": self.marker,
            "lw": self.width,
            "ms": self.size,
            "zorder": self.order,
            "mec": "white",
            "mew": 0.5,
        }


def model_styles(found: pd.DataFrame, model: str | None) -> dict[str, Style]:
    """A style for each model, the same in all figures.

    Up to eight models have a colour; of more, the chosen one and the seven whose NLL ranks best on average.

    Args:
        found: What ``tables.means`` returns.
        model: The one to bring out, if any.
    """
    models = list(dict.fromkeys(found["model"]))
    others = [name for name in models if name != model]
    if len(models) > _NAMED:
        nll = found[found["metric"] == "nll"]
        ranks = nll.groupby(["data", "protocol", "condition", "test"])["mean"].rank()
        mean = ranks.groupby(nll["model"]).mean()
        best = sorted(others, key=lambda name: mean.get(name, float("inf")))[: len(COLORS)]
        named = [name for name in others if name in best]
    else:
        named = others
    colors = (*COLORS, *[OTHERS] * len(models))
    styles = {name: Style(OTHERS, _MARKERS[i % 15], 0.8, 2.5, 2.0, False) for i, name in enumerate(models)}
    styles |= {name: Style(colors[i], _MARKERS[(i + 1) % 15]) for i, name in enumerate(named)}
    if model in styles:
        styles[model] = Style(OURS, "o", 2.4, 6.0, 4.0)
    return styles


def shown(name: str) -> str:
    """A name as a legend takes it: one that begins with an underscore would be left out."""
    return f" {name}" if name.startswith("_") else name


def legend_of(figure: Figure, styles: Mapping[str, Style], models: Sequence[str]) -> None:
    """One legend for all panels, above them; models without a colour share the last entry."""
    from matplotlib.lines import Line2D

    named = sorted((name for name in models if styles[name].named), key=lambda name: -styles[name].order)
    handles = [Line2D([], [], **styles[name].line()) for name in named]
    labels = [shown(name) for name in named]
    rest = len(models) - len(named)
    if rest:
        handles.append(Line2D([], [], color=OTHERS, lw=0.8))
        labels.append(f"{rest} other{'s' if rest > 1 else ''}")
    longest = max((len(label) for label in labels), default=1)
    columns = max(1, min(4, len(labels), int(76 / (longest + 8))))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False, handlelength=2.2)


def share_axis(low: float, high: float, others: Sequence[float]) -> tuple[float, float]:
    """Limits that show all means, and no more of a wide band than leaves the means room to differ."""
    bottom, top = min(others), max(others)
    room = max(top - bottom, 1e-3)
    return max(low, bottom - room) - 0.05 * room, min(high, top + room) + 0.05 * room
