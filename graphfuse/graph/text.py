"""A graph as text that other programs draw: Mermaid for pages of markdown, DOT for Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..checks import check_known, check_names, check_type
from .factor_graph import FactorGraph

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-.,:/+=")


def to_mermaid(graph: FactorGraph, reads: Mapping[str, Sequence[str]] | None = None) -> str:
    """The graph as a Mermaid flowchart: variables are circles, factors squares, modalities rounded boxes.

    Names may hold anything; what is not plain is written as the number of its character.

    Args:
        graph: What to draw.
        reads: By factor, the modalities that fill its table; one that several factors read is drawn once.

    Returns:
        Lines of text, for a block of markdown marked ``mermaid``.

    Raises:
        TypeError: If ``graph`` is no ``FactorGraph``.
        ValueError: If ``reads`` names an unknown factor, or repeats a modality of a factor.

    Example:
        >>> from graphfuse import Variable, star
        >>> print(to_mermaid(star(Variable("flu", 2), ["cough"]), {"cough": ["sound"]}), end="")
        flowchart LR
            v0(("flu"))
            f0["prior"]
            f1["cough"]
            m0(["sound"])
            f0 --- v0
            f1 --- v0
            m0 --> f1

    Reference: https://mermaid.js.org/syntax/flowchart.html
    """
    modalities = _modalities(graph, reads)
    lines = ["flowchart LR"]
    lines += [f'    v{i}(("{_plain(name)}"))' for i, name in enumerate(graph.variable_names)]
    lines += [f'    f{i}["{_plain(factor.name)}"]' for i, factor in enumerate(graph.factors)]
    lines += [f'    m{i}(["{_plain(name)}"])' for i, name in enumerate(modalities)]
    lines += [f"    {a} --- {b}" for a, b in _ties(graph)]
    lines += [f"    {a} --> {b}" for a, b in _readings(graph, reads, modalities)]
    return "\n".join(lines) + "\n"


def to_dot(graph: FactorGraph, reads: Mapping[str, Sequence[str]] | None = None) -> str:
    r"""The graph in the language of Graphviz: variables are circles, factors squares, modalities rounded boxes.

    Args:
        graph: What to draw.
        reads: As for ``to_mermaid``.

    Returns:
        The text of a ``.dot`` file.

    Raises:
        TypeError: As for ``to_mermaid``.
        ValueError: As for ``to_mermaid``.

    Example:
        >>> from graphfuse import Variable, star
        >>> print(to_dot(star(Variable('the "flu"', 2), [])), end="")
        graph factors {
            rankdir=LR;
            v0 [shape=circle, label="the \"flu\""];
            f0 [shape=square, label="prior"];
            f0 -- v0;
        }

    Reference: https://graphviz.org/doc/info/lang.html
    """
    modalities = _modalities(graph, reads)
    lines = ["graph factors {", "    rankdir=LR;"]
    lines += [f"    v{i} [shape=circle, label={_quoted(name)}];" for i, name in enumerate(graph.variable_names)]
    lines += [f"    f{i} [shape=square, label={_quoted(factor.name)}];" for i, factor in enumerate(graph.factors)]
    lines += [f'    m{i} [shape=box, style="rounded", label={_quoted(name)}];' for i, name in enumerate(modalities)]
    lines += [f"    {a} -- {b};" for a, b in _ties(graph)]
    lines += [f"    {a} -- {b} [dir=forward];" for a, b in _readings(graph, reads, modalities)]
    return "\n".join([*lines, "}"]) + "\n"


def _modalities(graph: FactorGraph, reads: Mapping[str, Sequence[str]] | None) -> list[str]:
    """Every modality once, in the order in which factors name them."""
    check_type("graph", graph, FactorGraph, "be a FactorGraph")
    if reads is None:
        return []
    check_type("reads", reads, Mapping, "be a mapping from factors to modalities")
    for factor in reads:
        check_known("each factor in reads", factor, graph.scopes)
    return list(dict.fromkeys(name for factor in reads for name in check_names(f"reads[{factor!r}]", reads[factor])))


def _ties(graph: FactorGraph) -> Iterator[tuple[str, str]]:
    places = {name: i for i, name in enumerate(graph.variable_names)}
    return ((f"f{i}", f"v{places[name]}") for i, factor in enumerate(graph.factors) for name in factor.scope)


def _readings(
    graph: FactorGraph, reads: Mapping[str, Sequence[str]] | None, modalities: list[str]
) -> Iterator[tuple[str, str]]:
    places = {name: i for i, name in enumerate(modalities)}
    factors = {factor.name: i for i, factor in enumerate(graph.factors)}
    return ((f"m{places[name]}", f"f{factors[factor]}") for factor in reads or {} for name in (reads or {})[factor])


def _plain(name: str) -> str:
    """Safe between the quotes of Mermaid, where ``#34;`` is the character of number 34."""
    return "".join(letter if letter in _PLAIN or letter.isalnum() else f"#{ord(letter)};" for letter in name)


def _quoted(name: str) -> str:
    """As a string of DOT; backslashes are doubled, since what follows one may stand for something."""
    text = name.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\n").replace("\n", "\\n")
    return f'"{text}"'
