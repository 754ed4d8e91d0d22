"""The graph itself: variables as circles, factors as squares, and the modalities that fill them as boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..checks import check_type
from ..fusion import GraphFusion
from ..fusion.graph_fusion import read_by
from ..graph import FactorGraph
from ..graph.text import to_dot
from .style import COLORS, FAINT, INK, OURS, house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Node = tuple[str, str]  # kind and name

_COLUMN = 3  # variables that stand in a column; more are spread over the plane
_LINE = 0.3  # inches from node to node within a column


def modalities_read(model: Any) -> dict[str, tuple[str, ...]]:
    """By factor, the modalities that fill its table; factors that read none are left out.

    Args:
        model: A ``GraphFusion``, or a fitted classifier over one: then the modalities are those that its experts read.

    Raises:
        TypeError: If the model is neither.

    Example:
        >>> from graphfuse import GraphFusion, ScorePotential, TablePotential, Variable, star
        >>> potentials = {"prior": TablePotential(torch.zeros(2)), "ecg": ScorePotential(2, "ecg")}
        >>> modalities_read(GraphFusion(star(Variable("ill", 2), ["ecg"]), potentials, ["ill"]))
        {'ecg': ('ecg',)}
    """
    fusion, sources = getattr(model, "model_", model), getattr(model, "sources_", {})
    check_type("model", fusion, GraphFusion, "be a GraphFusion, or a fitted classifier over one")
    read = {name: read_by(potential) for name, potential in fusion.potential_of.items()}
    named = {name: [sources.get(each, each) for each in found] for name, found in read.items() if found}
    return {name: tuple(dict.fromkeys(found)) for name, found in named.items()}


def graph_drawing(graph: FactorGraph, reads: Mapping[str, Sequence[str]] | None = None) -> Figure:
    """The graph as a picture; up to three variables in a column with factors and modalities beside them, else spread.

    Args:
        graph: What to draw.
        reads: By factor, the modalities that fill its table, as from ``modalities_read``.

    Raises:
        TypeError: If ``graph`` is no ``FactorGraph``.
        ValueError: If ``reads`` names an unknown factor, or repeats a modality of a factor.

    Example:
        >>> from graphfuse import Variable, star
        >>> figure = graph_drawing(star(Variable("ill", 2), ["ecg"]), {"ecg": ["ecg"]})
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['ill', 'prior', 'ecg', 'ecg']

    Reference: Kschischang, Frey and Loeliger (2001), Factor graphs and the sum-product algorithm.
    """
    to_dot(graph, reads)  # refuses what cannot be drawn
    reads = reads or {}
    modalities = list(dict.fromkeys(name for found in reads.values() for name in found))
    ties = [(("factor", f.name), ("variable", name)) for f in graph.factors for name in f.scope]
    ties += [(("modality", name), ("factor", factor)) for factor, found in reads.items() for name in found]
    nodes = [("variable", name) for name in graph.variable_names]
    nodes += [("factor", factor.name) for factor in graph.factors] + [("modality", name) for name in modalities]
    with house_style():
        if len(graph.variables) <= _COLUMN:
            places, height = _columns(nodes)
        else:
            places, height = _spread(nodes, ties, graph.scopes)
        figure = new_figure(height)
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 5.2), ylim=(0, height))  # inches
        axes.axis("off")
        for a, b in ties:
            (x, y), (u, v) = places[a], places[b]
            axes.plot([x, u], [y, v], color=FAINT if a[0] == "factor" else COLORS[0], lw=0.9, zorder=1)
        small = len(graph.variables) > _COLUMN
        for kind, name in nodes:
            if kind == "factor" and small and len(graph.scopes[name]) > 1:
                axes.plot(*places[kind, name], "s", ms=5, color=INK, zorder=2)  # the edge says what it ties
                continue
            axes.text(*places[kind, name], _cut(name), ha="center", va="center", zorder=3, **_box(kind, small))
    return figure


def _box(kind: str, small: bool) -> dict[str, Any]:
    """How the name of a node is framed."""
    shape, edge, face = {
        "variable": ("circle,pad=0.35", OURS, "#fdf0e6"),
        "factor": ("square,pad=0.35", INK, "#f1f2f4"),
        "modality": ("round4,pad=0.35", COLORS[0], "#e8f1f8"),
    }[kind]
    if small and kind == "variable":  # a circle around a long name would hide its neighbours
        shape = "round,pad=0.4,rounding_size=0.9"
    return {
        "fontsize": 8.0 if small else 9.0,
        "color": INK,
        "bbox": {"boxstyle": shape, "fc": face, "ec": edge, "lw": 1.3},
    }


def _cut(name: str) -> str:
    flat = " ".join(name.split()) or "·"
    return flat if len(flat) <= 22 else f"{flat[:21]}…"


def _columns(nodes: Sequence[tuple[str, str]]) -> tuple[dict[tuple[str, str], tuple[float, float]], float]:
    """Modalities to the left, factors, then variables, each column centred."""
    by_kind = {kind: [node for node in nodes if node[0] == kind] for kind in ("modality", "factor", "variable")}
    by_kind = {kind: found for kind, found in by_kind.items() if found}
    height = max(1.6, 0.3 + _LINE * max(len(found) for found in by_kind.values()))
    across = dict(zip(by_kind, {3: (0.9, 2.75, 4.5), 2: (1.5, 3.9), 1: (2.6,)}[len(by_kind)], strict=True))
    places = {}
    for kind, found in by_kind.items():
        step = min(height / len(found), 3 * _LINE)
        for i, node in enumerate(found):
            places[node] = (across[kind], height / 2 + step * ((len(found) - 1) / 2 - i))
    return places, height


def _spread(
    nodes: Sequence[Node], ties: Sequence[tuple[Node, Node]], scopes: Mapping[str, tuple[str, ...]]
) -> tuple[dict[Node, tuple[float, float]], float]:
    """Pairs on the line between their variables, these around a circle or as a tree; else whatever parts nodes best."""
    import networkx as nx

    places: dict[Node, tuple[float, ...]]
    height = min(8.0, 2.6 + 0.12 * len(nodes))
    pairs = [scope for scope in scopes.values() if len(scope) == 2]
    variables = [name for kind, name in nodes if kind == "variable"]
    if len(pairs) == len(scopes) and all(kind != "modality" for kind, _ in nodes):
        drawn: Any = nx.Graph()
        drawn.add_nodes_from(variables)
        drawn.add_edges_from(pairs)
        tree = nx.is_tree(drawn)
        found = nx.kamada_kawai_layout(drawn) if tree else nx.circular_layout(drawn)
        height = height if tree else 4.4
        places = {("variable", name): tuple(map(float, place)) for name, place in found.items()}
        seen: dict[frozenset[str], int] = {}
        for factor, (a, b) in scopes.items():
            times = seen[frozenset((a, b))] = seen.get(frozenset((a, b)), 0) + 1
            share = 0.5 / times  # a second factor of the same pair stands nearer to one of them
            ends = places["variable", a], places["variable", b]
            places["factor", factor] = tuple(share * x + (1 - share) * y for x, y in zip(*ends, strict=True))
    else:
        layout: Any = nx.Graph(ties)
        layout.add_nodes_from(nodes)
        connected = nx.is_connected(layout)
        found = nx.kamada_kawai_layout(layout) if connected else nx.spring_layout(layout, seed=0, k=0.6)
        places = {node: tuple(map(float, place)) for node, place in found.items()}
    xs, ys = ([place[i] for place in places.values()] for i in (0, 1))
    wide, tall = (max(values) - min(values) or 1.0 for values in (xs, ys))
    return {
        node: (0.75 + 3.7 * (x - min(xs)) / wide, 0.35 + (height - 0.7) * (y - min(ys)) / tall)
        for node, (x, y) in places.items()
    }, height
