"""Graphs as text: what another program reads back is the graph, whatever the names hold."""

import re
from itertools import pairwise

import pytest

from graphfuse import Factor, FactorGraph, Variable, chain, star
from graphfuse.graph import to_dot, to_mermaid

HOSTILE = [
    'a "b"',
    "[x](y)",
    "line\nbreak",
    "back\\slash\\",
    'end"];\nv9 -- v8 [label="x',
    "#quot;",
    "`code`",
    "ßµ",
    " ",
]


def hostile():
    variables = [Variable(name, 2) for name in HOSTILE]
    pairs = [Factor(f"{a}--{b}", (a, b)) for a, b in pairwise(HOSTILE)]
    return FactorGraph(variables, pairs), {pairs[0].name: HOSTILE[:3], pairs[1].name: HOSTILE[2:4]}


def read_mermaid(text):
    """Names by node, and edges, by the grammar of the flowcharts that we write."""
    lines = text.removesuffix("\n").split("\n")
    assert lines[0] == "flowchart LR"
    names, edges = {}, []
    shapes = {"v": r'\(\("(.*)"\)\)', "f": r'\["(.*)"\]', "m": r'\(\["(.*)"\]\)'}
    for line in lines[1:]:
        edge = re.fullmatch(r"    (\w+) (---|-->) (\w+)", line)
        if edge:
            edges.append((edge[1], edge[3]))
            continue
        kind, number, shape = re.fullmatch(r"    ([vfm])(\d+)(.*)", line).groups()
        label = re.fullmatch(shapes[kind], shape)[1]
        assert '"' not in label and "`" not in label
        names[kind + number] = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label)
    return names, edges


def read_dot(text):
    pydot = pytest.importorskip("pydot")
    [graph] = pydot.graph_from_dot_data(text)
    inside = {"n": "\n", "\\": "\\", '"': '"'}
    names = {}
    for node in graph.get_nodes():
        if node.get_label() is not None:
            names[node.get_name()] = re.sub(r"\\(.)", lambda found: inside[found[1]], node.get_label()[1:-1])
    return names, [(edge.get_source(), edge.get_destination()) for edge in graph.get_edges()]


@pytest.mark.parametrize(("write", "read"), [(to_mermaid, read_mermaid), (to_dot, read_dot)], ids=["mermaid", "dot"])
def test_a_graph_with_hostile_names_is_read_back(write, read):
    graph, reads = hostile()
    names, edges = read(write(graph, reads))
    said = {f"v{i}": name for i, name in enumerate(graph.variable_names)}
    said |= {f"f{i}": factor.name for i, factor in enumerate(graph.factors)}
    said |= {f"m{i}": name for i, name in enumerate(HOSTILE[:4])}
    assert names == said
    ties = {(said[f"f{i}"], name) for i, factor in enumerate(graph.factors) for name in factor.scope}
    readings = {(name, factor) for factor, modalities in reads.items() for name in modalities}
    assert len(edges) == len(ties) + len(readings)
    assert {(said[a], said[b]) for a, b in edges} == ties | readings


def test_circles_squares_and_boxes_tell_variables_factors_and_modalities_apart():
    graph = star(Variable("ill", 2), ["ecg"])
    text = to_dot(graph, {"ecg": ["heart"]})
    assert 'v0 [shape=circle, label="ill"]' in text and 'f1 [shape=square, label="ecg"]' in text
    assert 'm0 [shape=box, style="rounded", label="heart"]' in text and "m0 -- f1 [dir=forward]" in text


def test_a_modality_that_two_factors_read_stands_once():
    graph = chain([Variable("a", 2), Variable("b", 2)])
    text = to_mermaid(graph, {"a": ["scan"], "b": ["scan"]})
    assert text.count('"scan"') == 1 and "m0 --> f0" in text and "m0 --> f1" in text


@pytest.mark.parametrize("write", [to_mermaid, to_dot])
def test_what_is_no_part_of_the_graph_is_refused_by_name(write):
    graph = star(Variable("ill", 2), ["ecg"])
    with pytest.raises(
        ValueError, match=r"each factor in reads must be one of 'prior', 'ecg'; got 'egc' \(did you mean"
    ):
        write(graph, {"egc": ["heart"]})
    with pytest.raises(TypeError, match=r"reads\['ecg'\] must be a sequence of names"):
        write(graph, {"ecg": "heart"})
    with pytest.raises(TypeError, match="graph must be a FactorGraph; got str"):
        write("ill")
