"""What is each modality worth, alone and beside others?  A score on every subset that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from ....figures.style import WIDTH, house_style, new_figure
from ..reading import metric as metric_named

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_MOST_DRAWN = 4  # modalities whose subsets are drawn as a lattice
_NOTHING = ("", "none", "nothing", "(none)", "no modality", "∅")
_EVERYTHING = ("all", "everything", "complete", "full")


def parse_subsets(tests: Sequence[str]) -> dict[str, frozenset[str]] | None:
    """The modalities that the names of test conditions say are kept, as ``image+text``; None if they say no such thing.

    Example:
        >>> found = parse_subsets(["image + text", "image", "text", "none"])
        >>> [len(kept) for kept in found.values()]
        [2, 1, 1, 0]
        >>> parse_subsets(["0.00", "0.25"])
    """
    found = {}
    for test in tests:
        plain = test.strip()
        if plain.lower() in _NOTHING:
            found[test] = frozenset[str]()
        elif plain.lower() not in _EVERYTHING:
            found[test] = frozenset(part.strip() for part in plain.split("+"))
    everything = frozenset[str]().union(*found.values())
    found |= {test: everything for test in tests if test not in found}
    parted = any(len(kept) > 1 for kept in found.values()) and all(
        kept <= everything and (len(kept) < 2 or any(other < kept for other in found.values() if other))
        for kept in found.values()
    )
    if not parted or len(set(found.values())) < len(found) or len(everything) < 2:
        return None
    return {test: found[test] for test in tests}


def subset_lattice(
    found: pd.DataFrame,
    data: str,
    protocol: str,
    condition: str,
    subsets: Mapping[str, frozenset[str]],
    model: str,
    metric: str = "nll",
) -> Figure:
    """The score of a model on every subset, and its lead over the best other; a heat map if modalities are many.

    Args:
        found: What ``tables.means`` returns.
        data: The data set.
        protocol: A protocol whose test conditions are subsets.
        condition: The training condition.
        subsets: By test condition the modalities kept.
        model: The one to show.
        metric: A metric with a better direction.
    """
    at = (found["data"] == data) & (found["protocol"] == protocol) & (found["condition"] == condition)
    table = found[at & (found["metric"] == metric) & found["complete"]]
    scores = table.pivot_table(index="test", columns="model", values="mean", sort=False).reindex(list(subsets))
    sign = 1.0 if metric_named(metric).higher_is_better else -1.0
    own = scores[model] if model in scores else scores.iloc[:, 0] * np.nan
    others = scores.drop(columns=model, errors="ignore")
    lead = sign * own - (sign * others).max(axis=1)
    with house_style():
        modalities = sorted(frozenset[str]().union(*subsets.values()))
        caption = metric_named(metric).caption
        titles = (
            f"{caption} of {model}: darker is better",
            "Its lead over the best other model: orange ahead, purple behind",
        )
        values = {"own": own.to_dict(), "lead": lead.to_dict() if len(others.columns) else {}}
        lower = sign < 0
        if len(modalities) <= _MOST_DRAWN:
            return _lattice(subsets, values, titles, lower)
        return _heat_map(subsets, modalities, values, (caption, "lead"), lower)


def _lattice(
    subsets: Mapping[str, frozenset[str]],
    values: Mapping[str, Mapping[Any, float]],
    titles: tuple[str, str],
    lower: bool,
) -> Figure:
    rows = _by_size(subsets)
    most_lines = [max(1, size) for size, _ in rows]
    panels = [name for name in ("own", "lead") if values[name]]
    heights = [0.28 + 0.14 * lines for lines in most_lines]
    gap = 0.32
    height = sum(heights) + gap * (len(rows) - 1) + 0.5
    figure = new_figure(height * len(panels))
    figure.set_layout_engine("none")
    for i, shown in enumerate(panels):
        axes = figure.add_axes((0, 1 - (i + 1) / len(panels), 1, 1 / len(panels)))
        axes.set(xlim=(0, WIDTH), ylim=(height, 0))
        axes.axis("off")
        axes.text(0.1, 0.2, titles[i], fontsize=9.5, va="center")
        _nodes(axes, subsets, rows, heights, gap, values[shown], shown == "lead", lower)
    return figure


def _nodes(
    axes: Any,
    subsets: Mapping[str, frozenset[str]],
    rows: Sequence[tuple[int, list[str]]],
    heights: Sequence[float],
    gap: float,
    values: Mapping[Any, float],
    diverging: bool,
    lower: bool,
) -> None:
    from matplotlib.patches import FancyBboxPatch

    width = min(1.35, (WIDTH - 0.2) / max(len(tests) for _, tests in rows) - 0.1)
    longest = max((len(name) for kept in subsets.values() for name in kept), default=1)
    size = max(5.0, min(8.5, 0.88 * width * 72 / (0.6 * max(longest, 7))))
    places, top = {}, 0.38
    for (_, tests), tall in zip(rows, heights, strict=True):
        for i, test in enumerate(tests):
            places[test] = (WIDTH * (i + 0.5) / len(tests), top, tall)
        top += tall + gap
    for upper, kept in subsets.items():
        for below, fewer in subsets.items():
            if fewer < kept and len(fewer) == len(kept) - 1:
                ends = [(places[upper][0], places[upper][1] + places[upper][2]), (places[below][0], places[below][1])]
                axes.plot(*zip(*ends, strict=True), color="#c3c8ce", lw=0.9, zorder=1)
    paint = _painter(list(values.values()), diverging, lower)
    for test, (x, y, tall) in places.items():
        value = values.get(test, np.nan)
        face, ink = paint(value)
        box = FancyBboxPatch((x - width / 2, y), width, tall, boxstyle="round,pad=0,rounding_size=0.05", zorder=2)
        box.set(facecolor=face, edgecolor="#57606a", linewidth=0.7)
        axes.add_patch(box)
        for i, name in enumerate(sorted(subsets[test]) or ["nothing"]):
            axes.text(x, y + 0.17 + 0.14 * i, name, ha="center", va="baseline", fontsize=size, color=ink, zorder=3)
        place = y + tall - 0.07
        axes.text(
            x,
            place,
            _number(value, diverging),
            ha="center",
            va="baseline",
            fontsize=9,
            weight="bold",
            color=ink,
            zorder=3,
        )


def _heat_map(
    subsets: Mapping[str, frozenset[str]],
    modalities: Sequence[str],
    values: Mapping[str, Mapping[Any, float]],
    captions: tuple[str, str],
    lower: bool,
) -> Figure:
    """A row for each subset: dots for what is kept, then the score and the lead."""
    from matplotlib.patches import Rectangle

    order = [test for _, tests in _by_size(subsets) for test in tests]
    step = 0.2
    longest = max(len(name) for name in modalities)
    above = 0.35 + 0.075 * longest
    height = above + step * len(order) + 0.1
    figure = new_figure(height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    panels = [name for name in ("own", "lead") if values[name]]
    column = min(0.32, (WIDTH - 2.9) / len(modalities))
    start = 0.25
    for i, name in enumerate(modalities):
        axes.text(start + column * i, above - 0.08, name, rotation=60, ha="left", va="bottom", rotation_mode="anchor")
    right = start + column * len(modalities) + 0.25
    width = (WIDTH - right - 0.1) / len(panels)
    for i in range(len(panels)):
        axes.text(right + width * i + 0.05, above - 0.08, f"{captions[i]}", ha="left", va="bottom", weight="bold")
    paints = {name: _painter(list(values[name].values()), name == "lead", lower) for name in panels}
    for row, test in enumerate(order):
        y = above + step * row
        if row and len(subsets[test]) != len(subsets[order[row - 1]]):
            axes.plot([0.1, WIDTH - 0.1], [y, y], color="#57606a", lw=0.6)
        for i, modality in enumerate(modalities):
            kept = modality in subsets[test]
            face = "#1b1f24" if kept else "white"
            axes.plot([start + column * i + 0.04], [y + step / 2], "o", ms=5, mec="#9aa0a6", mew=0.7, mfc=face)
        for i, name in enumerate(panels):
            value = values[name].get(test, np.nan)
            face, ink = paints[name](value)
            box = (right + width * i, y + 0.01)
            axes.add_patch(Rectangle(box, width - 0.06, step - 0.02, facecolor=face, edgecolor="none"))
            text = _number(value, name == "lead")
            axes.text(box[0] + width / 2, y + step / 2 + 0.01, text, ha="center", va="center", fontsize=8, color=ink)
    return figure


def _by_size(subsets: Mapping[str, frozenset[str]]) -> list[tuple[int, list[str]]]:
    """Test conditions by number kept, most first, in the order of their names within."""
    order = sorted(subsets, key=lambda test: (-len(subsets[test]), sorted(subsets[test])))
    return [(size, list(tests)) for size, tests in groupby(order, key=lambda test: len(subsets[test]))]


def _painter(values: Sequence[float], diverging: bool, lower: bool) -> Any:
    """From a value to the colour of its box and that of the text on it."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    defined = [value for value in values if np.isfinite(value)] or [0.0]
    reach = max(abs(min(defined)), abs(max(defined)), 1e-9)
    norm = Normalize(-reach, reach) if diverging else Normalize(min(defined), max(max(defined), min(defined) + 1e-9))
    colors = colormaps["PuOr_r"] if diverging else colormaps["YlGnBu_r" if lower else "YlGnBu"]
    start, span = (0.15, 0.7) if diverging else (0.4, 0.6) if lower else (0.0, 0.6)

    def paint(value: float) -> tuple[Any, str]:
        if not np.isfinite(value):
            return "#f4f6f8", "#1b1f24"
        face = colors(start + span * float(norm(value)))
        light = 0.2126 * face[0] + 0.7152 * face[1] + 0.0722 * face[2]
        return face, "#000000" if light > 0.45 else "#ffffff"

    return paint


def _number(value: float, signed: bool) -> str:
    if np.isnan(value):
        return "–"  # noqa: RUF001
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.lstrip("+-")  # no minus zero
