"""What is written is read again to the bit, whatever the numbers and the labels; and what cannot be is refused."""

import logging
import os
import random
import re
import warnings
from importlib.util import find_spec
from itertools import pairwise
from math import log
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse.graph import Factor, FactorGraph, Variable, bayesian_network
from graphfuse.networks import (
    Network,
    from_pgmpy,
    read_network,
    to_pgmpy_bayesian_network,
    write_network,
)
from graphfuse.networks.formats.bif import read_bif, write_bif
from graphfuse.networks.formats.net import read_net, write_net
from graphfuse.networks.formats.uai import read_uai, write_uai
from graphfuse.networks.formats.xmlbif import read_xmlbif, write_xmlbif
from graphfuse.networks.probabilities import decimals, log_table

EXAMPLES = Path((find_spec("pgmpy") or pytest.skip("pgmpy is missing", allow_module_level=True)).origin).parent / (
    "utils/example_models"
)
PUBLISHED = sorted(path.name.removesuffix(".bif.gz") for path in EXAMPLES.glob("*.bif.gz"))
SMALL = {"alarm", "child", "sachs"}
FORMATS = {
    "bif": (read_bif, write_bif),
    "net": (read_net, write_net),
    "uai": (read_uai, write_uai),
    "xmlbif": (read_xmlbif, write_xmlbif),
}
NAMED = ["bif", "net", "xmlbif"]
AWKWARD = (
    "no", "not yet", "a/b", "//", "/* x */", "(a, b)", "{", "}", "|", ";", "%", "50 %", "<b>", "&amp;", "]]>", "it's",
    "0", "-1", "1e5", "table", "default", "property", "naïve", "日本", "a\\b", "#", "=", "node", "yes, but; (no)",
)  # fmt: skip


def again(format: str, network: Network) -> Network:
    read, write = FORMATS[format]
    return read(write(network), f"again.{format}")


def assert_same_tables(found: Network, expected: Network) -> None:
    for one, other in zip(found.log_tables.values(), expected.log_tables.values(), strict=True):
        assert one.dtype == torch.float64
        assert torch.equal(one, other)


def network_of(shapes: dict[str, tuple[str, ...]], variables: list[Variable], generator: random.Random) -> Network:
    """Tables of random numbers with all their digits, as a file would hold them."""
    graph = bayesian_network(variables, shapes)
    tables = {}
    for name, scope in graph.scopes.items():
        rows = []
        for _ in range(graph.size(scope[:-1])):
            weights = [generator.random() ** 8 for _ in range(graph.num_states[name])]
            rows += [weight / sum(weights) for weight in weights]
        tables[name] = log_table(rows, graph.shape(scope))
    return Network(graph, tables)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "name", [name if name in SMALL else pytest.param(name, marks=pytest.mark.slow) for name in PUBLISHED]
)
def test_a_published_network_is_written_and_read_to_the_bit(name, format, tmp_path):
    network = read_network(EXAMPLES / f"{name}.bif.gz")
    write_network(network, tmp_path / f"{name}.{format}")
    found = read_network(tmp_path / f"{name}.{format}")
    assert_same_tables(found, network)
    assert found.graph.shape(found.graph.variable_names) == network.graph.shape(network.graph.variable_names)
    if format != "uai":
        assert found.graph == network.graph


@pytest.mark.parametrize("format", FORMATS)
def test_the_numbers_of_a_file_survive_many_rounds(format):
    variables = [Variable("a", 2), Variable("b", 3), Variable("c", 4)]
    network = network_of({"c": ("a", "b"), "b": ("a",)}, variables, random.Random(0))
    found = network
    for _ in range(4):
        found = again(format, found)
        assert_same_tables(found, network)


@pytest.mark.parametrize("format", NAMED)
def test_axes_keep_their_order_where_all_sizes_are_the_same(format):
    variables = [Variable(name, 2, ("lo", "hi")) for name in ("w", "x", "y", "z")]
    numbers = [value for first in range(8) for value in ((first + 1) / 16, 1 - (first + 1) / 16)]
    graph = FactorGraph(variables, [Factor("w", ("w",)), Factor("x", ("x",)), Factor("y", ("y",)),
                                    Factor("z", ("y", "w", "x", "z"))])  # fmt: skip
    tables = {name: log_table([0.25, 0.75], [2]) for name in "wxy"} | {"z": log_table(numbers, [2] * 4)}
    found = again(format, Network(graph, tables))
    assert found.graph == graph
    assert_same_tables(found, Network(graph, tables))
    assert float(found.log_tables["z"][1, 0, 1, 0].exp()) == pytest.approx(6 / 16)  # y=1, w=0, x=1 is the sixth row


@pytest.mark.parametrize("format", NAMED)
def test_awkward_labels_of_states_survive(format):
    graph = bayesian_network([Variable("a", len(AWKWARD), AWKWARD), Variable("b", 2, ("b a", "a b"))], {"b": ["a"]})
    numbers = [value for number in range(len(AWKWARD)) for value in (number / 64, 1 - number / 64)]
    uniform = log_table([1 / len(AWKWARD)] * len(AWKWARD), [len(AWKWARD)])
    network = Network(graph, {"a": uniform, "b": log_table(numbers, [len(AWKWARD), 2])})
    found = again(format, network)
    assert found.graph == graph
    assert_same_tables(found, network)


