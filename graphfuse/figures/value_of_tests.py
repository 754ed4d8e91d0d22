"""Is the next test worth its cost?  What reading each is expected to gain, beside what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, isfinite, isnan, log10
from typing import TYPE_CHECKING

from ..checks import check_known, invalid
from .style import COLORS, INK, OTHERS, OURS, house_style, new_figure, signed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def value_of_tests(
    net_values: Mapping[str, float], costs: Mapping[str, float], unit: str, decimals: int | None = None, title: str = ""
) -> Figure:
    """A bar for the value of each test before its cost, a mark at its cost, and the number that is left.

    The tests stand in the order of what is left, the best first. One whose bar ends before its mark is not worth it.

    Args:
        net_values: By test, its value less its cost, such as a row of what ``next_modality`` returns without the
            column ``next``; ``nan`` where it was done or is not offered, and then it is left out.
        costs: By test, in the same unit; those left out are free.
        unit: Of values and costs, such as ``"Canadian dollars"`` or ``"nats"``.
        decimals: Of the numbers shown; if None, enough for two digits of the largest that is left, and one more where
            the smallest would read 0; whole numbers have none.
        title: Above the figure.

    Raises:
        ValueError: If no test has a value, a value is infinite, a cost is negative or not finite, or ``costs`` names
            an unknown test.

    Example:
        >>> figure = value_of_tests({"ecg": 30.0, "echo": -20.0}, {"ecg": 10.0, "echo": 90.0}, "dollars")
        >>> [float(bar.get_width()) for bar in figure.axes[0].patches]
        [40.0, 70.0]
    """
    net = {str(name): float(value) for name, value in net_values.items() if not isnan(float(value))}
    for name, value in net.items():
        if not isfinite(value):
            raise invalid(f"net_values[{name!r}]", "be finite or nan", value)
    if not net:
        raise invalid("net_values", "hold the value of at least one test", "none")
    for name, cost in costs.items():
        check_known("each test in costs", name, [str(each) for each in net_values])
        if not 0 <= cost < float("inf"):
            raise invalid(f"costs[{name!r}]", "be finite and not negative", cost)
    order = sorted(net, key=lambda name: -net[name])
    places = _decimals([abs(value) for value in net.values() if value]) if decimals is None else decimals
    with house_style():
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        figure = new_figure(1.1 + 0.27 * len(order) + (0.25 if title else 0.0))
        axes = figure.subplots()
        widest = 0.0
        for place, name in enumerate(order):
            cost = float(costs.get(name, 0.0))
            value, worth = net[name] + cost, net[name] > 0
            axes.barh(place, value, height=0.62, color=OURS if worth else OTHERS)
            axes.plot([cost] * 2, [place - 0.38, place + 0.38], color=INK, lw=2.2, solid_capstyle="butt")
            widest = max(widest, value, cost)
            text = f"{signed(net[name], places)}"
            axes.annotate(
                text,
                (1.0, place),
                xycoords=("axes fraction", "data"),
                xytext=(38, 0),
                textcoords="offset points",
                va="center",
                ha="right",
                color=INK if worth else COLORS[0],
            )
        axes.annotate(
            "net",
            (1.0, -0.75),
            xycoords=("axes fraction", "data"),
            xytext=(38, 0),
            textcoords="offset points",
            ha="right",
        )
        axes.set_yticks(range(len(order)), order)
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        axes.set(ylim=(len(order) - 0.4, -0.6), xlim=(0, 1.04 * max(widest, 1e-9)), xlabel=f"{unit}, per patient")
        handles = [
            Patch(color=OURS, label="value, above its cost"),
            Patch(color=OTHERS, label="value, below its cost"),
            Line2D([], [], color=INK, lw=2.2, label="cost"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, handlelength=1.4)
        if title:
            axes.set_title(title, loc="left", pad=14)
    return figure


def _decimals(sizes: list[float]) -> int:
    """Enough for two digits of the largest, and for one of the smallest if that is no more than one more.

    Whole numbers need none.

    Example:
        >>> _decimals([0.44, 0.12]), _decimals([0.44, 0.004]), _decimals([250.0, 3.0]), _decimals([])
        (2, 3, 0, 0)
    """
    if all(size == round(size) for size in sizes):
        return 0
    two_digits, one_digit = 1 - floor(log10(max(sizes))), -floor(log10(min(sizes)))
    return max(0, two_digits, min(one_digit, two_digits + 1))
