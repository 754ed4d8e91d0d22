"""How does an answer settle?  The probability of a label as one test after the other arrives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..checks import check_fraction, invalid
from .style import FAINT, OURS, house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WORDS = 0.4  # of the axis, that the name of a threshold takes


def arrival(
    probabilities: Mapping[str, float], state: str, thresholds: Mapping[str, float] | None = None, title: str = ""
) -> Figure:
    """A point for each step, from the top down, joined by a line.

    Args:
        probabilities: By step, such as the test that came, the probability of the state after it; in order.
        state: The label.
        thresholds: Probabilities to draw as dashed lines, by what they part.
        title: Above the figure.

    Raises:
        ValueError: If there is no step, or a number is no probability.

    Example:
        >>> figure = arrival({"before any test": 0.4, "ecg": 0.7, "+ echo": 0.9}, "ill", {"treat": 0.5})
        >>> figure.axes[0].lines[-1].get_xdata().tolist()
        [0.4, 0.7, 0.9]
    """
    steps = {str(name): float(value) for name, value in probabilities.items()}
    if not steps:
        raise invalid("probabilities", "have at least one step", "none")
    for name, value in steps.items():
        check_fraction(f"probabilities[{name!r}]", value)
    for name, value in (thresholds or {}).items():
        check_fraction(f"thresholds[{name!r}]", value)
    with house_style():
        figure = new_figure(0.85 + 0.27 * len(steps) + (0.25 if title else 0.0) + (0.3 if thresholds else 0.0))
        axes = figure.subplots()
        last, high = -1.0, False
        for name, value in sorted((thresholds or {}).items(), key=lambda each: each[1]):
            axes.axvline(value, color=FAINT, lw=1.0, ls=(0, (4, 2)))
            last, high = value, value - last < _WORDS and not high
            axes.annotate(
                f"{name} ({value:.2f})",
                (value, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 14 if high else 3),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=FAINT,
            )
        axes.plot(list(steps.values()), range(len(steps)), "-o", color=OURS, lw=1.6, ms=6, mec="white", zorder=3)
        for place, value in enumerate(steps.values()):
            axes.annotate(
                f"{value:.3f}",
                (1.0, place),
                xycoords=("axes fraction", "data"),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_yticks(range(len(steps)), list(steps))
        axes.tick_params(axis="y", length=0)
        axes.set(xlim=(-0.02, 1.02), ylim=(len(steps) - 0.5, -0.5), xlabel=f"probability of {state}")
        if title:
            axes.set_title(title, loc="left", pad=27 if thresholds else 6)
    return figure