@pytest.mark.parametrize("format", ["bif", "xmlbif"])
def test_awkward_names_of_variables_survive(format):
    variables = [Variable(name, 2, ("no", "yes")) for name in AWKWARD]
    parents = {child: [parent] for parent, child in pairwise(AWKWARD)}
    network = network_of(parents, variables, random.Random(0))
    assert again(format, network).graph == network.graph
    assert_same_tables(again(format, network), network)


@pytest.mark.parametrize("format", NAMED)
def test_states_without_names_are_named_after_their_numbers(format):
    network = Network(bayesian_network([Variable("a", 3)], {}), {"a": log_table([0.2, 0.3, 0.5], [3])})
    assert again(format, network).graph.variables == (Variable("a", 3, ("0", "1", "2")),)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(FORMATS)),
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(0, 2**32),
)
def test_a_random_network_is_written_and_read_to_the_bit(format, sizes, seed):
    generator = random.Random(seed)
    variables = [Variable(f"v{number}", size, tuple("abcd"[:size])) for number, size in enumerate(sizes)]
    parents = {
        variable.name: generator.sample([other.name for other in variables[:number]], generator.randint(0, number))
        for number, variable in enumerate(variables)
    }
    network = network_of(parents, variables, generator)
    assert_same_tables(again(format, network), network)
    if format != "uai":
        assert again(format, network).graph == network.graph


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1.7e308, allow_subnormal=True))
def test_the_logarithm_of_any_float_is_written_to_the_bit(number):
    table = log_table([number], [1])
    (text,) = decimals("table", table)
    assert torch.equal(log_table([float(text)], [1]), table)
    assert len(text) <= len(repr(number))


@settings(max_examples=60, deadline=None)
@given(st.floats(-690, 690))
def test_any_logarithm_is_written_within_rounding_and_then_to_the_bit(value):
    table = torch.tensor([value], dtype=torch.float64)
    (text,) = decimals("table", table)
    found = log_table([float(text)], [1])
    assert abs(float(found) - value) <= max(1e-15, abs(value) * 2**-52)
    assert decimals("table", found) == [text]


@pytest.mark.parametrize("value", [-800.0, -746.0, -740.0, 710.0])
def test_a_potential_that_no_number_holds_is_refused_by_factor(value):
    network = Network(FactorGraph([Variable("a", 1)], [Factor("tie", ("a",))]), {"tie": torch.tensor([value]).double()})
    with pytest.raises(ValueError, match=r"log_tables\['tie'\] must hold logarithms of numbers that float64 holds"):
        write_uai(network)


def test_single_precision_is_read_again_to_its_own_bits():
    table = torch.tensor([0.1, 0.2, 0.7]).log()
    assert table.dtype == torch.float32
    network = Network(bayesian_network([Variable("a", 3)], {}), {"a": table})
    assert torch.equal(again("bif", network).to(dtype=torch.float32).log_tables["a"], table)


@pytest.mark.parametrize("name", ["asia", "sachs"])
def test_written_files_read_the_same_with_pgmpy(name):
    from pgmpy.readwrite import BIFReader, XMLBIFReader

    network = read_network(EXAMPLES / f"{name}.bif.gz")
    for reader, write in ((BIFReader, write_bif), (XMLBIFReader, write_xmlbif)):
        found = from_pgmpy(reader(string=write(network)).get_model())
        for child, scope in network.graph.scopes.items():
            assert found.graph.scopes[child] == scope
            assert found.graph.variable(child).states == network.graph.variable(child).states
            assert torch.equal(found.log_tables[child], network.log_tables[child])


@pytest.mark.parametrize(("name", "bound"), [("asia", 0), ("cancer", 0), ("sachs", 5.1e-9)])
def test_net_files_read_the_same_with_pgmpy_which_itself_writes_eight_decimals(name, bound):
    from pgmpy.readwrite import NETReader, NETWriter

    network = read_network(EXAMPLES / f"{name}.bif.gz")
    ours = from_pgmpy(NETReader(string=write_net(network)).get_model())
    theirs = read_net(str(NETWriter(to_pgmpy_bayesian_network(network))), f"{name}.net")
    for child, scope in network.graph.scopes.items():
        assert ours.graph.scopes[child] == theirs.graph.scopes[child] == scope
        assert torch.equal(ours.log_tables[child], network.log_tables[child])
        difference = (theirs.log_tables[child].exp() - network.log_tables[child].exp()).abs().max()
        assert float(difference) <= bound + 1e-15


@pytest.mark.parametrize("name", ["asia", "insurance"])
def test_xmlbif_files_of_pgmpy_read_the_same(name):
    from pgmpy.readwrite import XMLBIFWriter

    network = read_network(EXAMPLES / f"{name}.bif.gz")
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read_xmlbif(str(XMLBIFWriter(to_pgmpy_bayesian_network(network))), f"{name}.xmlbif")
    finally:
        logging.disable(logging.NOTSET)
    for child, scope in network.graph.scopes.items():
        assert found.graph.scopes[child] == scope
        torch.testing.assert_close(found.log_tables[child].exp(), network.log_tables[child].exp(), rtol=1e-14, atol=0)


