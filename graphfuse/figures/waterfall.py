"""Why this answer?  The log-odds of one row, from the prior to the sum, a bar for each modality."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import exp, isfinite
from typing import TYPE_CHECKING

from ..checks import check_known, invalid
from .style import COLORS, FAINT, INK, OURS, house_style, new_figure, signed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)  # probabilities on the upper axis
_REST = ("missingness", "interactions")  # shown where they are not zero


def waterfall(ledger: Mapping[str, float], state: str, missing: Collection[str] = ()) -> Figure:
    """Bars from entry to entry of a ledger, and last the log-odds that they add up to.

    The lower axis is in nats, the upper one says the probability that belongs to each log-odds.

    Args:
        ledger: One row of what ``explain`` returns: by entry, what it adds to the log-odds, in nats; ``missingness``
            and ``interactions`` are left out where they are zero.
        state: The label whose log-odds these are.
        missing: Entries that the row does not have, marked so.

    Raises:
        ValueError: If the ledger is empty or an entry is not finite, or ``missing`` names no entry.

    Example:
        >>> figure = waterfall({"prior": -1.0, "ecg": 2.5, "echo": 0.0}, "ill", missing=["echo"])
        >>> [round(float(bar.get_width()), 1) for bar in figure.axes[0].patches]
        [-1.0, 2.5, 0.0, 1.5]

    Reference: Štrumbelj and Kononenko (2014), Explaining prediction models and individual predictions with feature
    contributions.
    """
    entries = {str(name): float(value) for name, value in ledger.items()}
    if not entries:
        raise invalid("ledger", "have at least one entry", "none")
    for name, value in entries.items():
        if not isfinite(value):
            raise invalid(f"ledger[{name!r}]", "be finite", value)
    for name in missing:
        check_known("each of missing", name, entries)
    shown = {name: value for name, value in entries.items() if name not in _REST or value}
    total = sum(entries.values())
    with house_style():
        figure = new_figure(1.15 + 0.27 * (len(shown) + 1))
        axes = figure.subplots()
        level, reach = 0.0, [0.0, total]
        for place, (name, value) in enumerate(shown.items()):
            axes.barh(place, value, left=level, height=0.62, color=OURS if value > 0 else COLORS[0])
            axes.plot([level + value] * 2, [place - 0.31, place + 1.31], color=FAINT, lw=0.8)
            level += value
            reach.append(level)
            text = "not done" if name in missing else signed(value)
            edge = max(level, level - value)
            axes.annotate(
                text,
                (edge, place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                color=FAINT if name in missing else INK,
            )
        axes.barh(len(shown), total, height=0.62, color=INK)
        text = f"{signed(total)}  (probability {1 / (1 + exp(-total)):.3f})"
        axes.annotate(
            text,
            (max(total, 0.0), len(shown)),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            weight="bold",
        )
        axes.axvline(0, color=FAINT, lw=0.8)
        axes.set_yticks(range(len(shown) + 1), [*shown, "together"])
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        axes.set_ylim(len(shown) + 0.6, -0.6)
        low, high = min(reach), max(reach)
        span = max(high - low, 1.0)
        room = 0.75 if total > high - 0.35 * span else 0.45  # for the words beside the last bar
        axes.set_xlim(low - 0.05 * span, high + room * span)
        axes.set_xlabel(f"log-odds of {state}, nats")
        _probabilities(figure, low, high, span)
    return figure


def _probabilities(figure: Figure, low: float, high: float, span: float) -> None:
    """The upper axis."""
    from scipy.special import expit, logit

    axes = figure.axes[0]
    upper = axes.twiny()
    upper.set_xlim(axes.get_xlim())
    ticks: list[float] = []
    for p in _TICKS:
        if low - 0.05 * span <= logit(p) <= high + 0.05 * span and (
            not ticks or logit(p) - logit(ticks[-1]) > 0.1 * span
        ):
            ticks.append(p)
    ticks = ticks or [round(float(expit(low)), 2)]
    upper.set_xticks([float(logit(p)) for p in ticks], [f"{p:g}" for p in ticks])
    upper.set_xlabel("probability")
    upper.grid(False)
    upper.spines["top"].set_visible(True)
    upper.spines["bottom"].set_visible(False)
