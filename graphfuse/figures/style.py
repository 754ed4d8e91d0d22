"""How figures look, on a screen and on paper: the house style, its colours, and the same file for the same numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 5.2  # inches; on a phone a figure is shown at 0.7 of its size, and text of 9 points stays readable
OURS = "#D55E00"
OTHERS = "#9AA0A6"
COLORS = ("#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7A5C3E")  # Okabe and Ito, and a brown
INK = "#1b1f24"
FAINT = "#57606a"
_DPI = 150


@contextmanager
def house_style() -> Iterator[None]:
    """Settings of matplotlib while a figure is made."""
    from matplotlib import rc_context

    settings: dict[Any, Any] = {
        "font.family": "DejaVu Sans",
        "font.size": 9.0,
        "axes.titlesize": 10.0,
        "axes.labelsize": 9.0,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "legend.fontsize": 8.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": FAINT,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e3e6ea",
        "grid.linewidth": 0.7,
        "figure.facecolor": "white",
        "figure.constrained_layout.h_pad": 0.06,
        "figure.constrained_layout.w_pad": 0.06,
        "text.parse_math": False,
        "axes.unicode_minus": True,
        "axes.formatter.use_mathtext": False,
    }
    with rc_context(settings):
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure, apart from the state of pyplot; both sides in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def signed(value: float, decimals: int = 2) -> str:
    """A number with its sign, a real minus, and no minus zero.

    Example:
        >>> signed(0.5), signed(-0.001)
        ('+0.50', '0.00')
    """
    text = f"{value:+.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.lstrip("+-")


def saved(figure: Figure) -> tuple[str, bytes]:
    """The figure as SVG and as PNG; the same figure gives the same files, and nothing in them points elsewhere."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    svg, png = StringIO(), BytesIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with rc_context({"svg.hashsalt": "graphfuse", "svg.fonttype": "path"}):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once; savefig would lay out and draw again for each format
        FigureCanvasSVG(figure).print_svg(svg, metadata=nothing)
        figure.dpi = _DPI
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
    return re.sub(r"<!DOCTYPE[^>]*>\n?|<!--.*?-->", "", svg.getvalue(), flags=re.DOTALL), png.getvalue()