TIE = Network(FactorGraph([Variable("a", 2)], [Factor("tie", ("a",))]), {"tie": torch.zeros(2).double()})
HALF = Network(bayesian_network([Variable("a", 2)], {}), {"a": log_table([0.5, 0.4], [2])})
CIRCLE = Network(
    FactorGraph([Variable("a", 2), Variable("b", 2)], [Factor("a", ("b", "a")), Factor("b", ("a", "b"))]),
    {"a": log_table([0.5] * 4, [2, 2]), "b": log_table([0.5] * 4, [2, 2])},
)


@pytest.mark.parametrize("format", NAMED)
@pytest.mark.parametrize(
    ("network", "message"),
    [
        (TIE, "factor 'tie' of network must be named after the last variable"),
        (HALF, r"log_tables\['a'\] over \('a',\) must be a conditional distribution of 'a', .*; got a sum of 0\.9"),
        (CIRCLE, "parents must close no directed cycle; got a cycle through 'b', 'a'"),
        (Network(FactorGraph([], []), {}), "network must have at least one variable, .*; got none"),
        (Network(FactorGraph([Variable("a", 2)], []), {}), "a factor named after every variable; got none for 'a'"),
    ],
    ids=["potential", "sum", "cycle", "empty", "absent"],
)
def test_what_is_no_bayesian_network_is_refused_by_factor_and_no_file_is_left(format, network, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_network(network, tmp_path / f"a.{format}")
    assert list(tmp_path.iterdir()) == []


def one(name: str, *states: str) -> Network:
    return Network(bayesian_network([Variable(name, len(states), states)], {}), {name: log_table([0.25, 0.75], [2])})


@pytest.mark.parametrize(
    ("format", "network", "found"),
    [
        ("bif", one("a", 'say "no"', "b"), "'say \"no\"'"),
        ("bif", one("a\nb", "c", "d"), r"'a\\nb'"),
        ("net", one("a b", "c", "d"), "'a b'"),
        ("net", one("a", 'say "no"', "b"), "'say \"no\"'"),
        ("xmlbif", one("a", " c", "d"), "' c'"),
        ("xmlbif", one("a", "c\x07", "d"), r"'c\\x07'"),
        ("bif", one("a", "\ud800", "d"), r"'\\ud800'"),
        ("xmlbif", one("a", "\ud800", "d"), r"'\\ud800'"),
    ],
)
def test_a_name_that_a_format_cannot_hold_is_refused_and_no_file_is_left(format, network, found, tmp_path):
    with pytest.raises(ValueError, match=rf"name.* must .*; got {found}\.|states .* must .*; got {found}\."):
        write_network(network, tmp_path / f"a.{format}")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_suffix_lists_the_valid_ones(tmp_path):
    for name in ("a.txt", "a", "a.gz", "bif"):
        with pytest.raises(ValueError, match=r"one of '\.bif', '\.net', '\.uai', '\.xmlbif' or this and '\.gz'; got"):
            write_network(one("a", "b", "c"), tmp_path / name)
    with pytest.raises(TypeError, match="network must be a Network; got str"):
        write_network("a", tmp_path / "a.bif")


@pytest.mark.parametrize("suffix", ["bif", "bif.gz", "BIF.GZ"])
def test_a_file_is_replaced_as_a_whole_or_not_at_all(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"a.{suffix}"
    write_network(one("a", "b", "c"), path)
    before = path.read_bytes()
    assert read_network(path).graph.variable("a").states == ("b", "c")

    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="no space left"):
            write_network(one("a", "b", "d"), path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    write_network(one("a", "b", "d"), str(path))
    assert read_network(path).graph.variable("a").states == ("b", "d")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in ("a.uai.gz", "b.uai.gz"):
        write_network(one("a", "b", "c"), tmp_path / name)
    assert (tmp_path / "a.uai.gz").read_bytes() == (tmp_path / "b.uai.gz").read_bytes()


def test_a_compressed_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    from graphfuse.networks import files

    write_network(one("a", "b", "c"), tmp_path / "a.bif.gz")
    monkeypatch.setattr(files, "_LARGEST", 20)
    with pytest.raises(ValueError, match=r"a\.bif\.gz must hold at most 20 bytes when unpacked; got more"):
        read_network(tmp_path / "a.bif.gz")


def test_tables_read_from_a_file_are_the_logarithms_of_its_numbers():
    text = write_bif(one("a", "b", "c")).replace("0.25, 0.75", "0.123456789012345678, 0.876543210987654322")
    found = re.search(r"table (\S+), (\S+);", text)
    table = read_bif(text, "a.bif").log_tables["a"]
    assert torch.equal(table, torch.tensor([float(found[1]), float(found[2])], dtype=torch.float64).log())
    assert float(table[0]) == pytest.approx(log(0.123456789012345678), rel=1e-15)
